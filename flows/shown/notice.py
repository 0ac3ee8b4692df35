"""Tells of a run that failed or measured too little: JSON, posted to `ONECYCLE_WEBHOOK`.

Off where that is not set. The address may hold a secret, so it stands in no file, log or message:
urllib posts it, for httpx writes each address into its log.
What goes wrong here is told and ends nothing. The key `text` is what chat services show.
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.utilities.urls import url_for

from flows import connection, server
from flows.shown.display import tell
from flows.shown.floors import Below

WEBHOOK = "ONECYCLE_WEBHOOK"
WAIT_S = 10.0
MOST = 4000  # characters of a message: services refuse long ones


def ended(flow: object, flow_run: FlowRun, state: State[Any]) -> None:
    """A run failed or crashed; Prefect calls this as a hook of the flow."""
    post(str(state.name).lower(), flow_run, state.message or "")


def below(found: Sequence[Below]) -> None:
    """This run measured what is worse than its floor."""
    context = FlowRunContext.get()
    if found and context and context.flow_run:
        run = context.flow_run
        message = "\n".join(map(str, found))
        post("below", run, message, below=[asdict(each) for each in found])


def post(event: str, run: FlowRun, message: str, **more: Any) -> None:  # noqa: ANN401 - JSON
    """Posts a notice.

    Args:
        event: what happened, in a word.
        run: of which.
        message: what happened, and what to do.
        more: keys of the JSON object that not every notice has.
    """
    address = os.environ.get(WEBHOOK)
    if not address:
        return
    message = message[:MOST]
    told = {
        "event": event,
        "run": run.name,
        "id": str(run.id),
        "deployment": run.deployment_id and str(run.deployment_id),
        "url": page(run),
        "message": message,
        "text": f"onecycle, run {run.name}: {event}\n{message}",
        **more,
    }
    why = failure(address, json.dumps(told).encode())
    if why:
        tell(f"the notice ({event}) did not reach {WEBHOOK}: {why}")


def failure(address: str, body: bytes) -> str | None:
    """Posts; why that failed, if it did, without the address."""
    if not address.startswith(("https://", "http://")):
        return "it is expected to begin with https:// or http://"
    headers = {"Content-Type": "application/json", "User-Agent": "onecycle"}
    try:
        request = urllib.request.Request(address, body, headers)
        with urllib.request.build_opener(Straight).open(request, timeout=WAIT_S):
            return None
    except urllib.error.HTTPError as error:
        with error:
            return f"the answer was {error.code}"
    except urllib.error.URLError as error:
        return type(error.reason).__name__ if isinstance(error.reason, OSError) else "no host"
    except Exception as error:  # of an address or an answer that is none
        return type(error).__name__


class Straight(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: a redirected POST would become a GET, and tell nobody."""

    def redirect_request(self, *_: object) -> None:
        """None."""


def page(run: FlowRun) -> str | None:
    """The run in Prefect's pages; null where its server ends with it."""
    own = os.environ.get("PREFECT_HOME") == str(server.state())
    return None if own and connection.ui_server() is None else url_for(run)
