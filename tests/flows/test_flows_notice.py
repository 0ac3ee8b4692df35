"""Floors of metrics, and the notice that is posted: to whom, what, and that its failure is none."""

from contextlib import nullcontext
from types import SimpleNamespace
from uuid import UUID

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling, Completed, Crashed, Failed, Running
from receiver import SECRET, receiving

from flows import living
from flows.shown import floors, notice
from flows.shown.floors import Below
from onecycle.errors import UserError
from onecycle.report.results import NAMES

RUN = FlowRun(id=UUID(int=7), flow_id=UUID(int=1), name="red-fox")


@pytest.fixture
def receiver(monkeypatch):
    """A local receiver, which ONECYCLE_WEBHOOK names."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(notice, "page", lambda run: f"http://ui/{run.id}")
    with receiving() as found:
        monkeypatch.setenv(notice.WEBHOOK, f"{found.url}/200")
        yield found


def test_a_failed_run_is_posted_with_what_to_do_and_where_to_look(receiver, capsys):
    notice.ended(None, RUN, Failed(message="1 failed\ntrain@a: no x: do y"))
    ((path, kind, body),) = receiver.got
    assert (path, kind) == (f"/{SECRET}/200", "application/json")
    assert body == {
        "event": "failed",
        "run": "red-fox",
        "id": str(RUN.id),
        "deployment": None,
        "url": f"http://ui/{RUN.id}",
        "message": "1 failed\ntrain@a: no x: do y",
        "text": "onecycle, run red-fox: failed\n1 failed\ntrain@a: no x: do y",
    }
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("was", "told"),
    [
        (Running(), ["crashed"]),
        (Crashed(message="no heartbeat"), ["crashed"]),  # the server saw it, and tells nobody
        (Cancelling(), []),  # somebody had asked for it
        (Completed(), []),
    ],
)
def test_a_run_that_was_killed_is_told_of_by_the_next(receiver, tmp_path, was, told):
    client = SimpleNamespace(
        read_flow_run=lambda _: RUN.model_copy(update={"state": was}),
        read_task_runs=lambda **_: [],
        set_flow_run_state=lambda *_, **__: None,
    )
    path = tmp_path / str(RUN.id)
    path.touch()
    living.end(client, path)
    assert [body["event"] for _, _, body in receiver.got] == told
    assert not path.exists()


@pytest.mark.parametrize("left", [True, False])
def test_a_run_that_a_worker_saw_crash_is_told_of_once(receiver, tmp_path, monkeypatch, left):
    state, freed = Crashed(message="Process exited with status code: -9"), []
    client = SimpleNamespace(
        read_flow_run=lambda _: RUN.model_copy(update={"state": state}),
        release_concurrency_slots_with_lease=freed.append,
    )
    monkeypatch.setattr(living, "folder", lambda: tmp_path)
    monkeypatch.setattr(living, "get_client", lambda **_: nullcontext(client))
    if left:
        (tmp_path / str(RUN.id)).write_text(f"{UUID(int=3)}\n")
    living.crashed(None, RUN, state)
    living.sweep(client)  # the next run's
    assert [body["event"] for _, _, body in receiver.got] == ["crashed"]
    assert freed == [UUID(int=3)] * left


def test_nothing_is_posted_where_nobody_asked(receiver, monkeypatch):
    monkeypatch.delenv(notice.WEBHOOK)
    notice.ended(None, RUN, Failed(message="x"))
    assert receiver.got == []


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("{url}/500", "the answer was 500"),
        ("{url}/302", "the answer was 302"),  # followed, it would tell nobody
        ("http://127.0.0.1:1/T0KEN", "ConnectionRefusedError"),
        ("http://127.0.0.1:no/T0KEN", "InvalidURL"),
        ("http:///T0KEN", "no host"),
        ("file:///T0KEN", "it is expected to begin with https:// or http://"),
        ("http://a b/T0KEN\n", "InvalidURL"),
    ],
)
def test_what_hinders_a_notice_is_told_without_the_address(
    receiver, monkeypatch, capsys, address, why
):
    monkeypatch.setenv(notice.WEBHOOK, address.format(url=receiver.url))
    notice.ended(None, RUN, Failed(message="x"))
    said = capsys.readouterr().out
    assert f"the notice (failed) did not reach ONECYCLE_WEBHOOK: {why}" in said
    assert SECRET not in said
    assert len(receiver.got) == address.startswith("{url}")


def test_a_long_message_is_cut(receiver):
    notice.ended(None, RUN, Failed(message="x" * 10**6))
    assert len(receiver.got[0][2]["message"]) == notice.MOST


def test_a_floor_is_a_ceiling_where_lower_is_better(tree):
    (tree / "reports/a").mkdir(parents=True)
    (tree / "reports/a/metrics.json").write_text('{"accuracy": 0.8, "nll": 0.5}')

    def found(**asked):
        return floors.below(["a"], {"a": asked, "b": {"accuracy": 1.0}})

    assert found(accuracy=0.8, nll=0.5) == []
    assert found(accuracy=0.81) == [Below("a", "accuracy", 0.8, 0.81)]
    assert found(nll=0.49) == [Below("a", "nll", 0.5, 0.49)]
    (missing,) = found(f1_macro=0.5)
    assert "f1_macro was not measured" in str(missing)
    assert floors.below(["a"], None) == []


def test_floors_of_a_command_line():
    found = floors.parsed(["sample_pets.accuracy=0.7", "sample_pets.nll=1", "sample_biwi.mse=.1"])
    assert found == {"sample_pets": {"accuracy": 0.7, "nll": 1.0}, "sample_biwi": {"mse": 0.1}}
    for wrong in ("accuracy=0.7x", "a.b", "a=", "=1", "a=1"):
        with pytest.raises(UserError, match=r"expected PROBLEM\.METRIC=NUMBER"):
            floors.parsed([wrong])


def test_a_floor_that_nobody_would_ever_be_told_of_is_refused(tree):
    floors.check({"sample_pets": dict.fromkeys(NAMES, 0.5)})
    floors.check(None)
    with pytest.raises(UserError, match=r"no problem 'sample_pet'.*did you mean 'sample_pets'"):
        floors.check({"sample_pet": {"accuracy": 0.5}})
    with pytest.raises(UserError, match=r"no metric 'acuracy'.*did you mean 'accuracy'"):
        floors.check({"sample_pets": {"acuracy": 0.5}})
    (tree / "reports/sample_pets").mkdir(parents=True)
    (tree / "reports/sample_pets/metrics.json").write_text("{}")
    every = {"sample_pets": dict.fromkeys(NAMES, 0.5)}
    assert len(floors.below(["sample_pets"], every)) == len(NAMES)
