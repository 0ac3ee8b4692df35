"""Champion against challenger: decided by the gate, and acted upon by git's tags."""

import tempfile
from pathlib import Path
from typing import Any

from flows.versions.decision import Decision, earlier
from flows.versions.origin import pull_tags, push
from flows.versions.registry import LostError, Registry
from flows.versions.revisions import bundle, commit_of, fetch, same_run
from onecycle.errors import UserError
from onecycle.params import nearest
from onecycle.paths import Paths
from onecycle.predict.model import load_model
from onecycle.promote import gate, side
from onecycle.promote.gate import Verdict
from onecycle.promote.side import Side
from tasks.problems import load


def promote(
    problem: str,
    challenger: str | None = None,
    stage: str = "production",
    metric: str | None = None,
    margin: float = 0.0,
    despite: str | None = None,
    remote: str | None = None,
    *,
    rollback: bool = False,
    dry: bool = False,
) -> Decision:
    """Decides, and acts on it; `python -m flows.promote` says what the arguments mean.

    Raises:
        UserError: what is asked for does not exist.
    """
    if remote:
        pull_tags(problem, remote)
    registry = Registry.read(problem)
    if not registry.events and problem not in (known := load().problems):
        raise UserError(f"params.yaml has no problem '{problem}'; {nearest(problem, known)}")
    line = registry.line(stage)
    found = Decision(problem, stage, margin=margin)
    found.champion = described(registry, line[-1]) if line else None
    if rollback:
        commit = before(problem, stage, line)
        found.challenger = described(registry, commit)
        found.outcome, found.why = "rolled back", ["asked for"]
    else:
        commit = named(problem, challenger)
        found.challenger = described(registry, commit) | {"rev": challenger or "HEAD"}
        weigh(found, commit, metric, despite)
    if found.done:
        act(found, registry, commit, remote, dry=dry)
    return found


def described(registry: Registry, commit: str) -> dict[str, Any]:
    """A commit and its version, if it has one."""
    return {"commit": commit, "version": registry.versions.get(commit)}


def before(problem: str, stage: str, line: list[str]) -> str:
    """The commit that was on the stage before the one that is.

    Raises:
        UserError: there is none, or its model can't be had or read.
    """
    if len(line) < 2:
        raise UserError(f"{problem}: nobody was on {stage} before, so nobody can be put back")
    load_model(bundle(problem, line[-2]))
    return line[-2]


def named(problem: str, challenger: str | None) -> str:
    """The commit that is asked for: a revision, an experiment, or HEAD.

    Raises:
        UserError: there is no such, or HEAD is not what lies in the working tree.
    """
    commit = commit_of(challenger or "HEAD")
    if challenger is None and not same_run(problem, commit):
        raise UserError(
            f"dvc.lock tells of another run of {problem} than HEAD's: commit it, or "
            "`dvc exp save -n NAME` and then --challenger NAME, so that the model has a commit"
        )
    return commit


def weigh(found: Decision, commit: str, metric: str | None, despite: str | None) -> None:
    """Writes the gate's verdict into a decision, and what follows from it."""
    verdict = judge(found, commit, metric)
    found.verdict, found.why = verdict.json(), verdict.why
    found.before = earlier(found.problem, verdict.test_sha256)
    if verdict.passes or despite:
        load_model(bundle(found.problem, commit))  # what can't predict is not promoted
        found.outcome, found.despite = "promoted", None if verdict.passes else despite


def judge(found: Decision, commit: str, metric: str | None) -> Verdict:
    """Fetches both models' results and compares them; what can't be had is a reason to refuse."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            new = read_side(found.problem, commit, Path(folder) / "challenger")
            old = None
            if found.champion:
                old = read_side(found.problem, found.champion["commit"], Path(folder) / "champion")
        except UserError as error:
            return Verdict(passes=False, why=[str(error)])
        return gate.decide(old, new, metric=metric, margin=found.margin)


def read_side(problem: str, commit: str, folder: Path) -> Side:
    """A model's results, as its commit has them.

    Raises:
        UserError: they can't be had, or are damaged.
    """
    paths = Paths(problem, folder)
    fetch(commit, side.files(problem), folder)
    if side.are_pictures(paths):
        fetch(commit, [str(Paths(problem).data(side.PRINTS))], folder)
    return Side.read(paths)


def act(found: Decision, registry: Registry, commit: str, remote: str | None, *, dry: bool) -> None:
    """Makes the tags, unless it is a trial; notes in the decision if somebody was quicker."""
    known = found.challenger or {}
    version = known.get("version")
    known["version"] = version or registry.next_version
    if dry:
        found.outcome = f"would be {found.outcome}"
        return
    try:
        tags = registry.assign(commit, found.stage, "\n".join(found.says))
        if remote:
            push(commit, tags, remote)
        found.tags = tags
    except LostError as error:
        found.outcome, found.why, known["version"] = "lost", [str(error)], version
