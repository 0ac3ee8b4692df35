"""Does computing in bf16 or fp16 cost score, and how much time does it save?

Every precision is trained and compared with fp32. Figures:

- `time bf16`, `time fp16`: time of training as a share of fp32's (see `onecycle.studies.times`).
- `gain bf16`, `gain fp16`: in the metric, over fp32, on the part that tells.
- `auto`: what `learner.precision: auto` is on this device.
"""

from onecycle.errors import UserError
from onecycle.studies import grid, pictures, times
from onecycle.studies.arm import Arm, Asked
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.finding import Done, Finding, judged
from onecycle.studies.words import luck, signed

KEY = "learner.precision"
BASE, GRID = "fp32", ("fp32", "bf16", "fp16")
LEAST = 0.9
"""A precision is adopted that takes at most this share of the asked one's time."""


def arms(asked: Asked, done: Done) -> list[Arm]:
    """An arm for each precision, fp32 first; the asked one is among them.

    Raises:
        UserError: the model knows one precision only.
    """
    if asked.of("prepare.x") != "image":
        raise UserError(
            f"study precision: {asked.problem} recommends, and recommenders compute in fp32 only; "
            "take a problem with pictures"
        )
    names = dict.fromkeys([BASE, *map(str, asked.values or GRID), resolved(asked.of(KEY))])
    return [Arm(name, {KEY: name}) for name in names]


def read(asked: Asked, done: Done) -> Finding:
    """The fastest of those that valid does not tell from the best is adopted, if it saves time."""
    judges = judged(asked, done)
    valid, (part, judge) = judges["valid"], list(judges.items())[-1]
    own, auto = resolved(asked.of(KEY)), resolved("auto")
    base = BASE if BASE in valid else next(iter(valid.parts))
    chosen = fastest(done, valid)
    share = times.mean(done, chosen) / times.mean(done, own) if own in valid else None
    said = choice(chosen, own, share)
    says = [f"{said} ({luck(valid, len(asked.seeds))})."]
    figures: dict[str, Estimate | float | str] = {"auto": auto}
    for name in (name for name in valid.parts if name != base):
        time, gain = times.ratio(done, name, base), judge.gain(name, base)
        figures |= {f"time {name}": time, f"gain {name}": gain}
        apart = "" if gain.excludes_zero else ", within luck"
        says.append(
            f"{name} takes {times.words(time)} the time of {base}; on {part} its gain in "
            f"{judge.metric} is {signed(gain)}{apart}."
        )
    says += [f"`auto` is {auto} on this device.", *grid.failures(done)]
    changes = chosen != own and (share is None or share <= LEAST)
    lines = grid.adopt(asked, done, chosen) if changes else []
    picture = pictures.over_time(judge, part, done)
    return Finding(says, judges, base, lines, figures, picture=picture)


def choice(chosen: str, own: str, share: float | None) -> str:
    """The finding: what serves best, and whether it is worth a change."""
    fast = f"{chosen} is the fastest precision that valid does not tell from the best"
    if chosen == own:
        return f"{fast}, and the asked one"
    if share is None:
        return f"{fast}; {own}, as asked, gave no model"
    if share > LEAST:
        return f"{fast}, but {own}, as asked, takes hardly longer"
    return f"{fast}: it takes {share:.2g} times the time of {own}, as asked"


def fastest(done: Done, valid: Judge) -> str:
    """The arm with the least time among those that are not told worse than the best."""
    best = valid.best()
    serve = [name for name in valid.parts if valid.gain(best, name).low <= 0]
    return min(serve, key=lambda name: times.mean(done, name))


def resolved(precision: str) -> str:
    """What a precision of params.yaml is on this device."""
    from onecycle.learn import device  # torch takes long to import

    return device.choose(precision).precision
