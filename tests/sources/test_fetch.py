"""Downloads against a real server: what arrives is whole and right, or nothing does."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from serving import BODY, MD5, SHA256, cut, reply, serving

from onecycle import paths
from onecycle.errors import UserError
from onecycle.sources.fetch import download, web
from onecycle.sources.fetch.checksum import valid_checksum
from onecycle.sources.fetch.download import Fetched, fetch, fetch_kept

WRONG = {"sha256": "sha256:" + "0" * 64, "md5": "md5:" + "0" * 32}


def content(folder: Path) -> dict[str, bytes]:
    """All files but locks, which stay empty."""
    found = {path.name: path.read_bytes() for path in folder.rglob("*")}
    assert not any(data for name, data in found.items() if name.endswith(".lock"))
    return {name: data for name, data in found.items() if not name.endswith(".lock")}


def test_urls_that_end_alike_are_kept_apart(server, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "home", lambda: tmp_path)
    first = fetch_kept(f"{server.url}/a.tgz", "archives", checksum=SHA256)
    second = fetch_kept(f"{server.url}/a.tgz?other", "archives", checksum=None)
    assert first.path != second.path and first.path.name == second.path.name == "a.tgz"
    assert first.path.read_bytes() == BODY


def no_fetch(url, folder, *said, checksum=None, size=None, name=None):
    """Fetches, expects a failure that says all of `said`, and that nothing stays."""
    with pytest.raises(UserError) as caught:
        fetch(url, folder, checksum=checksum, size=size, name=name)
    for text in (url, *said):
        assert text in str(caught.value)
    assert content(folder) == {}


@pytest.mark.parametrize("checksum", [SHA256, MD5, "SHA256:" + SHA256[7:].upper(), None])
def test_brings_the_file_in_one_request(server, tmp_path, checksum):
    url = f"{server.url}/a.tgz"
    found = fetch(url, tmp_path / "new" / "deep", checksum=checksum, size=len(BODY))
    path = tmp_path / "new" / "deep" / "a.tgz"
    assert found == Fetched(path, len(BODY), SHA256[7:], url)
    expected = {"a.tgz": BODY}
    if checksum is None:
        expected["a.tgz.sha256"] = f"{SHA256[7:]}  a.tgz\n".encode()
    assert content(path.parent) == expected
    assert server.requests == {"/a.tgz": 1}


@pytest.mark.parametrize(
    ("place", "name", "expected"),
    [
        ("/a.tgz?version=2#part", None, "a.tgz"),
        ("/a.tgz", "b.tar.gz", "b.tar.gz"),
        ("/my%20data.zip", None, "my data.zip"),
        ("/moved", None, "moved"),
    ],
)
def test_name(server, tmp_path, place, name, expected):
    server.scripts["/moved"] = [reply(b"", 302, Location="/a.tgz")]
    found = fetch(server.url + place, tmp_path, checksum=SHA256, name=name)
    assert found.path == tmp_path / expected
    assert content(tmp_path) == {expected: BODY}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        *(("", None), ("/", None), ("/..", None), ("/..%2fup", None), ("/a.tgz", "../up")),
        *(("/a%00b", None), ("/a%0Ab", None), ("/a%1B%5B2Jb", None), ("/" + "a" * 201, None)),
    ],
)
@pytest.mark.trial(
    "names", "an archive's url ends in a name that is a path, too long or unprintable", "refused"
)
def test_refuses_a_name_that_is_no_plain_one(server, tmp_path, place, name):
    no_fetch(server.url + place, tmp_path / "in", "plain file name", name=name)
    assert content(tmp_path) == {}
    assert not server.requests


def test_an_empty_file_is_a_file(server, tmp_path):
    assert fetch(f"{server.url}/empty", tmp_path, checksum=None, size=0).bytes == 0


def test_gzip_named_as_encoding_is_kept(server, tmp_path):
    # Not even gzip: the bytes are none of the client's business.
    server.scripts["/gzip.tgz"] = [reply(BODY, Content_Encoding="gzip")]
    assert fetch(f"{server.url}/gzip.tgz", tmp_path, checksum=SHA256).bytes == len(BODY)


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
@pytest.mark.trial("servers", "other content than the checksum says", "refused, nothing kept")
def test_wrong_checksum(server, tmp_path, algorithm):
    came = {"sha256": SHA256, "md5": MD5}[algorithm]
    wrong = WRONG[algorithm]
    no_fetch(f"{server.url}/a.tgz", tmp_path, wrong, came, "params.yaml", checksum=wrong)
    assert server.requests.total() == 1  # no second try would heal it


@pytest.mark.parametrize("checksum", [SHA256, None])
@pytest.mark.parametrize("size", [0, len(BODY) - 1, len(BODY) + 1])
@pytest.mark.trial("servers", "another length announced than params.yaml's", "refused unread")
def test_wrong_size(server, tmp_path, checksum, size):
    said = f"expected {size:,} bytes, the server announces {len(BODY):,}"
    no_fetch(f"{server.url}/a.tgz", tmp_path, said, checksum=checksum, size=size)
    assert server.requests.total() == 1


@pytest.mark.parametrize(
    ("page", "tries", "said"),
    [
        (reply(b"", 404), 1, ("404", "correct the url")),
        (reply(b"", 403), 1, ("403 Forbidden", "correct it")),
        (reply(b"", 204), 1, ("204",)),
        (reply(b"", 206), 1, ("206",)),
        (reply(b"", 301), 1, ("301",)),
        (reply(b"", 503, reason="Out of order"), 5, ("503 Out of order", "tried 5 times")),
        (cut(1000, ETag=""), 5, ("ended before its announced length", "tried 5 times")),
        (cut(0, ETag=""), 5, ("ended before its announced length", "tried 5 times")),
    ],
)
@pytest.mark.parametrize("checksum", [SHA256, None])
@pytest.mark.trial(
    "servers", "errors and cut bodies", "tried again only where that may heal; nothing left"
)
def test_bad_answers(server, tmp_path, page, tries, said, checksum):
    server.scripts["/bad"] = [page]
    no_fetch(f"{server.url}/bad", tmp_path, *said, checksum=checksum)
    assert server.requests.total() == tries


@pytest.mark.trial("servers", "no answer at all", "ended after a while, tried 5 times")
def test_silent_server(server, tmp_path, monkeypatch):
    monkeypatch.setattr(web, "SILENCE_S", 0.1)
    server.scripts["/silent"] = [lambda handler: handler.server.ended.wait(2)]
    no_fetch(f"{server.url}/silent", tmp_path, "silent for", "tried 5 times")


def test_nobody_answers(server, tmp_path):
    with serving() as gone:
        url = gone.url
    no_fetch(f"{url}/a.tgz", tmp_path, "connection failed", "try again", "tried 5 times")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host/a.tgz", "'ftp'"),
        ("s3://bucket/a.tgz", "'s3'"),
        ("data/a.tgz", "''"),
        ("/data/a.tgz", "''"),
    ],
)
def test_refuses_other_schemes(tmp_path, url, said):
    no_fetch(url, tmp_path, said, "http://, https:// or file:")


@pytest.mark.parametrize("url", ["http://[1/a.tgz", "http:///a.tgz"])
def test_refuses_what_is_no_url(tmp_path, url):
    no_fetch(url, tmp_path, "is no url", "params.yaml")


@pytest.mark.parametrize("checksum", [SHA256, MD5])
def test_verifies_instead_of_fetching_again(server, tmp_path, checksum):
    first = fetch(f"{server.url}/a.tgz", tmp_path, checksum=checksum)
    again = fetch(f"{server.url}/a.tgz", tmp_path, checksum=checksum, size=len(BODY))
    assert again == first
    assert server.requests == {"/a.tgz": 1}


@pytest.mark.parametrize("checksum", [SHA256, None])
def test_a_damaged_file_is_fetched_again(server, tmp_path, checksum):
    url = f"{server.url}/a.tgz"
    path = fetch(url, tmp_path, checksum=checksum).path
    path.write_bytes(BODY[:-1] + b"?")
    assert fetch(url, tmp_path, checksum=checksum).sha256 == SHA256[7:]
    assert path.read_bytes() == BODY
    assert server.requests == {"/a.tgz": 2}


def test_a_damaged_file_goes_even_when_fetching_fails(server, tmp_path):
    (tmp_path / "none").write_bytes(b"damaged")
    no_fetch(f"{server.url}/none", tmp_path, "404", checksum=SHA256)


def test_without_record_and_checksum_a_file_is_fetched(server, tmp_path):
    (tmp_path / "a.tgz").write_bytes(b"from nobody knows where")
    assert fetch(f"{server.url}/a.tgz", tmp_path, checksum=None).path.read_bytes() == BODY


def test_the_record_saves_the_second_download(server, tmp_path):
    first = fetch(f"{server.url}/a.tgz", tmp_path, checksum=None)
    assert fetch(f"{server.url}/a.tgz", tmp_path, checksum=None) == first
    assert server.requests == {"/a.tgz": 1}


def test_the_record_binds_later_downloads(server, tmp_path):
    url = f"{server.url}/a.tgz"
    path = fetch(url, tmp_path, checksum=None).path
    record = tmp_path / "a.tgz.sha256"
    kept = record.read_bytes()
    path.unlink()
    server.files["/a.tgz"] = b"changed"
    changed = f"sha256:{hashlib.sha256(b'changed').hexdigest()}"
    with pytest.raises(UserError) as caught:
        fetch(url, tmp_path, checksum=None)
    for text in (url, SHA256, changed, f"remove {record}", "params.yaml"):
        assert text in str(caught.value)
    assert content(tmp_path) == {record.name: kept}

    assert fetch(url, tmp_path, checksum=changed).path.read_bytes() == b"changed"
    path.unlink()
    record.unlink()
    assert fetch(url, tmp_path, checksum=None).path.read_bytes() == b"changed"
    assert record.read_text().split() == [changed[7:], "a.tgz"]


@pytest.mark.parametrize("text", ["", "0" * 63, "not a digest"])
def test_a_broken_record(server, tmp_path, text):
    record = tmp_path / "a.tgz.sha256"
    record.write_text(text)
    with pytest.raises(UserError, match="remove the file") as caught:
        fetch(f"{server.url}/a.tgz", tmp_path, checksum=None)
    assert str(record) in str(caught.value)
    assert content(tmp_path) == {record.name: text.encode()}


def test_a_disk_that_refuses(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="free space") as caught:
        fetch(f"{server.url}/a.tgz", tmp_path / "file", checksum=SHA256)
    assert str(tmp_path / "file" / "a.tgz") in str(caught.value)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A main working tree that is not the current directory."""
    tree = tmp_path / "tree"
    (tree / "mirror").mkdir(parents=True)
    (tree / "mirror" / "a b.tgz").write_bytes(BODY)
    monkeypatch.setattr(paths, "main_tree", lambda: tree)
    monkeypatch.chdir(tmp_path)
    return tree


