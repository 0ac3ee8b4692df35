"""Tells Prefect's server what runs by itself: `python -m flows.deploy`, `make deploy`.

That is what prefect.yaml says, with what it needs: a pool for workers, the limits, and an
automation that ends runs whose process is gone. `--worker` (`make worker`) then runs what is due;
`--serve` does both from one process, without a pool.
"""

import argparse
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from flows import connection
from flows.trees import SERVED
from onecycle.errors import UserError
from onecycle.params import read_yaml
from onecycle.paths import main_tree
from onecycle.progress import complain, say

FILE = Path("prefect.yaml")
POOL = "onecycle"
AT_ONCE = 2  # runs of a pool's workers; each has its stages side by side on the cores that it has
HEARTBEAT_S = 30  # the least that Prefect takes
GONE_S = 300  # without a heartbeat a run is Crashed: longer than an outage of the server
# A run's log is in Prefect: a line on the console of a worker that was killed would abort it.
RUNS = {
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "ERROR",
}
ENDED = "onecycle: runs whose process is gone"
STAYS = """there is no server that stays: start `make ui` beside this, or set PREFECT_API_URL"""


def main(argv: list[str] | None = None) -> int:
    """Deploys, works or serves."""
    parser = argparse.ArgumentParser(prog="python -m flows.deploy", description=__doc__)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--worker", action="store_true", help="run what is due, until it is ended")
    either.add_argument("--serve", action="store_true", help="deploy, and run from this process")
    arguments = parser.parse_args(argv)
    try:
        connect()
        prepare()
        if arguments.worker:
            work()
        if arguments.serve:
            serve()
        else:
            deploy()
    except UserError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def connect() -> None:
    """Points Prefect at a server that outlives this process, in the main tree.

    Raises:
        UserError: there is none.
    """
    os.chdir(main_tree())
    given, shared = os.environ.get("PREFECT_API_URL"), connection.ui_server()
    if given:
        connection.expect(given)
    elif shared:
        connection.point_at(shared)
        connection.wait_for(shared, STAYS)
    else:
        raise UserError(STAYS)
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] = str(HEARTBEAT_S)


def prepare() -> None:
    """Makes what deployments need, or brings it up to date; ends runs whose process is gone."""
    from prefect.client.orchestration import get_client

    from flows import limits, living
    from tasks.problems import load

    with get_client(sync_client=True) as client:
        living.sweep(client)
        make_pool(client)
        make_automation(client)
        for name in [limits.GPU, *map(limits.PROBLEM.format, load().problems)]:
            limits.make(client, name)


def make_pool(client: Any) -> None:  # noqa: ANN401 - Prefect's, which is not imported yet
    """The pool, whose workers start runs in the main tree, with heartbeats."""
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    variables = template["variables"]["properties"]
    variables["working_dir"]["default"] = str(main_tree())
    variables["env"]["default"] = RUNS
    try:
        client.create_work_pool(
            WorkPoolCreate(
                name=POOL, type="process", base_job_template=template, concurrency_limit=AT_ONCE
            )
        )
    except ObjectAlreadyExists:
        client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))


def make_automation(client: Any) -> None:  # noqa: ANN401 - as above
    """Has the server end runs that have sent no heartbeat for a while.

    Source: https://docs.prefect.io/v3/advanced/detect-zombie-flows
    """
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    from flows.living import KILLED

    beat, run = "prefect.flow-run.heartbeat", "prefect.flow-run."
    automation = AutomationCore(
        name=ENDED,
        trigger=EventTrigger(
            after={beat},
            expect={beat, *(run + end for end in ("Completed", "Failed", "Cancelled", "Crashed"))},
            match=ResourceSpecification({"prefect.resource.id": [f"{run}*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=GONE_S),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=KILLED)],
    )
    found = client.read_automations_by_name(ENDED)
    for old in found[1:]:
        client.delete_automation(old.id)
    if found:
        client.update_automation(found[0].id, automation)
    else:
        client.create_automation(automation)


def deploy() -> None:
    """Deploys all of prefect.yaml by Prefect's own command.

    Raises:
        UserError: it refuses.
    """
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{FILE}: {done.stdout}{done.stderr}")
    for each in read_yaml(FILE)["deployments"]:
        when = [f"{it['cron']} {it['timezone']}" for it in each.get("schedules", [])]
        say(f"{each['name']:<26} {', '.join(when) or 'when asked'}")
    say("deployed; `make worker` runs them")


def work() -> NoReturn:
    """Becomes a worker of the pool, until it is ended."""
    say(f"a worker of the pool {POOL}; Ctrl-C ends it")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's `&` has it ignored; it ends a worker
    command = ["-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    os.execv(sys.executable, [sys.executable, *command])


class Steps:
    """Pull steps, in the form in which Prefect's runner takes them.

    Args:
        steps: as prefect.yaml has them.
    """

    pull_interval = None

    def __init__(self, steps: list[dict[str, Any]]) -> None:
        self.steps, self.destination = steps, main_tree()

    def set_base_path(self, path: Path) -> None:
        """The runner's folder, in which nothing is."""

    async def pull_code(self) -> None:
        """The steps are each run's, not the runner's."""

    def to_pull_step(self) -> list[dict[str, Any]]:
        """The steps."""
        return self.steps


def serve() -> None:
    """Deploys all of prefect.yaml without a pool, and runs what is due, until it is ended."""
    from prefect import serve
    from prefect.deployments.runner import RunnerDeployment
    from prefect.schedules import Cron

    asked = read_yaml(FILE)
    served = []
    for each in asked["deployments"]:
        found = RunnerDeployment.from_entrypoint(
            each["entrypoint"],
            name=each["name"],
            parameters=each.get("parameters"),
            tags=each.get("tags"),
            schedules=[Cron(it["cron"], it.get("timezone")) for it in each.get("schedules", [])],
        )
        found.storage = Steps(each.get("pull", asked["pull"]))
        served.append(found)
    os.environ[SERVED] = "1"
    say("serves all of prefect.yaml; Ctrl-C ends it")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as for a worker
    serve(*served, limit=AT_ONCE, pause_on_shutdown=False)


if __name__ == "__main__":
    sys.exit(main())
