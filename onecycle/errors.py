"""What a user's mistake raises, and a training that went astray."""

from typing import Any

DOCTOR = "run `python -m flows.doctor`, then run again"
COPY = f"{DOCTOR}; if it is a copy, copy it anew"


class UserError(Exception):
    """Something outside the code is wrong: the data, the parameters or the machine.

    Its text names the place (file and row, or the key's full path), what was expected there and
    the remedy. The command line prints it alone, without a traceback, and ends with `status`.
    """

    status = 1


class DiskError(UserError):
    """A file or folder that could not be written: a disk that is full, read-only, or gone.

    Args:
        said: what happened, and the remedy.
        needs: bytes; null: not known.
    """

    def __init__(self, said: str, needs: int | None = None) -> None:
        super().__init__(said)
        self.needs = needs


class DamagedError(UserError, ValueError):
    """A file that is not what was written: its bytes have changed, or some are gone.

    Args:
        file: its path.
        why: how that is known.
        remedy: what helps.
    """

    def __init__(self, file: object, why: object, remedy: str = DOCTOR) -> None:
        super().__init__(f"{file}: is damaged ({why}): {remedy}")
        self.why = why


class NotFiniteError(UserError):
    """A loss that is NaN or infinite, or scores that are.

    Args:
        said: what happened, and the remedy.
        before: the state before the step that gave it, with the step's batch; null: it was none.
    """

    status = 3

    def __init__(self, said: str, before: Any = None) -> None:  # noqa: ANN401 - a State, which is torch's affair
        super().__init__(said)
        self.before = before
