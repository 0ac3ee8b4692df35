"""DVC's graph as the flow needs it: stages in DVC's order, what each waits for, what is clean.

`python -m flows.graph` prints it as JSON, so that a run reads it beside what it imports meanwhile.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import networkx
from dvc.dvcfile import LOCK_FILE
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.reproduce import get_active_graph

from flows.schedule import Stage
from onecycle.errors import UserError
from onecycle.progress import say


def read() -> list[Stage]:
    """The stages of the repository in the current folder, in the order that `dvc repro` has.

    Raises:
        UserError: dvc.yaml, dvc.lock or params.yaml is missing or wrong.
    """
    try:
        with Repo(_wait_for_lock=True) as repo, repo.lock:
            if torn():
                raise UserError(f"dvc: {LOCK_FILE} ends in the middle{TORN}")
            graph = get_active_graph(repo.index.graph)
            needs = networkx.transitive_reduction(graph)
            stages = [
                Stage(
                    name=stage.addressing,
                    needs=tuple(sorted(each.addressing for each in needs.successors(stage))),
                    clean=is_clean(stage),
                    meta=stage.meta or {},
                )
                for stage in networkx.dfs_postorder_nodes(graph)
            ]
    except DvcException as error:
        remedy = TORN if LOCK_FILE in str(error) else ""
        raise UserError(f"dvc: {error}{remedy}") from error
    if not stages:
        raise UserError(
            "there is nothing to run: is dvc.yaml here, and does params.yaml's run name a problem?"
        )
    return stages


TORN = """
A dvc that was killed may have left it half written: run `python -m flows.doctor`, then run again;
outputs and DVC's cache of runs are kept, so that nothing is computed again"""


def torn() -> bool:
    """Whether dvc.lock does not end as DVC ends it; what there is may be YAML, of wrong values."""
    path = Path(LOCK_FILE)
    return path.exists() and not path.read_bytes().endswith(b"\n")


def look(name: str) -> bool:
    """Whether a stage is clean now: asked again when one before it has run."""
    try:
        with Repo(_wait_for_lock=True) as repo, repo.lock:
            (stage,) = repo.stage.collect(name)
            return is_clean(stage)
    except DvcException:
        return False  # its own process will say what is wrong


def is_clean(stage: Any) -> bool:  # noqa: ANN401 - DVC has no types
    """Whether `dvc repro` would have nothing to do; what another process holds is not clean."""
    try:
        return not stage.status()
    except DvcException:
        return False


def main() -> int:
    """Prints the stages, or what a user got wrong."""
    try:
        said: Any = [asdict(stage) for stage in read()]
    except UserError as error:
        said = str(error)
    say(json.dumps(said))
    return 0


if __name__ == "__main__":
    sys.exit(main())
