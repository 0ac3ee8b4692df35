"""What studies share that try some values of a key, or some recipes, and choose one."""

from collections.abc import Sequence
from typing import Any

from onecycle.errors import UserError
from onecycle.studies.arm import Arm, Asked, yaml
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.finding import Done, Finding, judged
from onecycle.studies.words import luck, signed, told


def over(asked: Asked, key: str, grid: Sequence[Any], label: str) -> list[Arm]:
    """An arm for each value of a key, first the one that is asked for.

    Args:
        asked: the problem; its `values` take the grid's place.
        key: dotted, below the problem.
        grid: values.
        label: what the values are, before each in tables.
    """
    own = asked.of(key)
    others = [value for value in asked.values or grid if value != own]
    return [Arm(f"{label} {yaml(own)}"), *(Arm(f"{label} {yaml(v)}", {key: v}) for v in others)]


def rates(asked: Asked) -> list[float]:
    """The values, as rates.

    Raises:
        UserError: one is none.
    """
    for value in asked.values:
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise UserError(f"--values: expected rates above 0, got {yaml(value)}")
    return list(dict.fromkeys(map(float, asked.values)))


def read(asked: Asked, done: Done) -> Finding:
    """Chooses on valid, and tells on test what the choice is worth; the first arm is the base.

    A change is adopted where valid tells it from the base; what is best by less is luck. The best
    of several leads by luck alone, so its gain on valid is held with all others' (`Judge.gains`).
    Of a base that gave a model with some seeds only, nothing is known that another could be better
    than.
    """
    judges = judged(asked, done)
    base, valid = next(iter(done)), judges["valid"]
    best, of, failed = valid.best(), luck(valid, len(asked.seeds)), failures(done)
    if base not in valid:
        scored = told(valid.value(best))
        none = done[base].lost
        lost = (
            "gave no model" if none else "gave a model with some seeds only: nothing is told of it"
        )
        first = f"'{base}', as asked, {lost}; best on valid is '{best}', {scored} ({of})."
        return Finding([first, *failed], judges, best, adopt(asked, done, best) if none else [])
    if best == base:
        scored = told(valid.value(base))
        first = f"'{base}', as asked, is best on valid: {valid.metric} {scored} ({of})."
        return Finding([first, *failed], judges, base)
    gain = valid.gains([name for name in valid.parts if name != base], base)[best]
    if gain.low > 0:
        first = f"'{best}' is better than '{base}' on valid, beyond luck ({of})."
    else:
        first = (
            f"No arm is told better than '{base}' on valid: '{best}' is ahead of it, but within "
            f"luck ({of})."
        )
    gains = {"valid": gain}  # test judges one choice, which it did not make
    worths = (worth(judge, part, best, base, gains.get(part)) for part, judge in judges.items())
    says = [first, *worths, *failed]
    return Finding(says, judges, base, adopt(asked, done, best) if gain.low > 0 else [])


def worth(judge: Judge, part: str, arm: str, base: str, gain: Estimate | None = None) -> str:
    """What an arm is worth on a part, beside another; `gain`: in place of its interval alone."""
    gain = gain or judge.gain(arm, base)
    told_apart = "" if gain.excludes_zero else ", within luck"
    return (
        f"On {part}, {judge.metric} is {told(judge.value(arm))} with '{arm}' and "
        f"{told(judge.value(base))} with '{base}': a gain of {signed(gain)}{told_apart}."
    )


def failures(done: Done) -> list[str]:
    """A sentence for each reason why arms gave no model."""
    names: dict[tuple[str, str], list[str]] = {}
    for name, each in done.items():
        if each.failed:
            runs = [run for of in each.runs for run in of]
            count = sum(run.failed is not None for run in runs)
            some = f" in {count} of {len(runs)} trainings" if count < len(runs) else ""
            names.setdefault((some, each.failed), []).append(f"'{name}'")
    return [f"{', '.join(of)} gave no model{some}: {why}" for (some, why), of in names.items()]


def adopt(asked: Asked, done: Done, arm: str) -> list[str]:
    """The settings that make an arm the asked one."""
    return [asked.setting(key, value) for key, value in done[arm].arm.changes.items()]
