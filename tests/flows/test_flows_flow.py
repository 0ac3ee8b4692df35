"""The flow's parts that need no server: slots, the final state, the console, the table."""

import io
import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending
from rich.console import Console

from flows import cuda, flow, limits, living, task, trees, walk
from flows.schedule import Stage
from flows.shown import publish, tables
from flows.shown.display import Display
from flows.shown.floors import Below
from flows.shown.standing import Metrics, Standing
from flows.stage import Runner, StageError
from onecycle.report import index

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("cores", "threads", "expected"), [(2, 1, 2), (2, 2, 1), (8, 3, 2), (4, 16, 1)]
)
def test_stages_at_once_leave_each_its_threads(monkeypatch, cores, threads, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert walk.slots(threads) == expected


def test_dvc_reproduces_in_processes_of_their_own_only():
    users = [
        each.name for each in (ROOT / "flows").glob("*.py") if ".reproduce(" in each.read_text()
    ]
    assert users == ["repro.py"]  # from threads of one process it deadlocks


CACHED, SKIPPED = Completed(name="Cached"), Cancelled(name="Skipped")


def test_the_run_is_what_its_stages_were():
    state = walk.summary({"a": CACHED, "b": Completed(), "c": CACHED})
    assert (state.type, state.message) == ("COMPLETED", "2 cached, 1 completed")
    state = walk.summary({"a": CACHED, "b": Failed(message="no x: do y"), "c": SKIPPED})
    assert state.type == "FAILED"
    assert state.message == "1 cached, 1 failed, 1 skipped\nb: no x: do y"
    worse = [Below("a", "rmse", 1.25, 1.0)]
    state = walk.summary({"a": CACHED}, worse)
    assert state.type == "COMPLETED"
    assert state.message == "1 cached\na: rmse is 1.25, worse than its floor 1"
    state = walk.summary({"a": CACHED, "b": Failed(message="no x")}, worse)
    assert state.message.splitlines()[1:] == ["b: no x", str(worse[0])]
    assert walk.summary({"a": CACHED, "b": SKIPPED}).type == "CANCELLED"
    assert walk.summary({"a": CACHED, "b": Crashed(message="oh")}).type == "FAILED"
    assert walk.summary({"a": CACHED, "b": Pending(name="NotReady")}).type == "CANCELLED"


@pytest.mark.parametrize(("meta", "devices"), [({}, 2), ({"gpu": True}, 0)])
def test_a_stage_without_a_gpu_asks_for_no_slot(monkeypatch, meta, devices):
    monkeypatch.setattr(cuda, "devices", lambda: devices)
    monkeypatch.setattr(limits, "get_client", None)
    with task.gpu_slot(Stage("train@a", meta=meta), Runner()):
        pass


LEASE = UUID(int=1)


@dataclass
class Lender:
    """A server that lends slots."""

    taken: int = 0  # how often somebody else has one still
    gone: bool = False  # whether the loan has run out
    away: bool = False
    asked: list[str] = field(default_factory=list)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def read_global_concurrency_limit_by_name(self, name):
        self.asked.append(name)

    def increment_concurrency_slots_with_lease(self, names, *_):
        self.taken -= 1
        self._answer(423 if self.taken >= 0 else 200, "take")
        self.gone = False
        return httpx.Response(200, json={"lease_id": str(LEASE)})

    def renew_concurrency_lease(self, *_):
        self._answer(410 if self.gone else 204, "renew")

    def release_concurrency_slots_with_lease(self, *_):
        self._answer(204, "give back")

    def _answer(self, status, what):
        self.asked.append(what)
        request = httpx.Request("POST", "http://x")
        if self.away:
            raise httpx.ConnectError("no server", request=request)
        httpx.Response(status, request=request).raise_for_status()


@pytest.fixture
def lender(monkeypatch):
    it = Lender()
    monkeypatch.setattr(limits, "get_client", lambda **_: it)
    monkeypatch.setattr(limits, "SLOT_S", 0.01)
    monkeypatch.setattr(limits, "RENEW_S", 0.01)
    monkeypatch.setattr(living, "cancelled", lambda: False)
    monkeypatch.setattr(living, "note", lambda lease: it.asked.append(f"note {lease}"))
    return it


def test_a_run_has_its_problems_slots_for_as_long_as_it_lives(lender, until):
    with limits.held(["problem-a", "problem-b"], Runner()) as waited:
        assert not waited
        assert lender.asked[:4] == ["problem-a", "problem-b", "take", f"note {LEASE}"]
        until(lambda: lender.asked.count("renew") > 2)
        lender.away = True
        before = lender.asked.count("renew")
        until(lambda: lender.asked.count("renew") > before + 2)  # an outage ends nothing
        lender.away, lender.gone = False, True
        until(lambda: lender.asked.count("take") == 2)  # a long one: taken anew
    assert lender.asked[-1] == "give back"


def test_a_run_waits_for_a_problem_that_another_has_or_gives_up(lender, capsys):
    lender.taken = 3
    with limits.held(["problem-a"], Runner()) as waited:
        assert waited
    assert capsys.readouterr().out.count("waiting: another run has problem-a") == 1
    lender.taken = 3
    with pytest.raises(limits.TakenError, match="another run has problem-a"):
        limits.held(["problem-a"], Runner(), wait=False).__enter__()


def test_a_stage_that_needs_a_slot_waits_while_the_server_is_away(lender, until):
    lender.away = True
    threading.Timer(0.2, lambda: setattr(lender, "away", False)).start()
    with limits.held(["gpu"], Runner()) as waited:
        assert waited
    assert lender.asked.count("take") > 2


def test_a_run_that_waits_can_be_cancelled(lender, monkeypatch):
    lender.taken = 1000
    monkeypatch.setattr(living, "cancelled", lambda: True)
    with pytest.raises(StageError, match="stopped"):
        limits.held(["problem-a"], Runner()).__enter__()
    assert lender.taken > 990


def test_only_what_may_heal_is_tried_again_and_only_where_nobody_waits(monkeypatch):
    monkeypatch.setattr(task, "RETRY_S", 0.01)
    stage, said = Stage("download@a", meta={"retries": 2}), []

    def tried(cause, runner):
        tries = []

        def attempt():
            tries.append(1)
            raise StageError(cause)

        with pytest.raises(StageError):
            task.attempts(stage, attempt, runner, said.append)
        return len(tries)

    away, wrong = "http://x: no answer: try again later (tried 5 times)", "checksum: correct it"
    assert tried(away, Runner(patient=True)) == 3
    assert said == [f"{away}; tried again in 0 s"] * 2
    assert tried(away, Runner()) == 1
    assert tried(wrong, Runner(patient=True)) == 1
    stopped = Runner(patient=True)
    stopped.stop()
    assert tried(away, stopped) == 1


def test_progress_that_the_server_does_not_take_ends_no_stage(monkeypatch):
    def refuse(*_, **__):
        raise httpx.ConnectError("no server")

    monkeypatch.setattr(task, "create_progress_artifact", refuse)
    task.Progress(Stage("train@a")).line("unfrozen: epoch 1 of 2")


def test_without_a_score_there_is_no_table(monkeypatch):
    monkeypatch.setattr(publish, "create_markdown_artifact", None)
    text = io.StringIO()
    publish.scores([], [], Console(file=text))
    assert text.getvalue() == ""


def shown(display_of, live=False):
    text = io.StringIO()
    out = Console(file=text, width=100, force_terminal=live, highlight=False)
    with Display(3, out) as display:
        display_of(display)
    return text.getvalue()


def test_elsewhere_than_in_a_terminal_the_display_is_plain_lines():
    def run(display):
        display.end("download@a", "Cached", "nothing")
        display.start("train@a")
        display.line("train@a", "unfrozen: epoch 1 of 2 [bold]")
        display.took("train@a", "1.1 GB")
        display.end("train@a", "Failed", "no [x]: do y")
        display.end("evaluate@a", "Skipped", "a stage that it needs did not complete")

    lines = shown(run).splitlines()
    assert [line.split() for line in lines] == [
        ["train@a", "unfrozen:", "epoch", "1", "of", "2", "[bold]"],
        ["2", "of", "3", "Failed", "train@a", "0", "s", "1.1", "GB", "no", "[x]:", "do", "y"],
        [
            "3",
            "of",
            "3",
            "Skipped",
            "evaluate@a",
            *"a stage that it needs did not complete".split(),
        ],
    ]


def test_in_a_terminal_a_bar_shows_how_far_a_stage_is(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")

    def run(display):
        display.start("train@a")
        display.start("train@a")  # tried again
        display.line("train@a", "unfrozen: epoch 1 of 2, train loss 0.1")
        bar = display.bars.tasks[1]
        assert (bar.completed, bar.total, len(display.bars.tasks)) == (50, 100, 2)
        display.end("train@a", "Completed", "said")
        assert len(display.bars.tasks) == 1

    assert "said" in shown(run, live=True)


def test_a_terminal_that_cannot_redraw_gets_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")

    def run(display):
        display.start("train@a")
        display.line("train@a", "unfrozen: epoch 1 of 2")

    assert "unfrozen: epoch 1 of 2" in shown(run, live=True)


@pytest.fixture
def scored(tree):
    """A problem with metrics, judged within few groups."""
    found = {"value": 0.8, "low": 0.7, "high": 0.9, "n": 1200, "split": "test"}
    intervals = {"accuracy": found, "baseline_accuracy": found | {"value": 0.1}}
    intervals["accuracy"]["within_groups"] = True
    phase = {"name": "frozen", "epochs": 4, "rates": [1e-2], "why": "params.yaml"}
    training = {"phases": [phase], "metric": "accuracy", "chance": 1.0}
    history = "phase,train_loss,valid_loss,metric\n" + "".join(
        f"frozen,{loss},0.5,0.8\n" for loss in (0.4, 1.1, 0.6, 0.4)
    )
    for path, value in (
        ("models/a/decision.json", {"kind": "category"}),
        ("models/a/model.json", {"y": {"kind": "category"}, "training": training}),
        ("models/a/lr.json", {"used": 1e-3}),
        ("reports/a/intervals.json", intervals),
        ("reports/a/split.json", {"by": "random"}),
        ("reports/a/history.csv", history),
        ("reports/a/pictures/decision.png", "png"),
        ("reports/a/pictures/by-label.png", "png"),
        ("reports/a/pictures/examples.jpg", "jpeg"),
    ):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(value if isinstance(value, str) else json.dumps(value))
    return publish.Score.read("a")


def test_the_table_has_score_interval_and_baseline_and_says_what_the_interval_leaves_out(scored):
    cells = ["a", "Accuracy ↑", "0.80", "0.70 – 0.90*", "0.10", "✓", "1,200 test", "rate too high"]
    assert tables.cells(scored) == cells
    text = io.StringIO()
    links = {"a": "file:///kept/a/report.html"}
    publish.show([scored], {}, links, Console(file=text, width=120))
    page = publish.page([scored], {}, links)
    for said in (text.getvalue(), page):
        assert tables.WITHIN in said
        assert "a/report.html" in said
    assert f"| {' | '.join(cells)} |" in page
    assert "once they are pasted" in page
    assert "[a](file:///kept/a/report.html)" in page
    then = Metrics("red-fox", {"accuracy": 0.75}, None)
    found = {"value": 0.8, "low": 0.7, "high": 0.9}
    now = Metrics("this", {"accuracy": 0.8}, None)
    stand = {"a": Standing("a", "category", {"accuracy": found}, now, then, then)}
    page = publish.page([scored], stand, links)
    assert "| score | since last run | to champion | 95 % interval |" in page
    assert "| 0.80 | +0.05 ▲ | +0.05 ▲ | 0.70 – 0.90* |" in page
    assert "Champion: `red-fox`." in page
    served = publish.page([scored], {}, {"a": "http://127.0.0.1:1/reports/s/a/report.html"})
    assert "pasted" not in served


def test_a_problem_s_page_has_the_reading_and_the_pictures_but_for_those_to_compare(scored):
    page = publish.pictures("a", None, None)
    assert page.startswith(
        "**rate too high**: Train's loss rose by 0.7\u00a0× chance's up to epoch 2."
    )
    assert "To try next: `--set problems.a.train.frozen.lr=0.001`" in page
    assert "![decision](data:image/png;base64," in page
    assert "![examples](data:image/jpeg;base64," in page
    assert "by-label" not in page


def test_the_page_over_all_is_written_and_what_it_lacks_stops_nothing(scored, tree, monkeypatch):
    monkeypatch.setattr(publish, "create_markdown_artifact", lambda text, **_: None)
    out = Console(file=io.StringIO(), width=120)
    publish.scores(["a"], [], out)
    assert (tree / "reports" / "index.html").is_file()
    monkeypatch.setattr(index, "write", lambda: 1 / 0)
    publish.scores(["a"], [], out)
    assert "no page over all problems: ZeroDivisionError" in out.file.getvalue()


def test_a_score_that_cannot_be_read_is_told_and_the_others_are_shown(scored, monkeypatch):
    published = []
    monkeypatch.setattr(
        publish, "create_markdown_artifact", lambda text, **_: published.append(text)
    )
    text = io.StringIO()
    publish.scores(["lost", "a"], ["lost"], Console(file=text, width=120))
    said = text.getvalue()
    assert "no score of lost: FileNotFoundError" in said
    assert "no pictures of lost in Prefect" in said
    assert "reports/a/report.html" in said
    assert len(published) == 1


@pytest.mark.parametrize(
    "state", [Cancelled(name="Skipped", message="x"), Failed(name="Refused", message="x")]
)
def test_a_run_that_started_nothing_does_not_say_that_something_is_kept(tmp_path, state):
    assert flow.kept(trees.Tree(tmp_path), state).message == "x"
