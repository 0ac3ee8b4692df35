"""A tree that is operated: Prefect's server, what prefect.yaml deploys, a worker."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import browser
import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.states import Cancelling
from trees import ENVIRONMENT, shell, wait_until

NIGHTLY = "onecycle/nightly-sample-movielens"
ENDED = {"Completed", "Failed", "Crashed", "Cancelled", "Skipped"}


@dataclass
class Operated:
    """A tree with a server and a worker, both of which may be ended and started again."""

    tree: Path
    port: int = 0
    server: subprocess.Popen[bytes] | None = None
    worker: subprocess.Popen[bytes] | None = None
    said: dict[str, Path] = field(default_factory=dict)

    def serve(self) -> None:
        """Starts the server, at the port that it had."""
        address = self.tree / ".onecycle/prefect/url"
        self.server = self._start("flows.server", "--port", str(self.port))
        wait_until(address.exists, 300, "the server has started")
        self.port = int(address.read_text().rpartition(":")[2])

    def deploy(self) -> str:
        """Deploys all of prefect.yaml."""
        return shell(self.tree, "python", "-m", "flows.deploy")

    def work(self, *option: str) -> None:
        """Starts a worker, or what serves."""
        self.worker = self._start("flows.deploy", *(option or ("--worker",)))

    def _start(self, module: str, *options: str) -> subprocess.Popen[bytes]:
        words = self.tree.parent / f"{self.tree.name}.{module}.log"
        self.said[module] = words
        with words.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", module, *options],
                cwd=self.tree,
                env=ENVIRONMENT,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        """Asks the server."""
        login = (self.tree / ".onecycle/prefect/login").read_text()
        url = f"http://127.0.0.1:{self.port}/api"
        with SyncPrefectClient(url, auth_string=login) as client:
            yield client

    def run(self, deployment: str = NIGHTLY, **parameters: Any) -> UUID:
        """Has a deployment run at once."""
        with self.client() as client:
            found = client.read_deployment_by_name(deployment)
            return client.create_flow_run_from_deployment(found.id, parameters=parameters).id

    def state(self, run: UUID) -> tuple[str, str]:
        """A run's state and its message."""
        with self.client() as client:
            state = client.read_flow_run(run).state
        return (state.name or "", state.message or "") if state else ("", "")

    def ended(self, run: UUID, within_s: float = 900) -> tuple[str, str]:
        """A run's state once it has ended."""
        wait_until(lambda: self.state(run)[0] in ENDED, within_s, f"{run} ends: {self.said}")
        return self.state(run)

    def name(self, run: UUID) -> str:
        """A run's name."""
        with self.client() as client:
            return client.read_flow_run(run).name

    def log(self, run: UUID) -> str:
        """What a run has logged."""
        with self.client() as client:
            lines = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run])))
        return "\n".join(line.message for line in lines)

    def trains(self, run: UUID, within_s: float = 900) -> None:
        """Waits until a run is in the middle of training."""
        found = re.compile(r"epoch \d+ of \d+")
        wait_until(lambda: found.search(self.log(run)), within_s, f"{run} trains: {self.said}")

    def cancel(self, run: UUID) -> None:
        """As the button in the UI does."""
        with self.client() as client:
            client.set_flow_run_state(run, Cancelling())

    def click_cancel(self, run: UUID, profile: Path) -> None:
        """By the button in the UI; without a browser, as that does."""
        program = browser.found()
        if not program:
            self.cancel(run)
            return
        url = f"http://127.0.0.1:{self.port}"
        with browser.browser(program, profile) as tab:
            tab.open(url, 1440)
            tab.click("document.querySelector('input')")
            tab.write((self.tree / ".onecycle/prefect/login").read_text())
            tab.button("Login")
            wait_until(lambda: tab.run("!document.querySelector('input')"), 30, "logged in")
            tab.open(f"{url}/runs/flow-run/{run}", 1440)
            tab.button("Cancel")
            tab.button("Confirm")
            wait_until(lambda: self.state(run)[0] != "Running", 30, "the click is heard")

    def path(self, run: UUID | str = "") -> Path:
        """A run's tree; the folder of all by default."""
        return self.tree.resolve() / ".onecycle" / "trees" / str(run)

    def processes(self, run: UUID) -> list[psutil.Process]:
        """The processes in a run's tree; a zombie is in none."""
        tree = str(self.path(run))
        return [it for it in psutil.process_iter(["cwd"]) if it.info["cwd"] == tree]

    def all(self) -> list[psutil.Process]:
        """All processes in the tree, and in runs' trees."""
        tree = str(self.tree.resolve())
        return [
            it for it in psutil.process_iter(["cwd"]) if (it.info["cwd"] or "").startswith(tree)
        ]

    def end(self) -> None:
        """Leaves no process."""
        for process in self.all():
            process.kill()
        for started in (self.worker, self.server):
            if started:
                started.wait()


@contextmanager
def operated(tree: Path) -> Iterator[Operated]:
    """Operates a tree; nothing runs in it afterwards."""
    it = Operated(tree)
    try:
        it.serve()
        it.deploy()
        it.work()
        yield it
    finally:
        it.end()
