"""The model card: README.md of a bundle, with Hugging Face's header.

Source: https://huggingface.co/docs/hub/model-cards; the header's `model-index` has the test scores.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from onecycle.paths import write_whole
from onecycle.report import results, split
from onecycle.report.facts import Facts
from onecycle.report.words import count, percent

SLICES = 20  # rows that are shown
LABELS = 200  # names that are shown
MARKS = re.compile(r"([\\`*_\[\]|#~])")  # what Markdown reads


@dataclass(frozen=True)
class Words:
    """What a card says of a kind of target.

    Attributes:
        task: Hugging Face's name of it; the header's `pipeline_tag` where `listed`.
        listed: whether the hub has such a pipeline.
        does: what the model does, a sentence; `{k}` is the number of labels.
        decision: what the decision does, in sentences.
    """

    task: str
    does: str
    decision: Callable[[Mapping[str, Any]], str]
    listed: bool = True


def write(facts: Facts, own: Mapping[str, str | None], file: Path) -> None:
    """Writes the card.

    Args:
        facts: what the page tells of.
        own: `license`, Hugging Face's name of it, null leaves it out; `intended_use` and `not_for`,
            sentences, null: what can be said of any model.
        file: `README.md` of the bundle.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"yaml": _yaml, "text": text}
    told = shown(facts, own["license"]) | dict(own)
    page = environment.get_template("card.md").render(told)
    write_whole(file, re.sub(r"\n{3,}", "\n\n", page))


def shown(facts: Facts, license: str | None) -> dict[str, Any]:
    """What the template shows."""
    kind = facts.decision["kind"]
    words, found = WORDS[kind], facts.intervals[facts.headline]
    headline = results.row(facts.intervals, kind, facts.headline)
    slices, more = of_slices(facts.slices)
    pictures = facts.blocks.x.kind == "image"
    learner = facts.trained.model["learner"]
    return {
        "problem": facts.problem,
        "header": header(facts.problem, words, facts.intervals, facts.judged, license),
        "does": words.does.format(k=len(getattr(facts.blocks.y, "vocab", []))),
        "headline": f"{headline.name} {headline.value} [{headline.interval}], 95 %, on "
        f"{count(found['n'], facts.judged + ' item')}.",
        "lineage": facts.lineage,
        "split": facts.split,
        "worth": f"{split.how(facts)}. {split.worth(facts)}",
        "labels": getattr(facts.blocks.y, "vocab", [])[:LABELS],
        "made": f"{learner['arch']}, {_shown_at(learner)}{_weights(learner)}",
        "caveats": [said.removesuffix(" See The split.") for said in results.caveats(facts)],
        "method": results.method(facts),
        "rows": results.rows(facts),
        "n": found["n"],
        "judged": facts.judged,
        "slices": slices,
        "more_slices": more,
        "decision": words.decision(facts.decision) + _whose(facts),
        "example": {
            "file": "photos/" if pictures else "pairs.csv",
            "python": '["photo.jpg"]' if pictures else '[("user", "item")]',
        },
    }


def _shown_at(learner: Mapping[str, Any]) -> str:
    """The size at which pictures are shown; empty without pictures."""
    size = learner.get("size")
    if size is None:
        return ""
    height, width = size if isinstance(size, list) else (size, size)
    return f"pictures of {width} × {height} pixels by {learner['fit']}, "


def _weights(learner: Mapping[str, Any]) -> str:
    """What the training began with."""
    return "from pretrained weights" if learner.get("weights") else "from scratch"


def _whose(facts: Facts) -> str:
    """A sentence on groups that a promise over items leaves out; empty where it leaves out none."""
    over_items = facts.decision.get("over") == "items" and facts.groups > 0
    return " That is for items of the groups at hand: a new one may be harder." * over_items


def header(
    problem: str,
    words: Words,
    intervals: Mapping[str, Mapping[str, Any]],
    judged: str,
    license: str | None,
) -> dict[str, Any]:
    """Hugging Face's metadata."""
    names = [name for name in intervals if not name.startswith("baseline_")]
    metrics = [
        {"type": name, "value": float(intervals[name]["value"]), "name": results.NAMES[name][0]}
        if name in results.NAMES
        else {"type": name, "value": float(intervals[name]["value"])}
        for name in names
    ]
    dataset = {"name": problem, "type": problem, "split": judged}
    result = {"task": {"type": words.task}, "dataset": dataset, "metrics": metrics}
    found: dict[str, Any] = {"license": license} if license else {}
    found |= {"library_name": "onecycle", "tags": ["onecycle", words.task]}
    found |= {"pipeline_tag": words.task} if words.listed else {}
    return found | {"metrics": names, "model-index": [{"name": problem, "results": [result]}]}


def of_slices(table: pd.DataFrame) -> tuple[list[dict[str, str]], int]:
    """The first rows of the slices as they are shown, and how many more there are."""
    rows = []
    for row in table.head(SLICES).to_dict("records"):
        low, high = row["low"], row["high"]
        interval = "too few" if pd.isna(low) else f"{low:.3g} – {high:.3g}"
        cells = {key: str(row[key]) for key in ("column", "value", "metric")}
        score = "–" if pd.isna(row["score"]) else f"{row['score']:.3g}"
        rows.append(cells | {"n": f"{row['n']:,}", "score": score, "interval": interval})
    return rows, max(0, len(table) - SLICES)


def text(words: object) -> str:
    """Text that Markdown and HTML take for nothing but text."""
    return MARKS.sub(r"\\\1", html.escape(" ".join(str(words).split()), quote=False))


def _yaml(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A value in YAML's flow style; 1e-05 would be text to YAML 1.1."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    return f"{value:.6f}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _category(decision: Mapping[str, Any]) -> str:
    said = [f"Probabilities are of the scores divided by {decision['temperature']:.4g}."]
    if abstain := decision.get("abstain"):
        said.append(
            f"Below a probability of {abstain['below']:.3f} there is no answer, so that at most "
            f"{percent(abstain['max_error'])} of the answers given are wrong."
        )
    return " ".join([*said, _fitted(decision)])


def _multicategory(decision: Mapping[str, Any]) -> str:
    limit = "its own threshold" if decision.get("per_class") else f"{decision['threshold']:.3f}"
    aim = f", chosen for {decision['aim']}" if decision.get("aim") else ""
    return f"A label is given where its probability is above {limit}{aim}. {_fitted(decision)}"


def _interval(key: str, unit: str) -> Callable[[Mapping[str, Any]], str]:
    def told(decision: Mapping[str, Any]) -> str:
        if decision[key] is None:
            return "No interval was fitted."
        over = f" over {decision['over']}" if decision.get("over") else ""
        return (
            f"The truth lies within {decision[key]:.4g}{unit} of the prediction for "
            f"{percent(decision['coverage'])} of items (split conformal{over}). {_fitted(decision)}"
        )

    return told


def _fitted(decision: Mapping[str, Any]) -> str:
    on = decision.get("fitted_on")
    return f"Fitted on {count(on['n'], on['part'] + ' item')}." if on else "Fitted on valid."


WORDS: dict[str, Words] = {
    "category": Words(
        "image-classification", "It says which of {k} labels a picture has.", _category
    ),
    "multicategory": Words(
        "image-classification",
        "It says which of {k} labels a picture has, any number or none.",
        _multicategory,
    ),
    "points": Words(
        "keypoint-detection",
        "It says where in a picture a point lies.",
        _interval("radius_px", " pixels"),
    ),
    "rating": Words(
        "recommendation",
        "It says how a user would rate an item.",
        _interval("radius", ""),
        listed=False,
    ),
}
