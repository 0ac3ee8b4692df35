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

from onecycle.decide.kinds import KINDS
from onecycle.paths import Paths, read_json, whole
from onecycle.report import results
from onecycle.report.words import count, percent

SLICES = 40  # rows that are shown
MARKS = re.compile(r"([\\`*_\[\]|#~])")  # what Markdown reads
WORTH = {
    "random": "Items were drawn at random: the score holds for new items from the same sources.",
    "stratified": "Items were drawn at random, label by label: the score holds for new items from "
    "the same sources.",
    "hashed": "Items were drawn at random: the score holds for new items from the same sources.",
    "group": "Whole groups were held out: the score holds for groups never seen.",
    "group_kfold": "Whole groups were held out: the score holds for groups never seen.",
    "leave_one_group_out": "One whole group was held out: the score is that of this group.",
    "time": "The latest items were held out: the score holds for what comes next.",
    "column": "The split is the data set's own.",
}
OTHER = "The score holds for items that differ from train's as the judged ones do."


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


def write(paths: Paths, lineage: Mapping[str, Any], own: Mapping[str, str | None]) -> None:
    """Writes `README.md` into the bundle, from what the stages and evaluate wrote.

    Args:
        paths: the problem's files.
        lineage: what lineage.json holds.
        own: `license`, Hugging Face's name of it, null leaves it out; `intended_use` and `not_for`,
            sentences, null: what can be said of any model.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"yaml": _yaml, "text": text}
    told = facts(paths, lineage, own["license"]) | dict(own)
    with whole(paths.model("README.md")) as partial:
        page = environment.get_template("card.md").render(told)
        partial.write_text(re.sub(r"\n{3,}", "\n\n", page), encoding="utf-8")


def facts(paths: Paths, lineage: Mapping[str, Any], license: str | None) -> dict[str, Any]:
    """What the template shows."""
    intervals, decision = (
        read_json(paths.report("intervals.json")),
        read_json(paths.model("decision.json")),
    )
    split, model = read_json(paths.report("split.json")), read_json(paths.model("model.json"))
    name = decision["kind"]
    words, headline = WORDS[name], KINDS[name].headline
    found = intervals[headline]
    rows = [results.row(intervals, name, it) for it in intervals if not it.startswith("baseline_")]
    shown = results.row(intervals, name, headline)
    slices, more = of_slices(paths.report("plots") / "slices.csv")
    pictures = model["x"]["kind"] == "image"
    return {
        "problem": paths.problem,
        "header": header(paths.problem, words, intervals, str(found["split"]), license),
        "does": words.does.format(k=len(model["y"].get("vocab", []))),
        "headline": f"{shown.name} {shown.value} [{shown.interval}], 95 %, on "
        f"{count(found['n'], found['split'] + ' item')}.",
        "lineage": lineage,
        "split": split,
        "worth": WORTH.get(split["by"], OTHER),
        "caveats": caveats(found, split),
        "rows": rows,
        "n": found["n"],
        "judged": found["split"],
        "slices": slices,
        "more_slices": more,
        "decision": words.decision(decision),
        "example": {
            "file": "photos/" if pictures else "pairs.csv",
            "python": '["photo.jpg"]' if pictures else '[("user", "item")]',
        },
    }


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


def caveats(found: Mapping[str, Any], split: Mapping[str, Any]) -> list[str]:
    """What the score leaves out."""
    said = []
    if found["split"] != "test":
        said.append(
            "There is no test part: it was judged on the items that training was watched on and "
            "the decision was fitted on. New items will do worse."
        )
    if found.get("within_groups"):
        said.append("Few groups judge it: the interval says nothing of a group not seen.")
    if split.get("leaks", {}).get("shared_groups"):
        said.append("Groups are on two sides of the split: the score flatters.")
    return said


def of_slices(file: Path) -> tuple[list[dict[str, str]], int]:
    """The rows of slices.csv as they are shown, and how many more there are; none without it."""
    if not file.is_file():
        return [], 0
    table = pd.read_csv(file, dtype={"column": str, "value": str}, keep_default_na=False,
                        na_values={"low": [""], "high": [""], "score": [""]})  # fmt: skip
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