@pytest.mark.parametrize("checksum", [SHA256, MD5, None])
@pytest.mark.parametrize(
    "url", ["file:mirror/a%20b.tgz", "file:mirror/a b.tgz", "file://{}", "file://localhost{}"]
)
def test_local_files_stay_where_they_are(tree, url, checksum):
    source = tree / "mirror" / "a b.tgz"
    url = url.format(source)
    found = fetch(url, tree / "downloads", checksum=checksum, size=len(BODY))
    assert found == Fetched(source, len(BODY), SHA256[7:], url)
    assert [path.name for path in tree.rglob("*")] == ["mirror", "a b.tgz"]


@pytest.mark.parametrize(
    ("url", "expected", "said"),
    [
        ("file:mirror/none.tgz", {}, "put it there"),
        ("file:mirror", {}, "no file at"),
        ("file://mirror/a b.tgz", {}, "file:relative/path"),
        ("file:mirror/a b.tgz", {"size": 7}, "expected 7 bytes"),
        ("file:mirror/a b.tgz", {"checksum": WRONG["md5"]}, MD5),
    ],
)
def test_wrong_local_files(tree, url, expected, said):
    no_fetch(url, tree / "downloads", said, **expected)
    assert (tree / "mirror" / "a b.tgz").read_bytes() == BODY


