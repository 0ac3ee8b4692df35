"""Downloads that break off: gone on with where they were, or begun anew; by one process."""

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from serving import BODY, SHA256, Handler, cut, ranged, raw, reply

from onecycle.errors import UserError
from onecycle.sources.fetch import partial
from onecycle.sources.fetch.download import fetch

HALF = 1_300_000
OTHER = BODY[::-1]
LATER = "Mon, 23 Nov 2026 21:00:00 GMT"


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def asked(server) -> list[str | None]:
    """What each request asked for."""
    return [head.get("Range") for head in server.heads]


@pytest.mark.parametrize("state", [{}, {"ETag": "", "Last_Modified": LATER}])
@pytest.mark.parametrize("checksum", [SHA256, None])
@pytest.mark.trial(
    "servers", "a body that breaks off, twice", "gone on with; the whole is verified"
)
def test_goes_on_where_it_was(server, tmp_path, checksum, state):
    def half(handler: Handler) -> None:
        rest = BODY[HALF:]
        span = f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}"
        states = {"ETag": '"1"'} | state
        reply(rest[:1000], 206, length=len(rest), Content_Range=span, **states)(handler)

    server.scripts["/a"] = [cut(HALF, **state), half, ranged(**state)]
    found = fetch(f"{server.url}/a", tmp_path, checksum=checksum)
    assert found.path.read_bytes() == BODY and found.sha256 == SHA256[7:]
    assert asked(server) == [None, f"bytes={HALF}-", f"bytes={HALF + 1000}-"]
    assert left(tmp_path) == ["a"] + ["a.sha256"] * (checksum is None)


def span(start: object, total: object = len(BODY), body: bytes = BODY[HALF:], **headers):
    """A 206 of whatever."""
    said = f"bytes {start}-{len(BODY) - 1}/{total}"
    return reply(body, 206, **({"ETag": '"1"', "Content_Range": said} | headers))


VOID = {
    "elsewhere": span(HALF - 1),
    "another total": span(HALF, len(BODY) + 1),
    "no total": span(HALF, "*"),
    "no range": span(0, Content_Range=""),
    "garbage": span("x" * 5000),
    "another state": span(HALF, ETag='"2"'),
    "no state": span(HALF, ETag="", body=BODY[HALF:]),
    "several parts": span(0, Content_Range="", Content_Type="multipart/byteranges; boundary=x"),
    "416": reply(b"", 416, Content_Range="bytes */7"),
}


@pytest.mark.parametrize("answer", VOID.values(), ids=VOID)
@pytest.mark.parametrize("checksum", [SHA256, None])
@pytest.mark.trial("servers", "a wrong answer when asked to resume", "begun anew, whole and right")
def test_begins_anew_after_a_wrong_range(server, tmp_path, checksum, answer):
    server.scripts["/a"] = [cut(HALF), answer, ranged()]
    assert fetch(f"{server.url}/a", tmp_path, checksum=checksum).path.read_bytes() == BODY
    assert asked(server) == [None, f"bytes={HALF}-", None]


@pytest.mark.parametrize("body", [BODY, OTHER], ids=["the same", "changed meanwhile"])
@pytest.mark.trial("servers", "the whole file when asked to resume", "taken from its first byte")
def test_a_server_that_does_not_resume(server, tmp_path, body):
    server.scripts["/a"] = [cut(HALF), reply(body, ETag='"2"')]
    assert fetch(f"{server.url}/a", tmp_path, checksum=None).path.read_bytes() == body


@pytest.mark.trial("servers", "other content on resume, passed off as the same", "fetched anew")
def test_what_was_put_together_wrongly_is_fetched_anew(server, tmp_path, capsys):
    server.scripts["/a"] = [cut(HALF), ranged(OTHER), ranged()]
    assert fetch(f"{server.url}/a", tmp_path, checksum=SHA256).path.read_bytes() == BODY
    assert asked(server) == [None, f"bytes={HALF}-", None]
    assert "fetching it anew" in capsys.readouterr().out


