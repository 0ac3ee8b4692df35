"""A tiny problem of each kind, as the stages before evaluate leave it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hostile import HOSTILE
from PIL import Image

from onecycle.blocks.category import Category
from onecycle.blocks.multicategory import Multicategory
from onecycle.blocks.pair import Pairs
from onecycle.blocks.points import Points
from onecycle.blocks.rating import Rating
from onecycle.decide import slices
from onecycle.decide.kinds import KINDS
from onecycle.decide.sample import Sample
from onecycle.decide.worth import Worth, weigh
from onecycle.items.table import notes_table, quarantine_table
from onecycle.learn import device, saved
from onecycle.learn.datasets import Blocks, Datasets
from onecycle.learn.learner import Learner
from onecycle.learn.recipe import CollabLearner, VisionLearner
from onecycle.learn.schedules import Schedule
from onecycle.paths import Paths, read_json, write_json
from onecycle.pixels.store import write_store
from onecycle.report import page
from onecycle.report.facts import Facts
from onecycle.report.rated import RatedItems

N, SIZE = 24, (48, 32)  # items; width and height of their pictures


@dataclass
class Problem:
    """What `page.write` is given, and the page that it writes."""

    paths: Paths
    blocks: Blocks
    predictions: pd.DataFrame
    sample: Sample
    slices: pd.DataFrame
    rated: RatedItems | None = None
    worth: Worth | None = None

    @property
    def headline(self) -> str:
        return KINDS[self.sample.decision["kind"]].headline

    @property
    def given(self) -> tuple:
        rest = self.sample, self.slices, self.rated, self.worth
        return self.paths, self.blocks, self.predictions, *rest

    def facts(self) -> Facts:
        return Facts.read(*self.given)

    def write(self) -> str:
        page.write(*self.given)
        return self.paths.report("report.html").read_text(encoding="utf-8")

    def change(self, file: Path, **values) -> None:
        write_json(file, read_json(file) | values)

    def judge(
        self, name: str, value: tuple[float, float, float], baseline: float | None, **more
    ) -> None:
        """Sets a metric's low, value and high, and its baseline, if any."""
        low, middle, high = value
        file = self.paths.report("intervals.json")
        rest = {"n": N, "split": "test", **more}
        found = {"value": middle, "low": low, "high": high, **rest}
        self.change(file, **{name: found})
        if baseline is not None:
            base = {"value": baseline, "low": baseline, "high": baseline, **rest}
            self.change(file, **{f"baseline_{name}": base})


def _category(rng):
    vocab = ["cat", HOSTILE, "snake"]
    y = rng.integers(3, size=N)
    return Category(vocab), [vocab[k] for k in y], y, rng.normal(size=(N, 3)) + 1.5 * np.eye(3)[y]


def _multicategory(rng):
    vocab = ["car", HOSTILE, "sky"]
    y = rng.integers(2, size=(N, 3)).astype(float)
    labels = [[vocab[k] for k in np.flatnonzero(row)] for row in y]
    return Multicategory(vocab), labels, y, rng.normal(size=(N, 3)) + 3 * y - 1.5


def _points(rng):
    y = rng.uniform(-0.8, 0.8, size=(N, 2))
    pixels = (y + 1) * np.array(SIZE) / 2
    return Points(), pixels.tolist(), y, y + rng.normal(size=(N, 2)) / 8


def _rating(rng):
    y = rng.integers(1, 6, size=(N, 1)).astype(float)
    return Rating(), y[:, 0].tolist(), y, y + rng.normal(size=(N, 1))


TARGETS = {
    "category": _category,
    "multicategory": _multicategory,
    "points": _points,
    "rating": _rating,
}


