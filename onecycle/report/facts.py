"""What the page tells of: read once, from the files that the stage evaluate depends on."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd

from onecycle.decide.kinds import KINDS
from onecycle.decide.sample import Sample
from onecycle.decide.worth import Worth
from onecycle.learn.datasets import Blocks
from onecycle.paths import Paths, read_json
from onecycle.report.rated import RatedItems
from onecycle.report.training import Trained
from onecycle.report.words import count
from onecycle.tables import read_frame


@dataclass(frozen=True)
class Facts:
    """Everything that is known of one problem.

    Attributes:
        problem: its name.
        blocks: input and target block.
        predictions: `id x y group`, the kind's answers and `loss`, a row for each judged item.
        sample: the same items as the metrics see them.
        headline: the metric that the kind is judged by.
        intervals: value, low, high, n and split of each metric and its baseline.
        decision: what calibrate fitted, with its kind.
        curve: what the decision was read from.
        trained: how the model came to be.
        split: counts, groups and leaks of the parts.
        leaks: the audit's rows: items of valid and test with a counterpart that is learnt from.
        source: where the data came from.
        quarantine: rows that were set aside.
        notes: what was odd of rows that stayed, or was changed.
        slices: the score in parts of the judged items, as `onecycle.decide.slices` has it.
        lineage: what the model came from: the content of lineage.json.
        rated: of a recommender, its ratings and embeddings; else null.
        worth: the decision beside its rivals, on the judged items and on those it was fitted on.
    """

    problem: str
    blocks: Blocks
    predictions: pd.DataFrame
    sample: Sample
    headline: str
    intervals: dict[str, dict[str, Any]]
    decision: dict[str, Any]
    curve: pd.DataFrame
    trained: Trained
    split: dict[str, Any]
    leaks: pd.DataFrame
    source: dict[str, Any]
    quarantine: pd.DataFrame
    notes: pd.DataFrame
    slices: pd.DataFrame
    lineage: dict[str, Any]
    rated: RatedItems | None = None
    worth: Worth | None = None

    @classmethod
    def read(
        cls,
        paths: Paths,
        blocks: Blocks,
        predictions: pd.DataFrame,
        sample: Sample,
        slices: pd.DataFrame,
        rated: RatedItems | None = None,
        worth: Worth | None = None,
    ) -> "Facts":
        """Reads what the stages wrote."""
        lineage = paths.model("lineage.json")
        return cls(
            problem=paths.problem,
            blocks=blocks,
            predictions=predictions.reset_index(drop=True),
            sample=sample,
            headline=KINDS[sample.decision["kind"]].headline,
            intervals=read_json(paths.report("intervals.json")),
            decision=read_json(paths.model("decision.json")),
            curve=pd.read_csv(paths.report("calibration.csv")),
            trained=Trained.read(paths),
            split=read_json(paths.report("split.json")),
            leaks=read_frame(paths.data("leaks.parquet")),
            source=read_json(paths.data("source.json")),
            quarantine=read_frame(paths.data("quarantine.parquet")),
            notes=read_frame(paths.data("notes.parquet")),
            slices=slices,
            lineage=read_json(lineage) if lineage.exists() else {},
            rated=rated,
            worth=worth,
        )

    @property
    def judged(self) -> str:
        """The part that the predictions are of: test, or valid where there is no test."""
        return str(self.intervals[self.headline]["split"])

    @property
    def within_groups(self) -> bool:
        """Whether the intervals leave out the differences between groups."""
        return bool(self.intervals[self.headline].get("within_groups", False))

    @property
    def groups(self) -> int:
        """Number of groups among the judged items, 0 where some have none."""
        group = self.predictions["group"]
        return 0 if group.isna().any() else int(group.nunique())

    @property
    def accepted_leaks(self) -> list[str]:
        """Kinds that leaks were found of; not what the way of splitting means to be only counted.

        That is overlap in time where the split is not by time, and users, say, that go on for ever
        where it is.
        """
        kinds = self.split["leaks"].get("kinds", {})
        meant = {"time"} | ({"group"} if self.split["by"] == "time" else set())
        return [
            kind
            for kind, it in kinds.items()
            if it["found"] and (kind not in meant or it["limit"] is not None)
        ]

    def never_judged(self, labels: Collection[str]) -> list[str]:
        """A sentence, if any, on labels of the vocabulary that no judged item has.

        Args:
            labels: those that judged items have.
        """
        vocab = getattr(self.blocks.y, "vocab", [])
        missing = len(set(vocab) - set(labels))
        about = f"No item of {self.judged} has {missing:,} of the {len(vocab):,} labels: "
        return [about + "the score says nothing of those."] if missing else []

    @property
    def fitted_on(self) -> str:
        """Which items decided the decision, and what else they were used for."""
        part, n = self.decision["fitted_on"]["part"], self.decision["fitted_on"]["n"]
        also = ", which training was watched on too"
        if part == self.judged:
            also += " and which judge it here"
        return f"Fitted on the {count(n, 'item')} of {part}{'' if part == 'calib' else also}."
