"""What bears a claim out: a number of a study's JSON with its interval, held against a bar."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onecycle.studies.words import score

Json = dict[str, Any]
Number = Json | float  # an estimate (value, low, high); a number alone where it has no interval
Pick = Callable[[Json], Number | None]
HOLDS, HERE, NOT = "holds", "holds here", "does not hold"
UNTOLD = "not measurable here"


@dataclass(frozen=True)
class Evidence:
    """A number that bears a claim out, or not.

    Attributes:
        study: whose it is.
        problem: likewise.
        pick: takes it out of the study's JSON.
        says: what it is.
        bar: the claim holds where the interval lies above it, and does not where it lies below.
    """

    study: str
    problem: str
    pick: Pick
    says: str
    bar: float = 0.0


@dataclass(frozen=True)
class Claim:
    """A claim of the lesson, in our words, and what to do about it in params.yaml."""

    says: str
    evidence: Sequence[Evidence]
    advice: str


@dataclass(frozen=True)
class Read:
    """What a number says: true, false or, where luck hides it, null; and of which data."""

    true: bool | None
    says: str
    problem: str = ""


def gain(arm: str, part: str = "test") -> Pick:
    """What an arm gains over its study's base."""

    def pick(told: Json) -> Number | None:
        found: Json = next((each for each in told["arms"] if each["name"] == arm), {"gain": {}})
        estimate: Number | None = found["gain"].get(part)
        return estimate

    return pick


def figure(name: str) -> Pick:
    """A number that only this study has."""
    return lambda told: told["figures"].get(name)


def less(pick: Pick, top: float = 0.0) -> Pick:
    """A number taken from another: with its sign turned, or what is left of 1."""

    def rest(told: Json) -> Number | None:
        found = pick(told)
        if isinstance(found, dict):
            ends = {"value": "value", "low": "high", "high": "low"}
            return {key: top - found[end] for key, end in ends.items()}
        return None if found is None else top - found

    return rest


def reading(evidence: Evidence, found: Mapping[tuple[str, str], Json]) -> Read:
    """Reads a number against its bar."""
    told = found.get((evidence.study, evidence.problem))
    estimate = evidence.pick(told) if told else None
    if estimate is None:
        return Read(None, f"{evidence.problem}: {evidence.says}: not measured", evidence.problem)
    if not isinstance(estimate, dict):
        said = f"{evidence.problem}: {evidence.says} {estimate:+.3g}, without an interval"
        return Read(None, said, evidence.problem)
    value, low, high = (estimate[key] for key in ("value", "low", "high"))
    true = True if low > evidence.bar else False if high < evidence.bar else None
    bar = f", the bar {score(evidence.bar)}" if evidence.bar else ""
    said = f"{evidence.problem}: {evidence.says} {value:+.3g} [{low:+.3g}, {high:+.3g}]{bar}"
    return Read(true, said, evidence.problem)


def verdict(read: Sequence[Read]) -> str:
    """What several numbers come to; what only some of them tell is no whole verdict."""
    known = [each for each in read if each.true is not None]
    if not known:
        return UNTOLD
    if not any(each.true for each in known):
        return NOT if len(known) == len(read) else f"{NOT} everywhere"
    if not all(each.true for each in known):
        return f"{NOT} everywhere"
    found = HOLDS if len({each.problem for each in known}) > 1 else HERE
    return found if len(known) == len(read) else f"{found}, in part"
