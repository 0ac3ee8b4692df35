"""What several tests share: a working tree with params, tiny data, the mirror of real data."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trials
from filelock import FileLock
from trees import SHORT, clone, shell
from trials import pytest_addoption  # noqa: F401 - a hook

ROOT = Path(__file__).parents[1]
MIRROR = ROOT.parent / "shared" / "mirror"


def pytest_configure(config: pytest.Config) -> None:
    """Hides a GPU, from the processes that tests start too, unless `-m gpu` asks for its tests."""
    trials.pytest_configure(config)
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begins with the files that take long, so that two processes end together."""
    trials.select(config, items)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def heeds_ctrl_c() -> None:
    """As in a terminal: a shell that starts this in the background may have it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's params.yaml in a folder of its own, which is the current one."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(made, capture_output=True, check=False).returncode:
        pytest.skip("mounting a disk takes root's rights")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of real archives and weights; without it the test is skipped."""
    if not MIRROR.is_dir():
        pytest.skip(f"no mirror of real data at {MIRROR}")
    return MIRROR


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prefect's home with a database without runs: made once, for it takes half a minute."""
    shared = tmp_path_factory.getbasetemp().parent / "prefect-database"
    with FileLock(f"{shared}.lock"):
        if not shared.exists():
            home = tmp_path_factory.mktemp("database")
            make = "from prefect.server.database import provide_database_interface as it"
            make += "; import asyncio; asyncio.run(it().create_db())"
            shell(ROOT, "env", f"PREFECT_HOME={home}", "python", "-c", make)
            shutil.copytree(home, shared)
    return shared


@pytest.fixture(scope="session")
def ran_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of `SHORT` in which DVC alone has run the graph: made once, to be copied."""
    base = tmp_path_factory.getbasetemp()  # below a folder of the session's, if it has processes
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "ran-tree"
    with FileLock(f"{shared}.lock"):
        if not shared.exists():
            made = clone(tmp_path_factory.mktemp("ran"), SHORT)
            (made / ".onecycle").mkdir(exist_ok=True)
            (made / ".onecycle" / "said").write_text(shell(made, "dvc", "repro"))
            made.rename(shared)
    return shared
