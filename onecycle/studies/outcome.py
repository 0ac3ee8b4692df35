"""What an arm's trainings came to: the scores of every judged item, the history, the time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from onecycle.decide.scores import Array
from onecycle.errors import UserError
from onecycle.paths import read_json, write_json
from onecycle.studies.arm import Arm

SCORES, TOLD = "scores.npz", "run.json"


@dataclass(frozen=True)
class Part:
    """The items of a part with what a model makes of them.

    Attributes:
        ids: str [N], ascending.
        y: the truth, as `onecycle.decide.kinds.Kind` has it; without meaning for `unknown`.
        scores: float [N, width], raw.
        groups: str [N]; null where an item has none.
        size_px: width and height of pictures as published, float [N, 2]; null without pictures.
        epochs: of valid: scores after each epoch, float [E, N, width]; null for other parts.
    """

    ids: Array
    y: Array
    scores: Array
    groups: Array | None = None
    size_px: Array | None = None
    epochs: Array | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def arrays(self) -> dict[str, Array]:
        """Those that there are, by name."""
        return {name: each for name, each in vars(self).items() if each is not None}

    @classmethod
    def pooled(cls, parts: Sequence["Part"]) -> "Part":
        """The items of several parts, by id."""
        if len(parts) == 1:
            return parts[0]
        names = [name for name in parts[0].arrays() if name != "epochs"]
        all_of = {name: np.concatenate([getattr(each, name) for each in parts]) for name in names}
        order = np.argsort(all_of["ids"], kind="stable")
        return cls(**{name: each[order] for name, each in all_of.items()})


@dataclass(frozen=True)
class Run:
    """One training, in its folder.

    Attributes:
        folder: where it lies.
        told: `history` (rows of history.csv), `phases` (as model.json has them), `found` (as
            lr.json), `seconds` and `cpu_s` of training, `failed` (why, where it gave no model).
    """

    folder: Path
    told: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "Run":
        """Reads what `write` wrote.

        Raises:
            UserError: it is damaged; so does `parts`.
        """
        with told_if_damaged(folder):
            return cls(folder, read_json(folder / TOLD))

    @property
    def failed(self) -> str | None:
        """Why there is no model; null where there is one."""
        found: str | None = self.told["failed"]
        return found

    @cached_property
    def parts(self) -> dict[str, Part]:
        """By name: `valid`, and `test`, `calib` and `unknown` where there are such."""
        found: dict[str, dict[str, Array]] = {}
        with told_if_damaged(self.folder), (self.folder / SCORES).open("rb") as file:
            arrays = np.load(file)  # given a name it would leave a damaged file open
            for key in arrays.files:
                part, _, name = key.partition("/")
                found.setdefault(part, {})[name] = arrays[key]
        return {part: Part(**each) for part, each in found.items()}

    def rows(self, name: str) -> Array:
        """A column of the history, float [E]."""
        return np.array([row[name] for row in self.told["history"]], dtype=np.float64)


@contextmanager
def told_if_damaged(folder: Path) -> Iterator[None]:
    """Tells of a training whose files were damaged after they were written."""
    try:
        yield
    except (FileNotFoundError, EOFError, BadZipFile, ValueError) as error:
        why = getattr(error, "why", error)  # of a DamagedError: without another remedy
        raise UserError(
            f"{folder}: a training that was kept is damaged ({why}); remove the folder, and run "
            "the study again: only what is missing is trained"
        ) from error


def write(folder: Path, parts: Mapping[str, Part], told: Mapping[str, Any]) -> None:
    """Writes a training into an empty folder; what tells that it is whole comes last."""
    arrays = {
        f"{part}/{name}": each for part, of in parts.items() for name, each in of.arrays().items()
    }
    np.savez(folder / SCORES, **arrays)  # type: ignore[arg-type]  # its keywords are arrays
    write_json(folder / TOLD, dict(told), sealed=True)


@dataclass(frozen=True)
class Outcome:
    """An arm's trainings.

    Attributes:
        arm: what was varied.
        runs: for each seed those of each fold, or the one.
    """

    arm: Arm
    runs: Sequence[Sequence[Run]]

    @property
    def failed(self) -> str | None:
        """Why the first training that failed did so; null where none did."""
        return next((run.failed for of in self.runs for run in of if run.failed), None)

    @property
    def lost(self) -> bool:
        """Whether no training gave a model; where some did, the arm may yet be the best."""
        return all(run.failed for of in self.runs for run in of)

    def parts(self, name: str) -> list[Part] | None:
        """A part's items as each seed's models judge them, folds together.

        Null where the split has no such part, or a training failed.
        """
        if self.failed or name not in self.runs[0][0].parts:
            return None
        return [Part.pooled([run.parts[name] for run in of]) for of in self.runs]

    @property
    def judged(self) -> str:
        """What tells the score: test, or valid where there is no test part."""
        return "test" if "test" in self.runs[0][0].parts else "valid"

    def mean(self, name: str) -> float:
        """The mean of a number that each training tells, such as `cpu_s`."""
        return float(np.mean([run.told[name] for of in self.runs for run in of]))
