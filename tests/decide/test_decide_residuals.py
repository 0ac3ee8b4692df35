import numpy as np
import pandas as pd
import pytest

from onecycle.decide import residuals
from onecycle.decide.sample import Sample


def sample(n):
    return Sample(np.zeros((n, 2)), np.zeros((n, 2)), {"kind": "points"}, draws=200)


def test_ways_are_named_as_a_picture_has_them():
    """x grows to the right, y downwards."""
    gaps = {(1, 0): "right", (0, 1): "down", (-1, 0): "left", (0, -1): "up"}
    gaps |= {(1, 1): "right and down", (-2, 2.5): "left and down", (-1, -1): "left and up"}
    gaps |= {(3, -2.9): "right and up", (1, -0.1): "right", (-1, -0.0): "left"}
    found = residuals.ways(np.array(list(gaps), dtype=float))
    assert [residuals.WAYS[way] for way in found] == list(gaps.values())


def test_a_leaning_is_told_from_chance():
    rng = np.random.default_rng(0)
    gap = rng.normal(size=(400, 2)) * 5 + [2, 0]
    x, y = residuals.offset(sample(400), gap).to_dict("records")
    assert x["low"] > 0 and x["px"] == pytest.approx(gap[:, 0].mean())
    assert y["low"] < 0 < y["high"]
    table = residuals.by_way(sample(400), gap)
    assert table["items"].sum() == 400 and "right" in table["way"].iloc[0]
    for row in table.to_dict("records"):
        of = residuals.ways(gap) == residuals.WAYS.index(row["way"])
        assert row["error_px_mean"] == pytest.approx(np.linalg.norm(gap[of], axis=1).mean())
        assert row["share_low"] < row["share"] == of.mean() < row["share_high"]


def test_each_group_has_its_own_quantiles():
    rng = np.random.default_rng(0)
    errors, names = rng.exponential(size=300), pd.Series(rng.choice(list("ab"), 300))
    names[:3] = "few"
    names[3:9] = None
    table = residuals.by_group(sample(300), errors, errors < 1, names).set_index("group")
    for name in "ab":
        own = errors[names == name]
        median, far = np.quantile(own, [0.5, 0.9], method="inverted_cdf")
        row = table.loc[name]
        wanted = {"error_px_mean": own.mean(), "error_px_median": median, "error_px_p90": far}
        for column, value in (wanted | {"held": (own < 1).mean(), "items": len(own)}).items():
            assert row[column] == pytest.approx(value)
        for column in wanted:
            assert row[f"{column}_low"] < row[column] < row[f"{column}_high"]
    assert table.loc["few", ["error_px_mean_low", "error_px_p90_high"]].isna().all()
    assert residuals.by_group(sample(2), errors[:2], errors[:2] < 1, pd.Series([None] * 2)).empty
