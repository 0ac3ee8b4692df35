"""Servers that lie, drip, send on or know secrets; disks that are full."""

import time
from pathlib import Path

import httpx
import pytest
from serving import BODY, SHA256, Handler, chunked, raw, reply

from onecycle import progress
from onecycle.errors import UserError
from onecycle.sources.fetch import disk, partial, web
from onecycle.sources.fetch.download import fetch
from onecycle.sources.fetch.web import Failure, shown

MIB = 1 << 20


def fails(server, folder: Path, *said: str, tries: int, size: int | None = None) -> str:
    """Fetches, expects a failure that says all of `said` after so many requests; nothing stays."""
    with pytest.raises(UserError) as caught:
        fetch(f"{server.url}/a", folder, checksum=None, size=size)
    for text in said:
        assert text in str(caught.value)
    assert server.requests["/a"] == tries
    assert [path.name for path in folder.iterdir()] == ["a.lock"]
    return str(caught.value)


ENDLESS = (b"x" * MIB,) * 40


@pytest.mark.parametrize("size", [3 * MIB, None])
@pytest.mark.trial("servers", "more bytes than announced or allowed", "stopped, nothing kept")
def test_stops_what_is_too_long(server, tmp_path, monkeypatch, size):
    monkeypatch.setattr(partial, "UNPINNED", 3 * MIB)
    server.scripts["/a"] = [chunked(*ENDLESS, None)]
    fails(server, tmp_path, f"more than {3 * MIB:,} bytes came", tries=1, size=size)


@pytest.mark.parametrize(
    ("length", "said", "tries"),
    [(10**15, "more than 34,359,738,368", 1), ("9" * 5000, "bad Content-Length", 5)],
)
@pytest.mark.trial("servers", "announces more than any disk holds", "refused unread")
def test_refuses_absurd_lengths(server, tmp_path, length, said, tries):
    server.scripts["/a"] = [reply(b"", length=length)]
    fails(server, tmp_path, said, tries=tries)


@pytest.mark.trial("servers", "fewer bytes than params.yaml says, none announced", "refused")
@pytest.mark.parametrize("page", [chunked(BODY), reply(BODY, length=None)])
def test_a_body_that_is_short_though_it_announced_nothing(server, tmp_path, page):
    server.scripts["/a"] = [page]
    said = f"ended after {len(BODY):,} of {len(BODY) + 1:,} bytes"
    fails(server, tmp_path, said, "tried 5 times", tries=5, size=len(BODY) + 1)


def test_a_body_without_length_is_taken(server, tmp_path):
    server.scripts["/a"] = [chunked(BODY[:7], BODY[7:])]
    assert fetch(f"{server.url}/a", tmp_path, checksum=SHA256).path.read_bytes() == BODY


@pytest.mark.parametrize(
    "data",
    [
        b"\0\1\2\3 garbage\r\n\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://a:99999999/\r\nContent-Length: 0\r\n\r\n",
    ],
)
@pytest.mark.trial("servers", "answers that are no HTTP", "refused in one message, nothing kept")
def test_garbage(server, tmp_path, data):
    server.scripts["/a"] = [raw(data)]
    fails(server, tmp_path, server.url, tries=5)


@pytest.mark.trial("servers", "a body that stalls, or drips", "ended after a while, tried 5 times")
@pytest.mark.parametrize("drips", [False, True])
def test_a_server_hardly_alive(server, tmp_path, monkeypatch, drips):
    monkeypatch.setattr(web, "SILENCE_S", 0.2)

    def drip(handler: Handler) -> None:
        reply(b"x", length=9999)(handler)
        while drips and not handler.server.ended.wait(0.02):
            handler.wfile.write(b"x")
            handler.wfile.flush()

        handler.server.ended.wait(2)

    server.scripts["/a"] = [drip]
    fails(server, tmp_path, "bytes in 0 s" if drips else "silent", "tried 5 times", tries=5)


SCHEMES = [
    "file:///etc/passwd",
    "ftp://127.0.0.1/a",
    "data:text/plain,a",
    "javascript:a",
    "gopher:",
]


@pytest.mark.parametrize("to", SCHEMES)
@pytest.mark.trial("servers", "a redirect to another scheme", "refused, both urls named")
def test_refuses_redirects_out_of_the_web(server, tmp_path, to):
    server.scripts["/a"] = [reply(b"", 302, Location=to)]
    fails(server, tmp_path, f"{server.url}/a redirects to {to}", tries=1)


@pytest.mark.trial("servers", "a redirect that leaves encryption (https to http)", "refused")
def test_refuses_redirects_out_of_encryption():
    """No certificate is needed: httpx asks this function for the answer."""

    def answer(request: httpx.Request) -> httpx.Response:
        to = {"/a": "https://other/b", "/b": "http://other/c?key=secret"}[request.url.path]
        return httpx.Response(307, headers={"Location": to})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(Failure, match=r"https://other/b redirects to http://other/c\?…, out"):
            web._follow(client, "http://first/a")


@pytest.mark.parametrize("to", ["/a", "/b"])
@pytest.mark.trial("servers", "redirects in a circle, or without end", "ended after ten")
def test_refuses_redirects_without_end(server, tmp_path, to):
    server.scripts["/a"] = server.scripts["/b"] = [reply(b"", 301, Location=to)]
    fails(
        server,
        tmp_path,
        "more than 10 redirects",
        f"{server.url}{to}",
        tries=11 * (to == "/a") or 1,
    )


