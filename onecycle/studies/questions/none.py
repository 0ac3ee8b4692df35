"""Does a photo of something else get no label, if labels are trained by binary cross-entropy?

Some labels are held out of training; their items of the judged part are the unknown ones. Two ways
to train: softmax, and single labels as lists of one. Ways to be sure of an answer: `binary` (its
highest sigmoid), and of softmax the highest probability after temperature (`softmax`), the highest
score (`softmax_score`) and the least entropy (`softmax_entropy`). All is told of test; without such
a part, of valid, whose known items then both choose thresholds and tell.

Figures, WAY being one of the four; intervals over items and seeds, a gain is paired:

- `held_out`, `known`, `unknown`: the labels, and how many items judge;
- `accuracy_softmax`, `accuracy_binary`, `accuracy_gain`: of known items' likeliest label; the gain
  is binary's less softmax's, as all gains here;
- `auroc_WAY`: the chance that a known item is surer than an unknown one; `auroc_gain` is
  `binary`'s over `softmax`'s, `auroc_gain_score` and `auroc_gain_entropy` over the others';
- `roc_5_WAY`, `roc_10_WAY`, `roc_20_WAY`: the share of unknown items less sure than all known ones
  but the least sure 5, 10 or 20 % of these very items, and gains likewise: equal footing, without
  the luck of a threshold;
- `unknown_none_RULE_WAY`, `known_none_RULE_WAY`: the share that gets no label, by RULE: `plain`, no
  sigmoid above .5, or of softmax, which always answers, a threshold by which as many known items of
  valid get none; `at_5` and `at_10`, a threshold chosen on valid so that 5 or 10 % of known items
  are expected to get none; and `abstain`, calibrate's abstention for `max_error`.
  `unknown_none_RULE_gain`: of `binary` over `softmax`. The intervals take the thresholds as they
  were chosen;
- `wrong_RULE_WAY`: the error among the known items that get an answer;
- `max_error`, and `abstain_refused_WAY`: by how many seeds it can't be promised.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from onecycle.decide.kinds import KINDS
from onecycle.errors import UserError
from onecycle.studies.arm import Arm, Asked
from onecycle.studies.compare import Judge
from onecycle.studies.finding import Done, Finding
from onecycle.studies.measured import estimates
from onecycle.studies.questions import rejection
from onecycle.studies.questions.rejection import BINARY, SOFTMAX, Figures
from onecycle.studies.questions.unknown import single
from onecycle.studies.words import signed, told
from onecycle.tables import read_items

if TYPE_CHECKING:
    import pandas as pd

EVERY = 4
"""One of so many labels is held out."""
MAX_ERROR = 0.05
"""Of abstention, where calibrate asks for none."""


def arms(asked: Asked, done: Done) -> list[Arm]:
    """Softmax and binary cross-entropy, both without the labels held out.

    Raises:
        UserError: the target is no single label, or too few labels are left.
    """
    if asked.kind != "category":
        raise UserError(
            f"none: {asked.problem} has no single labels (prepare.y: {asked.kind}); the study is "
            "for a problem of y: category, such as sample_pets"
        )
    labels = read_items(asked.paths.data("items.parquet"))["y"]
    out = held_out(labels, [str(each) for each in asked.values])
    return [Arm(SOFTMAX, held_out=out), Arm(BINARY, held_out=out, many=True)]


def held_out(labels: "pd.Series[str]", wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """The labels that are asked for; else every fourth by falling frequency, frequent and rare.

    Of equally frequent ones the first by name comes first; the count begins with the second.

    Raises:
        UserError: there is no such label, or fewer than two are left to tell apart.
    """
    counts = labels.value_counts()
    ranked = sorted(counts.index, key=lambda label: (-counts[label], label))
    if strange := sorted(set(wanted) - set(ranked)):
        raise UserError(f"none: --values: no item has the label '{strange[0]}'")
    found = sorted(set(wanted)) or sorted(ranked[1::EVERY])
    if len(ranked) - len(found) < 2:
        raise UserError(
            f"none: of {len(ranked)} labels {len(found)} would be held out; expected at least two "
            "that are left to be told apart: hold fewer out by --values [label, ...], or use a "
            "problem with more labels"
        )
    return tuple(found)


def read(asked: Asked, done: Done) -> Finding:
    """Tells it of the judged items; on valid only thresholds are chosen.

    Raises:
        UserError: an arm gave no model, or no item of the labels held out is among the judged.
    """
    softmax, binary = done[SOFTMAX], done[BINARY]
    judged, names = softmax.judged, ("valid", softmax.judged, "unknown")
    parts = [[each.parts(name) for name in names] for each in (softmax, binary)]
    if any(part is None for of in parts for part in of):
        why = softmax.failed or binary.failed or f"no item of the labels held out is in {judged}"
        raise UserError(f"none: {why}")
    of_softmax, of_binary = ([*zip(*of, strict=True)] for of in parts)
    ways = rejection.by_way(of_softmax, of_binary)
    judges = {
        name: Judge(
            asked.kind,
            {SOFTMAX: parts[0][at] or [], BINARY: [single(each) for each in parts[1][at] or []]},
            KINDS[asked.kind].headline,
        )
        for at, name in enumerate(names[:2])
    }
    max_error = float(asked.of("calibrate.max_error") or MAX_ERROR)
    figures: Figures = {"held_out": ", ".join(softmax.arm.held_out), "max_error": max_error}
    figures |= rejection.figures(ways, judges[judged], of_softmax[0], max_error)
    return Finding(
        _says(asked, figures),
        judges,
        SOFTMAX,
        figures=figures,
        tables=[rejection.table(figures)],
        picture=rejection.picture(ways, figures),
    )


def _says(asked: Asked, found: Figures) -> list[str]:
    """The finding in words."""
    of = estimates(found)
    gain, seeds = of["auroc_gain"], len(asked.seeds)
    how = "better than" if gain.low > 0 else "worse than" if gain.high < 0 else "not told from"
    over = f"{found['known']:,.0f} known and {found['unknown']:,.0f} unknown items"
    over += f" and {seeds} seeds" if seeds > 1 else ", of one seed"
    says = [
        f"At telling known labels from others binary cross-entropy is {how} softmax: AUROC "
        f"{told(of['auroc_binary'])} against {told(of['auroc_softmax'])}, {signed(gain)} "
        f"(95 % intervals over {over}).",
        "With no label unless one is likelier than not, as in the lesson, "
        f"{told(of['unknown_none_plain_binary'])} of unknown items get none, at the price of "
        f"{told(of['known_none_plain_binary'])} of known ones. Softmax with a threshold by which "
        f"valid has as many without gives none to {told(of['unknown_none_plain_softmax'])} and "
        f"{told(of['known_none_plain_softmax'])}.",
        "Where 10 % of known items get no label, binary cross-entropy gives none to "
        f"{told(of['roc_10_binary'])} of unknown ones, softmax to {told(of['roc_10_softmax'])}: "
        f"{signed(of['roc_10_gain'])}. At the thresholds that valid chooses for that, "
        f"{told(of['known_none_at_10_binary'])} and {told(of['known_none_at_10_softmax'])} of "
        f"known items get none, {told(of['unknown_none_at_10_binary'])} and "
        f"{told(of['unknown_none_at_10_softmax'])} of unknown ones.",
        f"Accuracy on known items is {told(of['accuracy_binary'])} with binary cross-entropy, "
        f"{told(of['accuracy_softmax'])} with softmax: {signed(of['accuracy_gain'])}.",
        _abstention(found),
    ]
    if gain.low > 0:
        says.append(
            "To take it over, labels must be read as lists of one: prepare.y=multicategory with a "
            "label_sep that no label contains, and calibrate={aim: f1_macro}, which the reader "
            "'table' takes and 'files' does not."
        )
    return says


def _abstention(found: Figures) -> str:
    """What calibrate's abstention, fitted to known items, does to the others."""
    error = f"{found['max_error']:.3g}"
    of = estimates(found)
    if "known_none_abstain_softmax" not in of:
        return f"Softmax's abstention can't promise an error of {error} on valid's known items."
    unknown, known = (told(of[f"{part}_none_abstain_softmax"]) for part in ("unknown", "known"))
    return (
        f"Softmax's abstention for an error of {error} (calibrate.max_error) gives {unknown} of "
        f"unknown items no label, and {known} of known ones."
    )