def test_an_unreadable_local_file(tree, monkeypatch):
    def refuse(path):
        raise PermissionError("not yours")

    monkeypatch.setattr(download, "measure", refuse)
    no_fetch("file:mirror/a b.tgz", tree / "downloads", "not yours", "allow reading")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no known algorithm"),
        ("0" * 64, "no known algorithm"),
        ("sha1:" + "0" * 40, "sha256:<64 digits> or md5:<32 digits>"),
        ("sha256:" + "0" * 63, "63 characters"),
        ("sha256:" + "0" * 65, "65 characters"),
        ("md5:" + "0" * 64, "64 characters"),
        ("md5:" + "g" * 32, "hexadecimal"),
        ("md5:" + "0" * 32 + "\n", "33 characters"),
        ("sha256:", "hexadecimal"),
    ],
)
def test_malformed_checksums(server, tmp_path, text, said):
    with pytest.raises(ValueError, match=said):
        valid_checksum(text)
    with pytest.raises(ValueError, match=said):
        fetch(f"{server.url}/a.tgz", tmp_path, checksum=text)
    assert not server.requests


def test_checksums_are_lowered():
    assert valid_checksum("SHA256:" + "AB" * 32) == "sha256:" + "ab" * 32


def test_local_files_need_no_http_client(tmp_path):
    (tmp_path / "a.tgz").write_bytes(BODY)
    code = f"""
import sys
from pathlib import Path
from onecycle.sources.fetch.download import fetch
fetch("file://{tmp_path}/a.tgz", Path("unused"), checksum="{MD5}")
sys.exit(", ".join({{"httpx"}} & sys.modules.keys()) or None)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
