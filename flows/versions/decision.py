"""What was decided of a promotion, as a file, as a tag's message, and as a page."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from onecycle.foreign import one_line
from onecycle.paths import home, read_json, temporary
from onecycle.report.words import count

HEADS = ("metric", "champion", "challenger", "gain", "95 % interval")


@dataclass
class Decision:
    """What was asked, found and done; a file `.onecycle/promotions/<problem>/<number>.json`.

    Attributes:
        problem: its name.
        stage: such as production.
        outcome: promoted, rolled back, `would be` either (of --dry), refused, or lost to another.
        why: in sentences.
        champion: commit and version of who was on the stage; null where nobody was.
        challenger: likewise, of who shall be; `rev` is what it was asked for by.
        verdict: the gate's, as JSON has it; null of a rollback.
        margin: the loss that was allowed.
        despite: why a refusal was overruled; null where none was.
        before: earlier comparisons by the same test items: each is lucky once in forty times.
        tags: those made.
    """

    problem: str
    stage: str
    outcome: str = "refused"
    why: list[str] = field(default_factory=list)
    champion: dict[str, Any] | None = None
    challenger: dict[str, Any] | None = None
    verdict: dict[str, Any] | None = None
    margin: float = 0.0
    despite: str | None = None
    before: int = 0
    tags: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether what was asked for was done, or would have been."""
        return self.outcome.endswith(("promoted", "rolled back"))

    def write(self) -> Path:
        """Writes it under the next number, whoever else writes one."""
        folder = kept(self.problem)
        folder.mkdir(parents=True, exist_ok=True)
        begun = temporary(folder / "decision.json")
        when = datetime.now(UTC).isoformat(timespec="seconds")
        begun.write_text(json.dumps({**vars(self), "decided_at": when}, indent=2) + "\n")
        number = 1 + max((int(each.stem) for each in folder.glob("[0-9]*.json")), default=0)
        while True:
            path = folder / f"{number}.json"
            with suppress(FileExistsError):
                os.link(begun, path)  # where rename would replace another's
                begun.unlink()
                return path
            number += 1

    @property
    def says(self) -> list[str]:
        """In lines: what was done, why, and what the numbers leave out."""
        between = "in place of" if self.done else "against"
        who = f"{_name(self.challenger)} {between} {_name(self.champion)}"
        lines = [f"{self.outcome}: {self.problem} on {self.stage}: {who}", *self.why]
        if self.despite:
            lines.append(f"in spite of this: {self.despite}")
        lines += (self.verdict or {}).get("cautions", [])
        if self.before:
            times = count(self.before, "time")
            lines.append(
                f"these test items have judged {times} before: of 40 models that are no better, "
                "one looks so"
            )
        return [one_line(each) for each in lines]

    @property
    def markdown(self) -> str:
        """For Prefect's page."""
        rows = [f"- {each}" for each in self.says]
        gains = (self.verdict or {}).get("gains") or []
        if gains:
            rows += ["", f"| {' | '.join(HEADS)} |", f"|{' --- |' * len(HEADS)}"]
        for each in gains:
            values = (f"{each[name]:.4g}" for name in ("old", "new"))
            cells = (each["metric"], *values, f"{each['gain']:+.4g}", _interval(each))
            rows.append(f"| {' | '.join(cells)} |")
        if gains:
            rows += ["", "A gain above 0 is better, whichever way the metric improves."]
        return "\n".join(rows)


def _interval(gain: dict[str, Any]) -> str:
    ends = (gain["low"], gain["high"])
    return " to ".join("–" if each is None else f"{each:+.4g}" for each in ends)


def _name(of: dict[str, Any] | None) -> str:
    """A model by its version, else its commit, and what it was asked for by."""
    if of is None:
        return "nobody"
    rev = of.get("rev")
    asked = f" ({rev})" if rev else ""
    return f"{of['version'] or of['commit'][:8]}{asked}"


def kept(problem: str) -> Path:
    """Where the decisions on a problem lie."""
    return home() / "promotions" / problem


def earlier(problem: str, test_sha256: str | None) -> int:
    """How many decisions compared two models by the same items."""
    verdicts = [read_json(each).get("verdict") or {} for each in kept(problem).glob("[0-9]*.json")]
    alike = [each for each in verdicts if each.get("gains") and test_sha256 is not None]
    return sum(each["test_sha256"] == test_sha256 for each in alike)
