"""The flow of a promotion: decides, acts, and shows the decision."""

from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import living
from flows.shown.display import console
from flows.shown.publish import told
from flows.versions.challenge import promote
from onecycle.progress import say


@flow(name="onecycle-promote")
def onecycle_promote(problem: str, **asked: Any) -> State[Any]:  # noqa: ANN401 - as `promote`'s
    """Promotes, or does not, and shows why.

    Args:
        problem: its name.
        asked: the rest of what `flows.versions.challenge.promote` takes.

    Returns:
        A completed state, named by the outcome: to refuse is no failure. Its result is whether what
        was asked for was done.
    """
    with living.known():
        found = promote(problem, **asked)
        path = found.write()
        for each in (*found.says, f"decided: {path}"):
            say(each)
        with told("the decision is not in Prefect", console()):
            key = f"promotion-{problem.replace('_', '-')}"
            create_markdown_artifact(found.markdown, key=key, description=found.says[0])
    said = "\n".join(found.says)
    return Completed(name=found.outcome.capitalize(), message=said, data=found.done)
