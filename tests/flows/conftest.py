"""What the flow's tests share: a small DVC repository, and waiting without sleeping too long."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from trees import ROOT, processes, wait_until

BIN = Path(sys.executable).parent
Until = Callable[..., None]

# Reads its inputs, says that it runs, waits while the file `hold` exists, writes what it read.
SCRIPT = """
import os, time
from pathlib import Path
read = [Path("in.txt"), *sorted(Path("folder").iterdir())]
text = "\\n".join(path.read_text() for path in [Path("params.yaml"), *read])
with open("runs", "a") as file:
    file.write(f"{os.getsid(0)}\\n")
while Path("hold").exists():
    time.sleep(0.01)
Path("out.txt").write_text(text)
"""
STAGES = """
stages:
  make:
    cmd: python make.py
    params: [k]
    deps: [in.txt, folder]
    outs: [out.txt]
"""


@pytest.fixture
def until() -> Until:
    """Waits for what is to become true: fails if it does not in time."""

    return lambda true, seconds=20.0: wait_until(true, seconds, "what the test waits for")


@pytest.fixture(scope="session")
def empty_repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC repository without stages, to copy."""
    folder = tmp_path_factory.mktemp("empty")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    environment = os.environ | {"DVC_NO_ANALYTICS": "1"}
    subprocess.run([BIN / "dvc", "init", "-q"], cwd=folder, env=environment, check=True)
    (folder / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    return folder


@pytest.fixture
def toy(empty_repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository with one stage, `make`: the current folder; nothing runs in it afterwards."""
    folder = tmp_path / "toy"
    shutil.copytree(empty_repo, folder)
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / "params.yaml").write_text("k: 1\nother: 1\n")
    (folder / "make.py").write_text(SCRIPT)
    (folder / "in.txt").write_text("in")
    (folder / "folder").mkdir()
    (folder / "folder" / "a.txt").write_text("a")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SHELL", "/bin/sh")
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    yield folder
    for process in processes(folder):
        process.kill()


@pytest.fixture
def workers(toy: Path) -> Callable[[], list[psutil.Process]]:
    """Tells which processes work in the toy repository now, this one aside."""
    return lambda: processes(toy)
