"""What a look at this tree found: apart, for a run that only looks a little imports no DVC."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        what: in a line.
        mend: does what the line says; null where that is a person's affair.
    """

    what: str
    mend: Callable[[], object] | None = None
