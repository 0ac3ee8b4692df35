"""Limits of leaks: what a splitter allows, and what is over."""

import pandas as pd
import pytest
from pydantic import ValidationError

from onecycle.splits import limits
from onecycle.splits.audit import COLUMNS
from onecycle.splits.drawn import Random
from onecycle.splits.limits import Leaks
from onecycle.splits.times import Time


def test_just_the_limit_is_not_over_it():
    rows = pd.DataFrame(columns=COLUMNS)
    for found_, of, limit in ((29, 100, 0.29), (7, 25, 0.28), (0, 0, 0.0)):
        assert limits.over(rows, {"near": {"found": found_, "of": of, "limit": limit}}) == []


def test_time_has_a_limit_only_where_the_split_is_by_time_or_it_is_given():
    def by_time(**leaks):
        return Time(by="time", leaks=Leaks(**leaks)).limit("time")

    assert Random(by="random").limit("time") is None and by_time() == 0.0
    assert by_time(time=0.5) == 0.5 and by_time(time=None) is None


def test_groups_that_go_on_for_ever_are_only_counted_unless_a_limit_is_given():
    assert Time(by="time").limit("group") == 0.0 == Random(by="random").limit("group")
    assert Time(by="time", whole_groups=False).limit("group") is None
    given = Time(by="time", whole_groups=False, leaks=Leaks(group=0.5))
    assert given.limit("group") == 0.5 and given.limit("near") == 0.01


@pytest.mark.trial("params", "a limit of leaks that is no share, or unknown", "refused")
@pytest.mark.parametrize(
    "leaks", [{"near": 2.0}, {"group": -0.1}, {"nera": 0.1}, {"bits": 65}, {"duplicates": "drop"}]
)
def test_limits_that_can_not_be_meant_are_refused(leaks):
    with pytest.raises(ValidationError):
        Leaks.model_validate(leaks)
