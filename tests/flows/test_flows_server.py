"""The server: who may ask it, who may not, and how a run finds one."""

import base64
import json
import re
import shutil
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from trees import ENVIRONMENT, ROOT, processes, wait_until

from flows import connection, supervisor
from flows.server import DATABASE, secured, words
from flows.shown import pages

ENV = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
# What a person may have set for another server of theirs; it must not reach this one.
ENV["PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED"] = "false"
ENV["PREFECT_API_DATABASE_CONNECTION_URL"] = "sqlite+aiosqlite:////nowhere/prefect.db"
COMMAND = [sys.executable, "-m", "flows.server"]


@dataclass
class Server:
    """A server as `make ui` starts it."""

    tree: Path
    url: str
    login: str
    said: str

    def ask(
        self, path: str, body: object = None, login: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of an answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data)
        request.add_header("Content-Type", "application/json")
        if login:
            request.add_header(
                "Authorization", f"Basic {base64.b64encode(login.encode()).decode()}"
            )
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read().decode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Server]:
    tree = tmp_path_factory.mktemp("served")
    shutil.copytree(empty_database, tree / ".onecycle" / "prefect")
    command = [*COMMAND, "--port", "0"]
    with subprocess.Popen(command, cwd=tree, env=ENV, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = "".join(process.stdout.readline() for _ in range(5))
        url = re.search(r"http://127[^ \n]+", said)[0]
        login = (tree / ".onecycle/prefect/login").read_text()
        found = Server(tree, url, login, said)
        wait_until(lambda: (tree / ".onecycle/prefect/url").exists(), 60, "its address is known")
        wait_until(lambda: found.ask("/api/health")[0] == 200, 60, "it answers")
        yield found
        process.terminate()
    assert not (tree / ".onecycle/prefect/url").exists()
    assert processes(tree) == []


def test_it_says_where_it_is_and_how_to_point_runs_at_it_but_the_login_only_to_a_person(
    server, tmp_path, monkeypatch
):
    assert f"PREFECT_API_URL={server.url}/api" in server.said
    assert f'PREFECT_API_AUTH_STRING="$(cat {server.tree}/.onecycle/prefect/login)"' in server.said
    assert server.login not in server.said
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert words()["login"] in words()["quoted"]


def test_it_listens_on_this_machine_only(server):
    listening = [
        found.laddr.ip
        for process in processes(server.tree)
        for found in process.net_connections("inet")
        if found.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}


@pytest.mark.parametrize("path", ["/api/admin/version", "/api/admin/settings", "/api/docs"])
def test_nobody_is_answered_without_the_login(server, path):
    assert server.ask(path)[0] == 401
    assert server.ask(path, login="onecycle:guess")[0] == 401
    assert server.ask(path, login=server.login)[0] == 200


def test_a_change_needs_a_token_against_forged_requests(server):
    status, _, text = server.ask("/api/flow_runs/filter", {}, server.login)
    assert status == 403, text
    client = "00000000-0000-4000-8000-000000000000"
    token = json.loads(server.ask(f"/api/csrf-token?client={client}", login=server.login)[2])
    given = {"Prefect_Csrf_Token": token["token"], "Prefect_Csrf_Client": client}
    assert server.ask("/api/flow_runs/filter", {}, server.login, **given)[0] == 200


def test_other_pages_are_not_answered_and_its_own_may_call_nobody_else(server):
    _, headers, _ = server.ask("/api/health", Origin="http://evil.example")
    assert "access-control-allow-origin" not in {name.lower() for name in headers}
    _, headers, page = server.ask("/")
    port = server.url.rpartition(":")[2]
    assert headers["content-security-policy"] == f"connect-src 'self' ws://127.0.0.1:{port}"
    assert "<script" in page


def test_a_kept_report_is_served_to_those_who_know_its_address_and_may_run_nothing(server):
    kept = server.tree / ".onecycle" / "published"
    assert server.ask(f"{pages.prefix(server.login)}/run/a/report.html")[0] == 404
    (kept / "run" / "a").mkdir(parents=True)
    (kept / "run" / "a" / "report.html").write_text("<p>the report")
    (kept / "a.json").write_text("{}")
    prefix = pages.prefix(server.login)
    status, _, text = server.ask(f"{prefix}/run/a/report.html")
    assert (status, text) == (200, "<p>the report")
    with urllib.request.urlopen(f"{server.url}{prefix}/run/a/report.html") as answer:
        policies = answer.headers.get_all("Content-Security-Policy")
    assert any(policy.startswith("sandbox; default-src 'none'") for policy in policies)
    for path in (
        f"{prefix}/a.json",
        f"{prefix}/run/",
        f"{prefix}/run/../../prefect/login",
        f"{prefix}/..%2fprefect/login",
        f"{pages.prefix('onecycle:guess')}/run/a/report.html",
        "/reports/run/a/report.html",
    ):
        status, _, text = server.ask(path)
        assert status == 404 or "<div id" in text, path  # Prefect's page
        assert "the report" not in text and server.login not in text


def test_it_tells_nobody_of_its_runs(server):
    settings = json.loads(server.ask("/api/admin/settings", login=server.login)[2])
    assert settings["server"]["analytics_enabled"] is False


def test_another_database_is_the_environments_affair(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
    assert named not in secured("http://127.0.0.1:1", tmp_path)
    monkeypatch.setenv(DATABASE, "postgresql+asyncpg://me:secret@db/prefect")
    assert secured("http://127.0.0.1:1", tmp_path)[named].endswith("secret@db/prefect")
    assert "secret" not in "".join(words().values())


def test_its_files_are_this_users_only(server):
    folder = server.tree / ".onecycle" / "prefect"
    assert stat.S_IMODE((folder / "login").stat().st_mode) == 0o600
    assert (folder / "login").read_text() == server.login
    assert len(server.login) > 30
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_second_one_on_the_same_runs_is_refused(server):
    done = subprocess.run(
        [*COMMAND, "--port", "0"], cwd=server.tree, env=ENV, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "another `make ui`" in done.stderr


def test_a_port_that_is_taken_is_named_with_a_remedy(server, tmp_path):
    port = server.url.rpartition(":")[2]
    done = subprocess.run(
        [*COMMAND, "--port", port], cwd=tmp_path, env=ENV, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"port {port}: Address already in use; try `make ui PORT={int(port) + 1}`" in done.stderr


GPU = """
import threading, time
from flows import connection
with connection.connected(lambda: None) as connected:
    connected.point()
    connected.ready()
    from flows import cuda, task
    from flows.schedule import Stage
    from flows.stage import Runner
    cuda.devices = lambda: 1
    times, stage = [], Stage("train@a", meta={"gpu": True})
    def use():
        with task.gpu_slot(stage, Runner()):
            times.append(time.monotonic()); time.sleep(1.5); times.append(time.monotonic())
    threads = [threading.Thread(target=use) for _ in range(2)]
    [each.start() for each in threads]; [each.join() for each in threads]
    assert times == sorted(times) and len(times) == 4, times
    from prefect.client.orchestration import get_client
    with get_client(sync_client=True) as client:
        found = client.read_global_concurrency_limit_by_name("gpu")
    assert (found.limit, found.active) == (1, True), found
    stopped = Runner(); stopped.stop()
    held = threading.Thread(target=use); held.start(); time.sleep(0.5)
    try:
        with task.gpu_slot(stage, stopped):
            raise AssertionError("a run that is to end got a slot")
    except task.StageError:
        pass
    held.join()
"""


def test_stages_on_a_gpu_wait_for_each_other_and_the_limit_is_made(server):
    command = [sys.executable, "-c", GPU]
    done = subprocess.run(command, cwd=server.tree, env=ENV, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"shown at {server.url}" in done.stdout


def test_an_address_is_believed_only_while_its_server_holds_the_runs(server, tmp_path, monkeypatch):
    monkeypatch.chdir(server.tree)
    assert connection.ui_server() == server.url
    (tmp_path / ".onecycle" / "prefect").mkdir(parents=True)
    (tmp_path / ".onecycle" / "prefect" / "url").write_text(server.url)
    monkeypatch.chdir(tmp_path)
    assert connection.ui_server() is None  # left by one that was killed


def pipeline(tree: Path, **environment: str) -> str:
    """Runs the flow's command in a tree without a repository, where it can only fail."""
    shutil.copy(ROOT / "params.yaml", tree)
    command = [sys.executable, "-m", "flows.pipeline"]
    done = subprocess.run(
        command,
        cwd=tree,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert processes(tree) == []
    return done.stderr


def test_an_address_of_ones_own_where_nobody_answers_is_named(tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    for name in ("dvc.yaml", ".dvc/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    said = pipeline(tmp_path, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert said.splitlines()[-1].startswith("error: PREFECT_API_URL: no server answers at http")


def test_a_server_that_cannot_start_is_told_with_its_log(tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    for name in ("dvc.yaml", ".dvc/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    home = tmp_path / ".onecycle" / "prefect"
    home.mkdir(parents=True)
    (home / "prefect.db").write_text("no database " * 1000)
    assert f"did not start; its own words are in {home / 'server.log'}" in pipeline(tmp_path)
    assert "not a database" in (home / "server.log").read_text()


def test_the_address_of_one_that_was_killed_goes_when_another_begins(tmp_path, empty_database):
    home = tmp_path / ".onecycle" / "prefect"
    shutil.copytree(empty_database, home)
    (home / "url").write_text("http://127.0.0.1:9")
    process = supervisor.start([*COMMAND, "--for-run"], 3.0, cwd=tmp_path, env=ENV)
    assert process.stdout
    with process.stdout as lines:
        assert lines.readline().startswith("http://127.0.0.1:")
        assert not (home / "url").exists()  # else a second run would send the login there
        supervisor.end(process)
    assert processes(tmp_path) == []
