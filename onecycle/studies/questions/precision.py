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
from onecycle.studies.words import luck, score, signed

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
    """A faster one that valid shows to be as good is adopted; else one that it tells better."""
    judges = judged(asked, done)
    valid, (part, judge) = judges["valid"], list(judges.items())[-1]
    own, auto = resolved(asked.of(KEY)), resolved("auto")
    base = BASE if BASE in valid else next(iter(valid.parts))
    chosen, why = choice(done, valid, own)
    says = [f"{why} ({luck(valid, len(asked.seeds))})."]
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
    known = own in valid or done[own].lost  # else nothing is told of it
    lines = grid.adopt(asked, done, chosen) if known and chosen != own else []
    picture = pictures.over_time(judge, part, done)
    return Finding(says, judges, base, lines, figures, picture=picture)


def choice(done: Done, valid: Judge, own: str) -> tuple[str, str]:
    """What serves best, and why."""
    if own not in valid:
        best = valid.best()
        return best, f"{best} is best on valid; {own}, as asked, gave no model"
    others = [name for name in valid.parts if name != own]
    if not others:
        return own, f"only {own}, as asked, gave a model"
    shares = {name: times.mean(done, name) / times.mean(done, own) for name in others}
    fast = [name for name in others if shares[name] <= LEAST and valid.spares(name, own)]
    if fast:
        name = min(fast, key=lambda each: shares[each])
        lost = score(valid.may_lose(name, own))
        return name, (
            f"{name} takes {shares[name]:.2g} times the time of {own}, as asked, and loses {lost} "
            "at most, by valid"
        )
    best = valid.best(others)
    if valid.gains(others, own)[best].low > 0:
        return best, f"{best} is told better than {own}, as asked, on valid"
    return own, f"{own}, as asked, stays: no faster one is shown to be as good, to a hundredth"


def resolved(precision: str) -> str:
    """What a precision of params.yaml is on this device."""
    from onecycle.learn import device  # torch takes long to import

    return device.choose(precision).precision
