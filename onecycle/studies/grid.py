"""What studies share that try some values of a key, or some recipes, and choose one."""

from collections.abc import Sequence
from typing import Any

from onecycle.studies.arm import Arm, Asked, yaml
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


def read(asked: Asked, done: Done) -> Finding:
    """Chooses on valid, and tells on test what the choice is worth; the first arm is the base.

    A change is adopted where valid tells it from the base; what is best by less is luck.
    """
    judges = judged(asked, done)
    base, valid = next(iter(done)), judges["valid"]
    says = [f"'{name}' gave no model: {each.failed}" for name, each in done.items() if each.failed]
    if base not in valid:
        best = valid.best()
        scored = told(valid.value(best))
        first = f"'{base}', as asked, gave no model; best on valid is '{best}', {scored}."
        return Finding([first, *says], judges, best, adopt(asked, done, best))
    best = valid.best()
    gain = valid.gain(best, base)
    of = luck(valid, len(asked.seeds))
    worth = [
        f"On {part}, {judge.metric} is {told(judge.value(best))} with '{best}', "
        f"{told(judge.value(base))} with '{base}', a gain of {signed(judge.gain(best, base))}."
        for part, judge in judges.items()
        if best != base
    ]
    if best == base:
        first = f"'{base}', as asked, is best on valid: {told(valid.value(base))} ({of})."
    elif gain.low > 0:
        first = f"'{best}' is better than '{base}' on valid, beyond luck ({of})."
    else:
        first = (
            f"No arm is told from '{base}' on valid: '{best}' is best by chance's measure ({of})."
        )
    lines = adopt(asked, done, best) if best != base and gain.low > 0 else []
    return Finding([first, *worth, *says], judges, base, lines)


def adopt(asked: Asked, done: Done, arm: str) -> list[str]:
    """The settings that make an arm the asked one."""
    return [asked.setting(key, value) for key, value in done[arm].arm.changes.items()]
