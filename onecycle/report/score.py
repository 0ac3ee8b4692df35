"""A problem's score and how its training read: what a table of several problems tells of each."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from onecycle.decide.kinds import KINDS
from onecycle.paths import Paths, read_json
from onecycle.report.reading import Reading, read
from onecycle.report.results import VERDICTS, Row, row


@dataclass(frozen=True)
class Score:
    """A problem's headline metric, and what it hangs on.

    Attributes:
        problem: its name.
        metric: the headline as a row of its table.
        n: judged items.
        split: their part.
        within_groups: whether the interval is over items of few groups.
        by: how the items were split.
        reading: of the training.
        history: the metric on valid after each epoch, and its name.
    """

    problem: str
    metric: Row
    n: int
    split: str
    within_groups: bool
    by: str
    reading: Reading
    history: tuple[str, list[float]]

    @classmethod
    def read(cls, problem: str, root: Path = Path()) -> "Score":
        """Reads it from what the stages wrote.

        Raises:
            OSError: a file is missing.
            ValueError: a file is damaged.
            KeyError: a file lacks what it should have: another version wrote it.
        """
        paths = Paths(problem, root)
        kind = read_json(paths.model("decision.json"))["kind"]
        intervals, headline = read_json(paths.report("intervals.json")), KINDS[kind].headline
        found, model = intervals[headline], read_json(paths.model("model.json"))
        history = pd.read_csv(paths.report("history.csv"))
        return cls(
            problem=problem,
            metric=row(intervals, kind, headline),
            n=found["n"],
            split=found["split"],
            within_groups=bool(found.get("within_groups", False)),
            by=read_json(paths.report("split.json"))["by"],
            reading=read(problem, history, model, read_json(paths.model("lr.json"))),
            history=(model["training"]["metric"], history["metric"].tolist()),
        )

    @property
    def verdict(self) -> str:
        """Whether the model is better than the trivial predictor, in a sentence."""
        return VERDICTS[self.metric.verdict]
