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
