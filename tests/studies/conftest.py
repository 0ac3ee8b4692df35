"""What tests of studies share."""

import pytest

from onecycle.studies import compare, measured
from onecycle.studies.questions import choosing


@pytest.fixture
def few_draws(monkeypatch):
    """Fewer resamples than studies take, which would be most of a test's time."""
    for module in (compare, measured):
        monkeypatch.setattr(module, "DRAWS", 200)
    monkeypatch.setattr(choosing, "PARTINGS", 20)
