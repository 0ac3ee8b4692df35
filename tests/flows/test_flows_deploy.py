"""prefect.yaml: what it asks is there; on the days when clocks change each slot has one run."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prefect.server.schemas.schedules import CronSchedule

from flows.batch import onecycle_predict
from flows.deploy import Steps
from flows.flow import onecycle
from onecycle.params import read_yaml
from tasks.problems import load

ROOT = Path(__file__).parents[2]
ASKED = read_yaml(ROOT / "prefect.yaml")
FLOWS = {"flows/flow.py:onecycle": onecycle, "flows/batch.py:onecycle_predict": onecycle_predict}
SLOTS = {(it["cron"], it["timezone"]) for each in ASKED["deployments"] for it in each["schedules"]}
HARD = {  # in the hour that is skipped, and in the one that comes twice
    ("30 1 * * *", "Europe/London"),
    ("30 2 * * *", "Europe/Berlin"),
    ("30 1 * * *", "America/New_York"),
    ("45 1 * * *", "Australia/Lord_Howe"),
}


@pytest.mark.parametrize("asked", ASKED["deployments"], ids=lambda it: it["name"])
def test_a_deployment_asks_what_its_flow_takes(asked, monkeypatch):
    monkeypatch.chdir(ROOT)
    FLOWS[asked["entrypoint"]].validate_parameters(asked["parameters"])
    assert set(asked["parameters"].get("problems", [])) <= set(load().problems)
    if asked["entrypoint"] == "flows/flow.py:onecycle":
        assert asked["parameters"]["refresh"] is True  # else new data is never seen
    assert asked["tags"] and all(it["timezone"] for it in asked["schedules"])


def changes(zone: ZoneInfo, year: int) -> list[datetime]:
    """The days on which a zone's clocks change."""
    days = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(366)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    return [
        day for day, one, other in zip(days, offsets, offsets[1:], strict=False) if one != other
    ]


@pytest.mark.parametrize(("cron", "name"), sorted(SLOTS | HARD))
def test_each_slot_has_one_run_on_days_when_clocks_change(cron, name):
    zone, schedule = ZoneInfo(name), CronSchedule(cron=cron, timezone=name)
    found = changes(zone, 2027)
    assert len(found) == 2
    for day in found:
        # As the server does: asked again and again, each answer's text is a run's key.
        begin, weekly = day - timedelta(days=8), cron.endswith("0")
        keys: dict[str, datetime] = {}
        for minutes in range(0, 16 * 24 * 60, 145):
            now = begin + timedelta(minutes=minutes)
            dates = asyncio.run(schedule.get_dates(n=2, start=now))
            keys |= {str(date): date for date in dates}
        days = sorted(date.astimezone(zone).date() for date in keys.values())
        gaps = {(later - earlier).days for earlier, later in pairwise(days)}
        assert gaps == {7 if weekly else 1}


def test_what_serves_pulls_as_a_worker_does():
    steps = Steps(ASKED["pull"])
    steps.set_base_path(Path("/nowhere"))
    assert steps.to_pull_step() == ASKED["pull"]
    assert "python -m flows.trees begin" in str(steps.to_pull_step())
    assert steps.destination == ROOT or steps.destination.is_dir()
