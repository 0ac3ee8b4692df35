"""What a study found: arms beside each other, numbers, sentences, and the lines that adopt it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onecycle.report.figures import Draw
from onecycle.report.parts import Table
from onecycle.studies.arm import Asked
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.outcome import Outcome

Done = Mapping[str, Outcome]


@dataclass(frozen=True)
class Picture:
    """A picture of the finding.

    Attributes:
        draw: fills a figure.
        alt: the same in words, for those who can't see it.
        caption: shown below.
        height: in inches of 96 CSS pixels.
    """

    draw: Draw
    alt: str
    caption: str = ""
    height: float = 3.2


@dataclass(frozen=True)
class Finding:
    """What a study found.

    Attributes:
        says: sentences, the finding first.
        judges: what the arms come to, by the part of the items.
        base: the arm that the others are compared with.
        adopt: what `--set` takes to adopt it; empty: there is nothing to change.
        figures: numbers that only this study has, by name.
        tables: likewise.
        picture: of it; null: the arms' scores.
    """

    says: Sequence[str]
    judges: Mapping[str, Judge]
    base: str
    adopt: Sequence[str] = ()
    figures: Mapping[str, Estimate | float | str] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    picture: Picture | None = None


def judged(asked: Asked, done: Done, *, metric: str | None = None) -> dict[str, Judge]:
    """The arms on valid, which chooses, and on test, which tells what the choice is worth."""
    part = next((each.judged for each in done.values() if not each.failed), "valid")
    parts = dict.fromkeys(["valid", part])
    return {part: Judge.of(asked.kind, done, part, metric) for part in parts}


def to_json(name: str, question: str, asked: Asked, done: Done, found: Finding) -> dict[str, Any]:
    """A finding as `reports/<p>/studies/NAME.json` has it."""
    judges = found.judges
    one = next(iter(judges.values()))
    figures = {
        key: each.json() if isinstance(each, Estimate) else each
        for key, each in found.figures.items()
    }
    return {
        "study": name,
        "problem": asked.problem,
        "question": question,
        "kind": asked.kind,
        "metric": one.metric,
        "lower_is_better": one.lower_is_better,
        "seeds": list(asked.seeds),
        "n": {part: judge.n for part, judge in judges.items()},
        "groups": {part: judge.groups for part, judge in judges.items()},
        "within_groups": {part: judge.within_groups for part, judge in judges.items()},
        "base": found.base,
        "arms": [_arm(each, found) for each in done.values()],
        "figures": figures,
        "says": list(found.says),
        "adopt": list(found.adopt),
        "tables": [
            {
                "columns": list(each.columns),
                "rows": [list(row) for row in each.rows],
                "text": each.text,
            }
            for each in found.tables
        ],
        "recipe": {key: asked.sections[key] for key in ("split", "learner", "lr_find", "train")},
    }


def _arm(outcome: Outcome, found: Finding) -> dict[str, Any]:
    """An arm's scores, and what it gains over the base, by part; null where it has none."""
    name = outcome.arm.name
    scored = {part: judge for part, judge in found.judges.items() if name in judge}
    told: dict[str, Any] = {
        "name": name,
        "changes": dict(outcome.arm.changes),
        "failed": outcome.failed,
        "score": {part: judge.value(name).json() for part, judge in scored.items()},
        "gain": {
            part: judge.gain(name, found.base).json()
            for part, judge in scored.items()
            if name != found.base and found.base in judge
        },
        "cpu_s": round(outcome.mean("cpu_s"), 2),
        "seconds": round(outcome.mean("seconds"), 2),
    }
    if outcome.arm.folds:
        told["folds"] = outcome.arm.folds
    return told
