"""A local folder as a source: its own files come, and nothing from elsewhere."""

import os
import socket
from pathlib import Path

import pytest

from onecycle.errors import UserError
from onecycle.sources import folder as module
from onecycle.sources.folder import copy_folder


@pytest.fixture
def mine(tmp_path):
    folder = tmp_path / "mine"
    (folder / "photos" / "empty").mkdir(parents=True)
    (folder / "photos" / "a.jpg").write_bytes(b"a")
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


def test_copies_files_and_links_to_them(mine, tmp_path):
    (mine / "b.jpg").symlink_to("photos/a.jpg")
    (mine / "photos" / "a.jpg").chmod(0o400)
    (tmp_path / "link").symlink_to("mine")
    copy_folder(tmp_path / "link", tmp_path / "copy")
    found = {
        path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*")
    }
    assert found == {"photos", "photos/empty", "photos/a.jpg", "b.jpg"}
    assert not (tmp_path / "copy" / "b.jpg").is_symlink()
    (tmp_path / "copy" / "photos" / "a.jpg").write_bytes(b"may be changed")


def refused(mine: Path, said: str) -> None:
    with pytest.raises(UserError, match=said):
        copy_folder(mine, mine.parent / "copy")
    assert not (mine.parent / "copy").exists()


@pytest.mark.parametrize("to", ["../secret", "{}/secret", "/etc", "..", "photos", "nowhere", "it"])
@pytest.mark.trial(
    "archives", "a local folder: links that leave it, or lead to folders", "refused, nothing copied"
)
def test_refuses_links_elsewhere(mine, to):
    (mine / "it").symlink_to(to.format(mine.parent))
    refused(mine, "links to")


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
@pytest.mark.trial("archives", "a local folder: pipes, sockets, devices", "refused, nothing copied")
def test_refuses_what_is_no_file(mine, kind, monkeypatch):
    if kind == "pipe":
        os.mkfifo(mine / "it")
    elif kind == "device":
        if os.geteuid():
            pytest.skip("only root makes devices")
        os.mknod(mine / "it", 0o020666, os.makedev(1, 5))  # /dev/zero
    else:
        monkeypatch.chdir(mine)  # a socket's path may have 107 bytes
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("it")
    refused(mine, "device, pipe or socket")


def test_refuses_names_that_are_no_utf_8(mine):
    Path(os.fsdecode(os.fsencode(mine) + b"/a\xff")).write_bytes(b"")
    refused(mine, "no UTF-8")


def test_looks_for_free_space_first(mine, monkeypatch):
    def refuse(path: Path, size: int) -> None:
        raise UserError(f"{path}: {size:,} bytes are needed")

    monkeypatch.setattr(module, "claim", refuse)
    refused(mine, "copy: 4,096 bytes are needed")
