"""What tests of fetching share."""

import pytest
from serving import serving

from onecycle.sources.fetch import partial


@pytest.fixture
def server(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setattr(partial, "BACKOFF_S", 0.001)
    with serving() as running:
        yield running


@pytest.fixture
def place(tmp_path):
    """Where archives lie, and a folder that holds something already."""
    (tmp_path / "out" / "raw" / "pets").mkdir(parents=True)
    (tmp_path / "out" / "raw" / "pets" / "kept").write_bytes(b"kept")
    return tmp_path