def test_follows_redirects_as_many_as_ten(server, tmp_path):
    server.scripts["/a"] = [reply(b"", 302, Location="/a") for _ in range(9)]
    server.scripts["/a"].append(reply(b"", 302, Location=f"{server.url}/a.tgz"))
    assert fetch(f"{server.url}/a", tmp_path, checksum=SHA256).path.name == "a"


@pytest.mark.trial("servers", "a password or token in a url", "in no message, file or output")
def test_secrets_are_not_shown(server, tmp_path, capsys):
    with pytest.raises(UserError, match=r"~/\.netrc") as caught:
        fetch(server.url.replace("//", "//me:secret@") + "/a.tgz", tmp_path, checksum=None)
    assert "secret" not in str(caught.value) and not server.requests

    server.scripts["/a"] = [
        reply(BODY[:9], length=99, ETag='"1"'),
        reply(b"", 302, Location="http://me:secret@127.0.0.1:9/?secret"),
        *[reply(b"", 302, Location="ftp://me:secret@there/b?secret")],
    ]
    with pytest.raises(UserError) as caught:
        fetch(f"{server.url}/a?token=secret", tmp_path, checksum=None)
    said = str(caught.value) + capsys.readouterr().out
    assert f"{server.url}/a?…" in said and "ftp://there/b?…" in said and "secret" not in said

    found = fetch(f"{server.url}/a.tgz?token=secret", tmp_path, checksum=None)
    assert found.url == f"{server.url}/a.tgz?…"
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.iterdir())
    assert shown("http://me:secret@[x/a?secret") == "[x/a"
    with pytest.raises(UserError) as caught:
        fetch("https://me:secret@exa\u2100mple.com/a", tmp_path, checksum=None)
    assert "is no url" in str(caught.value) and "secret" not in str(caught.value)


def test_passwords_come_from_netrc(server, tmp_path):
    home = Path("~/.netrc").expanduser()
    home.write_text("machine 127.0.0.1 login me password secret\n")
    home.chmod(0o600)
    fetch(f"{server.url}/a.tgz", tmp_path, checksum=SHA256)
    assert server.heads[0]["Authorization"].startswith("Basic ")
    for damaged in (
        b"machine 127.0.0.1 banana\n",
        b"machine h login me password my banana\n",
        b"\xe9",
    ):
        home.write_bytes(damaged)
        with pytest.raises(UserError, match=r"netrc cannot be read") as caught:
            fetch(f"{server.url}/a.tgz?2", tmp_path, checksum=SHA256, name="b")
        assert "banana" not in str(caught.value)


@pytest.mark.trial("servers", "proxies and certificates that cannot be", "told by their variables")
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ALL_PROXY", "socks5://me:secret@127.0.0.1:9", "a proxy of the environment"),
        ("ALL_PROXY", "gopher://me:secret@127.0.0.1:9", "a proxy of the environment"),
        ("HTTP_PROXY", "http://127.0.0.1:x", "a proxy of the environment"),
        ("SSL_CERT_FILE", "/nowhere/at.all", "SSL_CERT_FILE or"),
    ],
)
def test_an_environment_that_cannot_be(tmp_path, monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=said) as caught:
        fetch("http://there.invalid/a", tmp_path, checksum=None)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", [f"https://{'a' * 300}/a", "https://a..b/a", "https://h/a?\udc80"])
def test_a_host_that_no_name_server_takes(tmp_path, url):
    with pytest.raises(UserError, match="is no url"):
        fetch(url, tmp_path, checksum=None)


def full(monkeypatch, free: int) -> None:
    usage = disk.shutil.disk_usage("/")._replace(free=disk.SPARE + free)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: usage)


@pytest.mark.trial("servers", "a file larger than the free space", "refused unread, in figures")
def test_looks_for_free_space_first(server, tmp_path, monkeypatch):
    full(monkeypatch, 999)
    server.scripts["/a"] = [reply(BODY)]
    free = disk.SPARE + 999
    path, needed = f"{tmp_path / 'a'}.partial", f"{len(BODY):,} bytes are needed"
    fails(server, tmp_path, path, needed, f"{free:,} are free", tries=1)
    server.scripts["/b"] = [chunked(BODY)]
    with pytest.raises(UserError, match="more than 999 bytes came"):
        fetch(f"{server.url}/b", tmp_path, checksum=SHA256)


def test_tells_how_far_it_is_as_the_flow_reads_it(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "PLAIN_EVERY_S", 0.0)
    fetch(f"{server.url}/a.tgz", tmp_path, checksum=SHA256)
    lines = capsys.readouterr().out.splitlines()
    shares = [progress.told(line) for line in lines if line.startswith("download a.tgz: ")]
    assert None not in shares and shares == sorted(shares) and shares[-1] == 2 / 3
    last = [line for line in lines if line.startswith("download a.tgz: 2 of 3 MB, ")][-1]
    assert last.endswith(" s left") and " MB/s, " in last


def test_a_bar_in_a_terminal_tells_size_rate_and_rest(monkeypatch, capsys):
    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with progress.transfer("download [/red]a.tgz", 4 * MIB, MIB) as tell:
        for _ in range(4):
            time.sleep(0.01)
            tell(MIB // 4)
    said = capsys.readouterr().out
    for text in ("download [/red]a.tgz", "2.1/4.2 MB", " MB/s"):
        assert text in said
