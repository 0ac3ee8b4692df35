"""What stages cost, what they took before, and a budget that starts nothing beyond it."""

import json
import threading
import time

import pytest

from flows import costs, cuda
from flows.costs import Cost, Ledger
from flows.schedule import Stage

DOWNLOAD = Stage("download@a", clean=True)
PREPARE = Stage("prepare@a", ("download@a",), clean=True)
TRAIN = Stage("train@a", ("prepare@a",), clean=True, meta={"gpu": True})
OTHER = Stage("train@b", clean=True)
TOOK = {"download@a": 10.0, "prepare@a": 20.0, "train@a": 400.0, "train@b": 100.0}


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    """A ledger that knows what stages took."""
    monkeypatch.setattr(costs, "home", lambda: tmp_path / ".onecycle")
    monkeypatch.setattr(cuda, "devices", lambda: 0)
    before = Ledger()
    for name, seconds in TOOK.items():
        before.spend(name, Cost(seconds, 2 * seconds, 0.0, 10**9))
        before.keep(name)
    return Ledger()


def stages(*dirty):
    return [
        Stage(each.name, each.needs, each.name not in dirty, each.meta)
        for each in (DOWNLOAD, PREPARE, TRAIN, OTHER)
    ]


def test_costs_are_added_and_the_peak_is_the_higher_one():
    both = Cost(1, 2, 3, 500_000_000) + Cost(10, 20, 30, 2_150_000_000)
    assert both == Cost(11, 22, 33, 2_150_000_000)
    assert str(both) == "11 s, 22 s of CPU, 33 s of GPU, 2.1 GB"
    assert str(Cost(1234, 5, 0, 500_000_000)) == "1,234 s, 5 s of CPU, 500 MB"
    assert Cost().memory == ""


def test_what_will_run_is_what_has_changed_and_all_that_follows(ledger):
    assert ledger.limit(420, stages("prepare@a"), ()) is None
    said = ledger.limit(419, stages("prepare@a"), ())
    assert said == (
        "nothing is started: what would run took 420 s last time (train@a 400 s, prepare@a 20 s), "
        "and budget_s is 419: raise it, or ask for less in params.yaml"
    )
    assert ledger.limit(0, stages(), ()) is None  # nothing to do costs nothing
    assert ledger.limit(None, stages("prepare@a"), ()) is None


def test_a_forced_download_is_not_taken_to_change_what_follows(ledger):
    assert ledger.limit(10, stages(), {"download@a"}) is None
    assert "took 10 s last time" in ledger.limit(9.5, stages(), {"download@a"})
    assert "took 430 s" in ledger.limit(10, stages("download@a"), {"download@a"})
    assert "took 530 s" in ledger.limit(10, stages(), set(TOOK))


def test_in_a_run_nothing_is_started_that_goes_beyond_the_budget(ledger):
    assert ledger.limit(520, stages("train@a", "train@b"), ()) is None
    assert ledger.claim(TRAIN) is None
    assert ledger.claim(OTHER) is None  # 400 that one is taken to need, and 100
    ledger.spend("train@a", Cost(430))  # it took longer
    ledger.spend("train@b", Cost(60))
    said = ledger.claim(OTHER)
    assert said == (
        "it is not started: it took 100 s last time, the run has spent 490 s, and budget_s is "
        "520: raise it, or run again, for what completed is kept"
    )
    assert ledger.claim(Stage("new@a")) is None  # nobody knows
    ledger.spend("new@a", Cost(40))
    assert "the run has spent 530 s" in ledger.claim(Stage("new@b"))


def test_what_runs_counts_with_what_it_is_taken_to_need_or_more(ledger, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    ledger.limit(500, stages(), ())
    assert ledger.claim(TRAIN) is None
    now[0] += 401
    assert "the run has spent 401 s" in ledger.claim(OTHER)


def test_gpu_seconds_are_those_of_a_stage_that_has_one(ledger, monkeypatch):
    monkeypatch.setattr(cuda, "devices", lambda: 1)
    for each in (PREPARE, TRAIN):
        ledger.claim(each)
        ledger.spend(each.name, Cost(7.0, 1.0))
    assert [it.gpu_s for it in ledger.spent.values()] == [0.0, 7.0]
    assert ledger.total == Cost(14.0, 2.0, 7.0)


def test_a_damaged_file_is_told_and_written_anew(ledger, tmp_path, capsys):
    for broken in ("{", "[]", '{"train@a": {"hours": 1}}'):
        costs.kept().write_text(broken)
        assert Ledger().before == {}
        assert "what stages took before is not known" in capsys.readouterr().out
    ledger.spend("train@a", Cost(7.0))
    ledger.keep("train@a")
    assert json.loads(costs.kept().read_text())["train@a"]["seconds"] == 7.0


def test_where_it_cannot_be_kept_that_is_told_and_ends_nothing(
    ledger, monkeypatch, tmp_path, capsys
):
    (tmp_path / "file").touch()
    monkeypatch.setattr(costs, "home", lambda: tmp_path / "file" / ".onecycle")
    ledger.spend("train@a", Cost(7.0))
    ledger.keep("train@a")
    assert "what train@a took is not kept" in capsys.readouterr().out


def test_runs_at_once_lose_nothing_of_each_other(ledger):
    def keep(number):
        mine = Ledger()
        for at in range(5):
            mine.spend(f"stage@{number}{at}", Cost(1.0))
            mine.keep(f"stage@{number}{at}")

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(Ledger().before) == len(TOOK) + 20
