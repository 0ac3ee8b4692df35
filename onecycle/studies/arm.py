"""What a study varies: an arm is the recipe that params.yaml asks for, with some changes."""

import json
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from onecycle.params import parse
from onecycle.paths import Paths

ASKED = "as asked"  # the arm that changes nothing


@dataclass(frozen=True)
class Arm:
    """One variation, trained once for each seed.

    Attributes:
        name: in tables and pictures; unique in its study.
        changes: values by their dotted keys below the problem, such as `learner.wd`; a mapping
            takes the place of what stood there.
        folds: trained once for each of so many folds (`split.fold` is set), whose judged items are
            then taken together; 0: once, on one split.
        held_out: labels that are taken out of every part; their items of the judged part become a
            part of their own, `unknown`.
        many: whether single labels are trained as lists of one, so with binary cross-entropy.
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    folds: int = 0
    held_out: tuple[str, ...] = ()
    many: bool = False

    def sections(self, asked: Mapping[str, Any], seed: int, fold: int | None) -> dict[str, Any]:
        """A problem's sections with the changes, for one seed and fold."""
        last = {"learner.seed": seed} | ({} if fold is None else {"split.fold": fold})
        return changed(asked, {**self.changes, **last})


def changed(sections: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Sections with some values in the place of others; keys are dotted."""
    found = deepcopy(dict(sections))
    for key, value in changes.items():
        *way, last = key.split(".")
        place = found
        for name in way:
            if not isinstance(place.get(name), dict):
                place[name] = {}
            place = place[name]
        place[last] = deepcopy(value)
    return found


@dataclass(frozen=True)
class Asked:
    """What a study is asked to look at.

    Attributes:
        paths: the problem's files.
        sections: its sections, every default written out.
        kind: of its target.
        seeds: each arm is trained with each of them.
        values: what to try in place of the study's own grid; empty: that.
        folds: of studies that fold.
    """

    paths: Paths
    sections: dict[str, Any]
    kind: str
    seeds: Sequence[int]
    values: Sequence[Any] = ()
    folds: int = 5

    @property
    def problem(self) -> str:
        """Its name in params.yaml."""
        return self.paths.problem

    def of(self, key: str) -> Any:  # noqa: ANN401 - any value of params.yaml
        """The value of a dotted key below the problem; null where a section lacks it."""
        found: Any = self.sections
        for name in key.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        return found

    @property
    def phases(self) -> list[str]:
        """The phases of train that have epochs."""
        return [name for name in ("frozen", "unfrozen") if self.of(f"train.{name}.epochs")]

    def setting(self, key: str, value: Any) -> str:  # noqa: ANN401 - likewise
        """What `--set` takes to adopt a value."""
        return f"problems.{self.problem}.{key}={yaml(value)}"


def yaml(value: Any) -> str:  # noqa: ANN401 - any value of params.yaml
    """A value in YAML's short style, on one line; read again it is the same."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{yaml(key)}: {yaml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(yaml, value)) + "]"
    if isinstance(value, float):
        short = f"{value:.3g}"
        return short if float(short) == value else repr(value)
    return _text(value) if isinstance(value, str) else str(value)


def _text(value: str) -> str:
    """Text, in quotes where it would be taken for something else."""
    plain = re.fullmatch(r"\w([\w./:-]*\w)?", value) and parse(value, value) == value
    return value if plain else json.dumps(value, ensure_ascii=False)
