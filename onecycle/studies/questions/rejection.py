"""Who gets no label, by the ways to be sure and the rules of the study `none`: figures, picture."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from onecycle.decide.scores import Array, Floats
from onecycle.report.figures import Theme, calm, legend
from onecycle.report.parts import Table
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.finding import Picture
from onecycle.studies.measured import Measured
from onecycle.studies.outcome import Part
from onecycle.studies.questions.unknown import Sure, auroc, beyond, by_sigmoid, by_softmax
from onecycle.studies.words import told

SOFTMAX, BINARY = "softmax", "binary"
SHARES = {"at_5": 0.05, "at_10": 0.1}
ROC = {"roc_5": 0.05, "roc_10": 0.1, "roc_20": 0.2}
HALF = float(np.nextafter(0.5, 1))  # below it are those that are not above .5
RULES = {
    "plain": "no sigmoid above .5, or as many",
    "at_5": "5 % of known ones",
    "at_10": "10 % of known ones",
    "abstain": "abstention",
}
WAYS = {
    "binary": "binary, highest probability",
    "softmax": "softmax, highest probability",
    "softmax_score": "softmax, highest score",
    "softmax_entropy": "softmax, least entropy",
}
Ways = Mapping[str, Sequence[Sure]]
Figures = dict[str, Estimate | float | str]


def by_way(softmax: Sequence[Sequence[Part]], binary: Sequence[Sequence[Part]]) -> Ways:
    """How sure each seed's model is, by way."""
    found: dict[str, list[Sure]] = {}
    for one, other in zip(softmax, binary, strict=True):
        for way, sure in (by_softmax(*one) | by_sigmoid(*other)).items():
            found.setdefault(way, []).append(sure)
    return {way: found[way] for way in WAYS}


def figures(ways: Ways, judge: Judge, parts: Sequence[Part], max_error: float) -> Figures:
    """All but those that hang on what was asked; `parts`: of one seed, for ids and groups."""
    _, known, unknown = parts
    found: Figures = {
        "known": float(len(known)),
        "unknown": float(len(unknown)),
        **{f"accuracy_{arm}": judge.value(arm) for arm in (SOFTMAX, BINARY)},
        "accuracy_gain": judge.gain(BINARY, SOFTMAX),
    }
    both = None
    if known.groups is not None and unknown.groups is not None:
        both = np.concatenate([known.groups, unknown.groups])
    areas = Measured.of(
        lambda weights: _by_curve(ways, weights), len(known) + len(unknown), both, metric="auroc"
    )
    for name in ("auroc", *ROC):
        found |= {f"{name}_{way}": areas[f"{name} {way}"] for way in ways}
        for way in ways:
            if way != BINARY:
                gain = areas.more(f"{name} {BINARY}", f"{name} {way}")
                found[way.replace(SOFTMAX, f"{name}_gain")] = gain
    flags, refused = _without(ways, max_error)
    found |= {f"abstain_refused_{way}": float(count) for way, count in refused.items()}
    shares = {
        "known_none": Measured.shares({key: of[0] for key, of in flags.items()}, known.groups),
        "unknown_none": Measured.shares({key: of[1] for key, of in flags.items()}, unknown.groups),
    }
    found |= {f"{name}_{key}": of[key] for name, of in shares.items() for key in flags}
    for rule in RULES:
        if f"{rule}_{SOFTMAX}" in flags and f"{rule}_{BINARY}" in flags:
            gain = shares["unknown_none"].more(f"{rule}_{BINARY}", f"{rule}_{SOFTMAX}")
            found[f"unknown_none_{rule}_gain"] = gain
    wrong = Measured.of(
        lambda weights: _wrong(flags, judge, weights),
        len(known),
        known.groups,
        metric="error_rate_answered",
    )
    answered = [key for key in flags if np.isfinite(wrong.by_seed(key)).all()]
    return found | {f"wrong_{key}": wrong[key] for key in answered}


def _by_curve(ways: Ways, weights: Floats) -> dict[str, list[Floats]]:
    """What hangs on no threshold: the area and places of the curve, by name and way."""
    found: dict[str, list[Floats]] = {}
    for way, of in ways.items():
        found[f"auroc {way}"] = [auroc(each.known, each.unknown, weights) for each in of]
        for name, share in ROC.items():
            rows = [beyond(each.known, each.unknown, share, weights) for each in of]
            found[f"{name} {way}"] = rows
    return found