def pictures(folder: Path, rng) -> list[tuple[str, Path]]:
    """Files of noise, and their ids: one of them hostile."""
    files = []
    for at in range(N):
        file = folder / f"{at}.png"
        pixels = rng.integers(256, size=(SIZE[1], SIZE[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)
        files.append((HOSTILE if at == 0 else f"{at:02}.png", file))
    return files


SMALL = {"arch": "resnet18", "weights": None, "size": 32, "fit": "squish"}


def make(kind: str, root: Path) -> Problem:
    """Writes every file that evaluate depends on."""
    rng, paths = np.random.default_rng(0), Paths(f"my_{kind}", root)
    paths.data().mkdir(parents=True)
    target, labels, y, scores = TARGETS[kind](rng)
    files = pictures(root, rng) if kind != "rating" else []
    write_store(paths.data("pixels"), files, 64)
    pairs = [[HOSTILE if at == 0 else f"u{at}", f"i{at}"] for at in range(N)]
    recipe = VisionLearner(**SMALL) if files else CollabLearner(arch="dot_bias", factors=4)
    view = recipe if isinstance(recipe, VisionLearner) else None
    known = Pairs.from_items(pairs) if view is None else None
    blocks = Blocks.of(known, target, view, paths.data("pixels"))
    ids = [name for name, _ in files] or ["/".join(pair) for pair in pairs]
    group = [f"person {at % 3}" for at in range(N)] if kind == "points" else [None] * N
    items = pd.DataFrame({"id": ids, "x": pairs, "y": labels, "group": group})

    size_px = np.tile(np.array(SIZE, float), (N, 1)) if kind == "points" else None
    rules = KINDS[kind]
    _, _, fit_y, fit_scores = TARGETS[kind](rng)
    decision, curve = rules.fit(fit_scores, fit_y, rules.Params(), size_px)
    decision["fitted_on"] = {"part": "valid", "n": N}
    answers = rules.answers(scores, decision, getattr(target, "vocab", []), size_px)
    values = rules.metrics(scores, y, decision, np.ones((1, N)), size_px)
    base = rules.trivial(y, y, scores.shape[1], np.ones((1, N)), size_px)
    answers["loss"] = rules.losses(scores, y, decision, size_px)
    groups = np.array(group, dtype=str) if kind == "points" else None
    sample = Sample(scores, y, decision, groups, size_px, draws=100)
    parts = slices.measure(sample, {"site": pd.Series(["north", HOSTILE, None] * (N // 3))})
    write_files(paths, blocks, recipe, decision, curve)
    write_json(paths.report("intervals.json"), {})
    made = Problem(paths, blocks, pd.concat([items, answers], axis=1), sample, parts)
    fitted = Sample(fit_scores, fit_y, decision, None, size_px, draws=100)
    made.worth = weigh(rules, replace(sample, groups=None), fitted, ("test", "valid"))
    made.rated = rated(blocks, recipe, items) if kind == "rating" else None
    for name, value in values.items():
        v = float(value[0])
        made.judge(name, (0.9 * v, v, 1.1 * v), float(base[name][0]) if name in base else None)
    return made


def rated(blocks: Blocks, recipe, items: pd.DataFrame) -> RatedItems:
    """What a recommender that has not learnt says; the first item's title is hostile."""
    items = items.assign(title=[HOSTILE, *(f"title {at}" for at in range(1, N))])
    model, data = saved.build(blocks, recipe), Datasets(blocks, {})
    learner = Learner(model, data, recipe, device.choose("fp32"))
    parts = {"train": items, "valid": items[:12], "test": items}
    return RatedItems.of(learner, parts, "test")


def write_files(paths: Paths, blocks: Blocks, recipe, decision, curve: pd.DataFrame) -> None:
    """What the stages say of data and training."""
    source = {"archives": [{"url": "file:///home/me/a.zip", "bytes": 9, "sha256": "ab" * 32}]}
    write_json(paths.data("source.json"), source | {"files": 30, "bytes": 4_200_000})
    bad = [{"file": HOSTILE, "row": row, "reason": f"reason {row}"} for row in range(7)]
    pd.DataFrame(quarantine_table(bad).to_pydict()).to_parquet(paths.data("quarantine.parquet"))
    notes = [{"file": HOSTILE, "row": row, "note": "GIF named .jpg"} for row in range(3)]
    pd.DataFrame(notes_table(notes).to_pydict()).to_parquet(paths.data("notes.parquet"))
    counts = {"train": 50, "valid": N, "test": N}
    leaks = {"shared_groups": 0, "first": [], "kinds": {}, "cut": 0, "moved": {}}
    names = ["kind", "id", "split", "other", "other_split", "distance", "detail"]
    pd.DataFrame(columns=names).to_parquet(paths.data("leaks.parquet"))
    split = {"by": "random", "counts": counts, "left_out": 2, "groups": {}, "leaks": leaks}
    write_json(paths.report("split.json"), split)
    found = {"valley": 3e-3, "slide": 1e-2, "minimum": 2e-2, "steep": 1e-3, "used": 3e-3}
    write_json(paths.model("lr.json"), found | {"reason": "valley: the smoothed loss fell"})
    rates = np.geomspace(1e-6, 1, 40)
    curve_of_loss = {"lr": rates, "loss": 2 - np.exp(-((np.log10(rates) + 2) ** 2))}
    pd.DataFrame(curve_of_loss).to_csv(paths.report("lr_find.csv"), index=False)
    epochs = {"epoch": [0, 1, 2], "phase": ["frozen", "unfrozen", "unfrozen"], "lr": [1e-3] * 3}
    losses = {"train_loss": [2, 1, 0.5], "valid_loss": [2, 1.5, 1.25], "metric": [0.1, 0.2, 0.3]}
    pd.DataFrame(epochs | losses).to_csv(paths.report("history.csv"), index=False)
    phase = {"schedule": Schedule().model_dump(), "rates": [1e-4, 1e-3], "why": "lr.json"}
    phases = [{"name": "frozen", "epochs": 1} | phase, {"name": "unfrozen", "epochs": 2} | phase]
    model = {"learner": recipe.model_dump(), "y": blocks.y.state()}
    model |= {"precision": "fp32", "parameters": 1234}
    training = {"phases": phases, "metric": blocks.y.metric_name, "chance": 2.5}
    write_json(paths.model("model.json"), model | {"training": training})
    write_json(paths.model("decision.json"), decision)
    curve.to_csv(paths.report("calibration.csv"), index=False)


@pytest.fixture
def problem(tmp_path):
    """Makes a problem of the kind."""
    return lambda kind: make(kind, tmp_path)


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """A tree with a problem of each kind; each with its page, by kind. For tests that only read."""
    root = tmp_path_factory.mktemp("pages")
    made = {kind: make(kind, root) for kind in TARGETS}
    return {kind: (it, it.write()) for kind, it in made.items()}


@pytest.fixture(params=TARGETS)
def written(request, pages):
    """A problem of each kind and its page."""
    return pages[request.param]
