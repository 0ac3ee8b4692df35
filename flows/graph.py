"""DVC's graph as the flow needs it: stages in DVC's order, what each waits for, what is clean."""

from dataclasses import dataclass, field
from typing import Any

import networkx
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.reproduce import get_active_graph

from onecycle.errors import UserError


@dataclass(frozen=True)
class Stage:
    """A stage of dvc.yaml for one problem.

    Attributes:
        name: as DVC knows it, such as `train@pets`.
        needs: the names of the stages that it waits for: those whose outputs it reads, but for
            those that one of these waits for itself.
        clean: whether nothing that it depends on, and none of its outputs, has changed.
        meta: what dvc.yaml says of it under `meta`: `gpu`, `timeout` (seconds), `retries`.
    """

    name: str
    needs: tuple[str, ...] = ()
    clean: bool = False
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """What it does: the part of its name before the problem."""
        return self.name.partition("@")[0]

    @property
    def problem(self) -> str:
        """The problem that it is a stage of."""
        return self.name.partition("@")[2]


def read() -> list[Stage]:
    """The stages of the repository in the current folder, in the order that `dvc repro` has.

    Raises:
        UserError: dvc.yaml, dvc.lock or params.yaml is missing or wrong.
    """
    try:
        with Repo(_wait_for_lock=True) as repo, repo.lock:
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
        raise UserError(f"dvc: {error}") from error
    if not stages:
        raise UserError(
            "there is nothing to run: is dvc.yaml here, and does params.yaml's run name a problem?"
        )
    return stages


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
