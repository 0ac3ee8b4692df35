"""What was asked: the question, and a small table of how it was put."""

from typing import Any

from onecycle.blocks.image import Images
from onecycle.blocks.pair import Pairs
from onecycle.report.data import source
from onecycle.report.facts import Facts
from onecycle.report.kinds import Shown
from onecycle.report.parts import Section, Table
from onecycle.report.words import count, place

SHOWN = 6  # labels
THINGS = {"image": "a picture", "pair": "a pair of user and item"}


def section(facts: Facts, kind: Shown) -> Section:
    """The question in a sentence; input, target, source, split, model, epochs and decision."""
    model, params = facts.trained.model, facts.lineage.get("params", {})
    thing = THINGS[facts.blocks.x.kind]
    rows = [
        ["Input", _input(facts)],
        ["Target", _target(facts)],
        ["Data", source(facts.source)],
        ["Split", _settings({"by": facts.split["by"]} | _drawn(params.get("split", {})))],
        ["Model", _model(model["learner"])],
        ["Trained", _trained(model["training"]["phases"])],
        ["Decision", _settings(params.get("calibrate", {}) or _aim(facts.decision))],
    ]
    table = Table(["What", "How it was put"], [row for row in rows if row[1]], text=2)
    return Section("What was asked", [kind.asks.format(thing=thing)], tables=[table])


def _input(facts: Facts) -> str:
    x = facts.blocks.x
    if isinstance(x, Images):
        height, width = x.size
        fit = facts.trained.model["learner"].get("fit", "")
        return f"pictures of {width} × {height} pixels, made so by {fit}"
    if isinstance(x, Pairs):
        return f"one of {len(x.users):,} users and one of {len(x.items):,} items"
    return str(x.kind)


def _target(facts: Facts) -> str:
    """The kind, and the first labels of a vocabulary."""
    kind, vocab = facts.decision["kind"], getattr(facts.blocks.y, "vocab", [])
    if not vocab:
        return str(kind)
    more = ", …" if len(vocab) > SHOWN else ""
    return f"{kind}, {count(len(vocab), 'label')}: {', '.join(vocab[:SHOWN])}{more}"


def _model(learner: dict[str, Any]) -> str:
    arch, weights = str(learner["arch"]), learner.get("weights")
    if isinstance(weights, dict):
        start = f", from the weights {place(weights['url'])}"
    else:
        start = f", from {weights}'s weights" if weights else ", from scratch"
    return arch + (start if "weights" in learner else "")


def _trained(phases: list[dict[str, Any]]) -> str:
    return ", then ".join(f"{count(each['epochs'], 'epoch')} {each['name']}" for each in phases)


def _aim(decision: dict[str, Any]) -> dict[str, Any]:
    """What the decision was to reach, as far as it says so itself."""
    return {key: decision[key] for key in ("aim", "coverage") if key in decision}


def _drawn(params: dict[str, Any]) -> dict[str, Any]:
    """What a split was drawn by: no limits, and nothing that is left at nought or off."""
    return {
        key: value for key, value in params.items() if key == "seed" or (value and key != "leaks")
    }


def _settings(params: dict[str, Any]) -> str:
    """Settings in a line, those that are not set left out."""
    told = {key: value for key, value in params.items() if value is not None}
    return ", ".join(f"{key} {_plain(value)}" for key, value in told.items())


def _plain(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, list):
        return ", ".join(map(str, value[:SHOWN])) + (", …" if len(value) > SHOWN else "")
    if isinstance(value, dict):
        return f"({_settings(value)})"
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