@pytest.mark.trial("servers", "other content on resume, for ever", "refused, nothing kept")
def test_a_server_that_never_resumes_rightly(server, tmp_path):
    server.scripts["/a"] = [cut(HALF), ranged(OTHER), cut(HALF), ranged(OTHER)]
    with pytest.raises(UserError, match="not the file meant"):
        fetch(f"{server.url}/a", tmp_path, checksum=SHA256)
    assert left(tmp_path) == [] and server.requests.total() == 4


@pytest.mark.parametrize("state", [{"ETag": ""}, {"ETag": 'W/"1"'}, {"ETag": '"\xe9"'}])
def test_what_cannot_be_told_apart_is_not_gone_on_with(server, tmp_path, state):
    server.scripts["/a"] = [cut(HALF, **state), reply(BODY, **state)]
    assert fetch(f"{server.url}/a", tmp_path, checksum=SHA256).path.read_bytes() == BODY
    assert asked(server) == [None, None]


@pytest.fixture
def broken_off(server, tmp_path):
    """A download that was given up, and what it keeps."""
    server.scripts["/a"] = [cut(HALF), *[raw(b"")] * (partial.TRIES - 1)]
    with pytest.raises(UserError, match=rf"tried 5 times\); the {HALF:,} bytes that came are kept"):
        fetch(f"{server.url}/a", tmp_path, checksum=SHA256, name="a")
    assert left(tmp_path) == ["a.partial", "a.partial.json"]
    server.scripts["/a"] = server.scripts["/b"] = [ranged()]
    server.heads.clear()


def test_a_later_call_goes_on(broken_off, server, tmp_path):
    fetch(f"{server.url}/a", tmp_path, checksum=SHA256, name="a")
    assert asked(server) == [f"bytes={HALF}-"] and left(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("place", "checksum", "size"),
    [("/b", SHA256, None), ("/a", None, None), ("/a", SHA256, len(BODY)), ("/a?x", SHA256, None)],
)
def test_bytes_of_another_url_or_checksum_are_not_used(
    broken_off, server, tmp_path, place, checksum, size
):
    fetch(f"{server.url}{place}", tmp_path, checksum=checksum, size=size, name="a")
    assert asked(server) == [None] and (tmp_path / "a").read_bytes() == BODY


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"wanted": 1, "total": "x"}', "null"])
def test_a_damaged_note_is_no_note(broken_off, server, tmp_path, text):
    (tmp_path / "a.partial.json").write_text(text)
    fetch(f"{server.url}/a", tmp_path, checksum=SHA256, name="a")
    assert asked(server) == [None] and left(tmp_path) == ["a"]


def test_a_file_killed_before_it_was_verified_is_not_asked_for(broken_off, server, tmp_path):
    (tmp_path / "a.partial").write_bytes(BODY)
    fetch(f"{server.url}/a", tmp_path, checksum=SHA256, name="a")
    assert asked(server) == [] and (tmp_path / "a").read_bytes() == BODY


def test_a_damaged_part_is_found_by_the_whole(broken_off, server, tmp_path):
    (tmp_path / "a.partial").write_bytes(OTHER[:HALF])
    fetch(f"{server.url}/a", tmp_path, checksum=SHA256, name="a")
    assert asked(server) == [f"bytes={HALF}-", None] and (tmp_path / "a").read_bytes() == BODY


PAST = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
BRIEF = [reply(b"", 429, Retry_After="0"), reply(b"", 503, Retry_After=PAST)]
ODD = [reply(b"", 503, Retry_After=text) for text in ("soon", "-1", "Mon, 99 Foo 0 0:0:0 +9999999")]


