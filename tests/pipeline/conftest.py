"""What whole runs share."""

import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from trees import ROOT, shell


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prefect's database without runs: made once, for it takes half a minute."""
    shared = tmp_path_factory.getbasetemp().parent / "prefect-database"
    with FileLock(f"{shared}.lock"):
        if not shared.exists():
            home = tmp_path_factory.mktemp("database")
            make = "from prefect.server.database import provide_database_interface as it"
            make += "; import asyncio; asyncio.run(it().create_db())"
            shell(ROOT, "env", f"PREFECT_HOME={home}", "python", "-c", make)
            shutil.copytree(home, shared)
    return shared