def _without(ways: Ways, max_error: float) -> tuple[dict[str, tuple[Array, Array]], dict[str, int]]:
    """Which known and unknown items get no label by rule and way; refusals of abstention by way.

    Where abstention is refused by a seed there is none by that way.
    """
    flags, refused = {}, {}
    plain = [float((sure.valid < HALF).mean()) for sure in ways[BINARY]]
    for way, of in ways.items():
        limits = {rule: [sure.threshold(share) for sure in of] for rule, share in SHARES.items()}
        if way in (SOFTMAX, BINARY):
            given = [sure.abstention(max_error) for sure in of]
            refused[way] = sum(each is None for each in given)
            if not refused[way]:
                limits["abstain"] = [float(each or 0) for each in given]
        limits["plain"] = [HALF for _ in of]
        if way != BINARY:
            limits["plain"] = [a.threshold(b) for a, b in zip(of, plain, strict=True)]
        for rule, each in limits.items():
            none = [sure.none(limit) for sure, limit in zip(of, each, strict=True)]
            known, unknown = zip(*none, strict=True)
            flags[f"{rule}_{way}"] = np.stack(known), np.stack(unknown)
    return flags, refused


def _wrong(
    flags: Mapping[str, tuple[Array, Array]], judge: Judge, weights: Floats
) -> dict[str, list[Floats]]:
    """The error among the known items that get an answer, by rule and way; NaN without one."""
    found: dict[str, list[Floats]] = {}
    for key, (none, _) in flags.items():
        parts = judge.parts[BINARY if key.endswith(BINARY) else SOFTMAX]
        for seed, part in enumerate(parts):
            given, wrong = ~none[seed], part.scores.argmax(axis=1) != part.y
            total = weights @ given.astype(np.float64)
            errors = weights @ (given & wrong).astype(np.float64)
            found.setdefault(key, []).append(errors / np.where(total > 0, total, np.nan))
    return found


def table(found: Mapping[str, Estimate | float | str]) -> Table:
    """A row for each rule and way; what a rule has no say in is left out."""
    rows = []
    for rule, its in RULES.items():
        for way, words in WAYS.items():
            names = (
                f"unknown_none_{rule}_{way}",
                f"known_none_{rule}_{way}",
                f"wrong_{rule}_{way}",
            )
            each = [found.get(name) for name in names]
            if each[0] is not None:
                cells = [told(one) if isinstance(one, Estimate) else "" for one in each]
                rows.append([its, words, *cells])
    head = ["no label to", "sure by", "unknown without", "known without", "error of known with"]
    return Table(head, rows, text=2)


def picture(ways: Ways, found: Mapping[str, Estimate | float | str]) -> Picture:
    """Unknown items without a label against known ones without, at every threshold."""
    marks = {"plain": "s", "at_5": "o", "at_10": "o", "abstain": "^"}

    def draw(figure: Figure, theme: Theme) -> None:
        figure.subplots_adjust(left=0.12, bottom=0.13, top=0.97)
        axes = figure.add_subplot()
        calm(axes, theme, "share of known items without a label", "of unknown items")
        axes.plot([0, 1], [0, 1], ":", color=theme.faint, linewidth=0.8)
        for way, colour in ((BINARY, theme.accent), (SOFTMAX, theme.second)):
            curves = [sure.curve for sure in ways[way]]
            above = np.mean([each for _, each in curves], axis=0)
            axes.plot(curves[0][0], above, color=colour, linewidth=1.6, label=WAYS[way])
            for rule, mark in marks.items():
                x, y = (found.get(f"{part}_none_{rule}_{way}") for part in ("known", "unknown"))
                if isinstance(x, Estimate) and isinstance(y, Estimate):
                    axes.plot([x.value] * 2, [y.low, y.high], color=colour, linewidth=0.9)
                    axes.plot(x.value, y.value, mark, color=colour, markersize=6)
        for rule, mark in marks.items():
            if rule != "at_10" and any(f"known_none_{rule}_{way}" in found for way in WAYS):
                words = "5 and 10 % of known ones" if rule == "at_5" else RULES[rule]
                axes.plot([], [], mark, color=theme.faint, markersize=6, label=words)
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(-0.01, 1.02)
        legend(axes, theme)

    areas = {way: found[f"auroc_{way}"] for way in (BINARY, SOFTMAX)}
    words = ", ".join(f"{k} {told(v)}" for k, v in areas.items() if isinstance(v, Estimate))
    return Picture(
        draw,
        f"Share of unknown items without a label against that of known items; areas: {words}",
        "How many items of labels never seen get no label, against how many of known ones do, the "
        "mean over seeds. Marks: the rules, chosen on valid, with 95 % intervals.",
        4.0,
    )
