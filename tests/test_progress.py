"""Progress in a log: what `track` prints is what `told` reads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecycle import progress
from onecycle.progress import told, track


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step prints its line."""
    monkeypatch.setattr(progress, "PLAIN_EVERY_S", 0.0)


@pytest.mark.parametrize("what", ["frozen", "decoding, in batches of 256", "unpack a-1.tar.gz"])
def test_told_reads_what_track_prints(capsys, what):
    total = 1_200
    assert list(track(range(total), what)) == list(range(total))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1_100] == f"{what}: 1,100 of 1,200"
    assert [told(line) for line in lines] == [done / total for done in range(total)]


def test_told_reads_it_where_the_total_was_given(capsys):
    assert list(track(iter("abcd"), "letters", total=4)) == list("abcd")
    told_lines = [told(line) for line in capsys.readouterr().out.splitlines()]
    assert told_lines == [done / 4 for done in range(4)]


def test_a_terminal_that_cannot_redraw_gets_plain_lines(capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    assert list(track("abc", "letters")) == list("abc")
    assert capsys.readouterr().out.splitlines()[-1] == "letters: 2 of 3"


def test_without_a_total_there_is_no_share(capsys):
    assert list(track(iter("abcd"), "letters")) == list("abcd")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"letters: {done}" for done in range(4)]
    assert [told(line) for line in lines] == [None] * 4


def test_lines_come_not_more_often_than_they_should(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PLAIN_EVERY_S", 60.0)
    assert list(track(range(1_000), "frozen")) == list(range(1_000))
    assert capsys.readouterr().out == ""


def test_nothing_to_do_prints_nothing(capsys):
    assert list(track([], "frozen")) == []
    assert capsys.readouterr().out == ""


def test_more_words_may_follow_or_come_between():
    assert told("frozen: epoch 3 of 12, train loss 0.1234") == 0.25
    assert told("unfrozen: epoch 1 of 1") == 1.0


NONE = [
    "",
    "frozen",
    "3 of 12",
    "frozen: 3",
    "frozen: 3 of many",
    "frozen: three of 12",
    "frozen: 13 of 12",
    "frozen: 0 of 0",
    "frozen: at last 3 of 12",
    "frozen:3 of 12",
    "range test of 40 steps, body frozen",
    "dvc: Running stage 'train@pets':",
    "A radius of 3 should hold 90% of the targets",
]


@pytest.mark.parametrize("line", NONE)
def test_text_that_is_no_progress_tells_nothing(line):
    assert told(line) is None


@given(st.text())
def test_any_text_can_be_asked(line):
    told(line)


@given(st.text("a: of123", max_size=20))
def test_a_share_is_between_0_and_1(text):
    found = told(f"a: 1{text} of 1{text}")
    assert found is None or 0 <= found <= 1


@pytest.mark.parametrize("line", ["a: , of 3", "a: 3 of ,b"])
def test_a_comma_is_no_number(line):
    assert told(line) is None


UNHEARD = """
import sys
from onecycle.progress import complain, say
sys.stdin.read()
for number in range(3):
    say(f"line {number}")
    complain("not so")
open("went on", "w").close()
"""


def test_what_is_done_goes_on_when_whoever_reads_it_has_ended(tmp_path):
    root = Path(__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", UNHEARD],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    process.stdout.close()
    process.stdin.close()
    assert process.wait(30) == 0
    assert (tmp_path / "went on").exists()