@pytest.mark.parametrize(
    "first",
    [*(reply(b"", status) for status in (408, 425, 429, 500, 502, 599)), *BRIEF, *ODD, raw(b"")],
)
@pytest.mark.trial("servers", "a fault that passes (5xx, 429, a closed connection)", "tried again")
def test_tries_again_what_may_heal(server, tmp_path, capsys, first):
    server.scripts["/a"] = [first, ranged()]
    assert fetch(f"{server.url}/a", tmp_path, checksum=SHA256).bytes == len(BODY)
    assert "; try 2 of 5 in 0 s" in capsys.readouterr().out


def test_waits_longer_each_time_and_as_long_as_asked(server, tmp_path, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(partial, "BACKOFF_S", 1.0)
    monkeypatch.setattr(partial.time, "sleep", waits.append)
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    heads = [{}, {"Retry_After": "7"}, {"Retry_After": soon}, {}]
    server.scripts["/a"] = [*(reply(b"", 503, **head) for head in heads), ranged()]
    fetch(f"{server.url}/a", tmp_path, checksum=SHA256)
    assert waits[:2] == [1.0, 7.0] and 80 < waits[2] <= 100 and waits[3] == 8.0


@pytest.mark.trial("servers", "asks to wait for hours", "not waited for; the message says so")
@pytest.mark.parametrize("text", ["7200", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_does_not_wait_for_hours(server, tmp_path, text):
    server.scripts["/a"] = [reply(b"", 429, Retry_After=text)]
    with pytest.raises(UserError, match=r"asks to wait .* s\) \(tried 1 times\)"):
        fetch(f"{server.url}/a", tmp_path, checksum=SHA256)


# Of two processes the one prints `waiting`; each prints what it found.
FETCH = """
import sys; from pathlib import Path; from onecycle.sources.fetch.download import fetch
print(fetch(sys.argv[1], Path(sys.argv[2]), checksum=sys.argv[3] or None).sha256)
"""


def process(server, folder: Path, checksum: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FETCH, f"{server.url}/a", str(folder), checksum]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def stall(handler: Handler) -> None:
    """Sends the first half and then nothing."""
    cut(HALF)(handler)
    handler.wfile.flush()
    handler.server.ended.wait(30)


def stalled(path: Path) -> None:
    """Waits until most of the half has been written, and no more comes."""
    late, size = time.monotonic() + 30, -1
    while size < HALF // 2 or path.stat().st_size != size:
        assert time.monotonic() < late
        size = path.stat().st_size if path.exists() else -1
        time.sleep(0.2)


@pytest.mark.parametrize("checksum", [SHA256, ""], ids=["pinned", "unpinned"])
@pytest.mark.trial(
    "servers", "the downloading process is SIGKILLed, another waits", "that one goes on"
)
def test_one_process_brings_it_and_another_goes_on_when_it_is_killed(server, tmp_path, checksum):
    server.scripts["/a"] = [stall, ranged()]
    with process(server, tmp_path, checksum) as first:
        stalled(tmp_path / "a.partial")
        with process(server, tmp_path, checksum) as second:
            assert second.stdout.readline() == "waiting: another process brings a\n"
            assert server.requests.total() == 1
            first.send_signal(signal.SIGKILL)
            first.wait()
            size = (tmp_path / "a.partial").stat().st_size
            said, _ = second.communicate(timeout=30)
    assert first.returncode == -signal.SIGKILL
    assert said.strip() == SHA256[7:]
    assert (tmp_path / "a").read_bytes() == BODY
    assert asked(server) == [None, f"bytes={size}-"]


def test_the_process_that_waited_verifies_what_came(server, tmp_path):
    def slow(handler: Handler) -> None:
        handler.server.ended.wait(2.0)
        ranged()(handler)

    server.scripts["/a"] = [slow]
    with process(server, tmp_path, "") as first, process(server, tmp_path, "") as second:
        said = first.communicate(timeout=30)[0] + second.communicate(timeout=30)[0]
    assert said.count("waiting: ") == 1 and said.count(SHA256[7:]) == 2
    assert server.requests.total() == 1
