"""What holds for every splitter: a new one in the registry is held to it without being named."""

from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from onecycle.errors import UserError
from onecycle.splits.splitters import FOLDS, SPLITTERS, Params, divide, fold_table

MODELS = {
    name: model
    for name, model in (
        (model.model_fields["by"].annotation.__args__[0], model)
        for model in Params.__origin__.__args__
    )
}
# How parameters of these names are drawn, in whichever splitter has them.
FIELDS = {
    "valid": st.floats(0.1, 0.4),
    "test": st.floats(0.1, 0.4),
    "seed": st.integers(0, 99),
    "hashed": st.booleans(),
    "stratified": st.booleans(),
    "k": st.integers(2, 6),
    "fold": st.integers(0, 1),
    "gap": st.integers(0, 3),
    "whole_groups": st.booleans(),
    "calib": st.sampled_from([0.0, 0.3, 0.5, 0.9]),
}
# Splitters that name rows; and those that may leave rows out, each for a reason it tells.
IDS = st.sets(st.integers(0, 29), min_size=2, max_size=20).map(sorted)
NAMED = {
    "column": {"valid": st.just(0.0)},
    "lists": {"ids": IDS},
    "files": {"ids": IDS, "valid": st.just("valid.txt"), "test": st.just("test.txt")},
    "leave_one_group_out": {"fold": st.integers(0, 7)},
}
LEAVE_OUT = {"column", "time"}


@st.composite
def tables(draw) -> pd.DataFrame:
    """30 to 60 rows of 8 groups, which are clips that follow each other in time."""
    n = draw(st.integers(30, 60))
    group = [row % 8 if row < 8 else draw(st.integers(0, 7)) for row in range(n)]
    many = draw(st.booleans())
    labels = st.lists(st.sampled_from("abcd"), max_size=3) if many else st.sampled_from("abc")
    return pd.DataFrame(
        {
            "id": [f"{row:03}" for row in range(n)],
            "x": [f"{row:03}.png" for row in range(n)],
            "y": [draw(labels) for _ in range(n)],
            "group": [f"g{each}" for each in group],
            "time": [10 * each + draw(st.integers(0, 5)) for each in group],
            "split": ["train", "valid", "test", None, *["train"] * (n - 4)],
        }
    )


@st.composite
def made(draw, by: str, folder=None):
    fields = {name: FIELDS[name] for name in MODELS[by].model_fields if name in FIELDS}
    drawn = {k: draw(v) for k, v in (fields | NAMED.get(by, {})).items()}
    if ids := drawn.pop("ids", None):
        names = [f"{row:03}" for row in ids]
        parts = {"valid": names[::2], "test": names[1::2]}
        if by == "lists":
            drawn |= parts
        else:
            for part, listed in parts.items():
                (folder / f"{part}.txt").write_text("# names\n" + "\n".join(listed) + "\n")
    try:
        return TypeAdapter(Params).validate_python({"by": by} | drawn)
    except ValidationError:
        reject()  # two that exclude each other


def sides_of(items: pd.DataFrame, parts: list) -> pd.Series:
    """In how many parts each group is, none being one of them."""
    return pd.Series(parts).fillna("out").groupby(items["group"].to_numpy()).nunique()


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tmp_path_factory.mktemp("raw")


def test_the_registry_and_the_union_name_the_same():
    assert set(MODELS) == set(SPLITTERS) and set(FOLDS) <= set(SPLITTERS)


@pytest.mark.parametrize("by", SPLITTERS)
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_every_splitter(by, raw, data):
    items = data.draw(tables())
    params = data.draw(made(by, raw))
    state = np.random.get_state()[1].tolist()
    without = divide(items, params.model_copy(update={"calib": 0.0}), raw)
    try:
        parts = divide(items, params, raw)
    except UserError as error:  # of one row or group, or in time, there is nothing to set aside
        mine = items[np.array(without, dtype=object) == "valid"]
        assert "split.calib" in str(error) and params.calib
        assert by == "time" or mine["group"].nunique() == 1 or len(mine) == 1
        parts, params = without, params.model_copy(update={"calib": 0.0})
    # Complete and disjoint: one part a row, or none where the splitter may leave rows out.
    assert len(parts) == len(items)
    known = {"train", "valid", "test"} | ({"calib"} if params.calib else set())
    assert set(parts) <= known | ({None} if by in LEAVE_OUT else set())
    # By a hash, few groups may all fall on one side.
    if not getattr(params, "hashed", False):
        assert {"train", "valid"} | ({"calib"} if params.calib else set()) <= set(parts)
    # Calib is of valid alone; groups that valid holds whole stay so.
    aside = {"calib", None} if by == "time" else {"calib"}
    for old, new in zip(without, parts, strict=True):
        assert new == old or (old == "valid" and new in aside)
    before, after = (sides_of(items, each) for each in (without, parts))
    own = items["group"][np.array(without, dtype=object) == "valid"]
    if (before[own] == 1).all() and not getattr(params, "hashed", False) and by != "time":
        assert (after[own] == 1).all()
    # Groups are whole.
    if "group" in by or getattr(params, "whole_groups", False):
        assert sides_of(items, parts).max() == 1
    # Seed-stable, whatever was drawn in between; nothing global is touched.
    assert state == np.random.get_state()[1].tolist()
    assert divide(items, params, raw) == parts
    # Order-free.
    order = data.draw(st.permutations(range(len(items))))
    assert divide(items.iloc[order], params, raw) == [parts[row] for row in order]
    # Folds: a whole table, of which test is one.
    table = fold_table(items, params)
    assert (table is None) == (by not in FOLDS)
    if table is not None:
        assert table["id"].tolist() == items["id"].tolist() and list(table) == ["id", "fold"]
        held = {fold for fold, part in zip(table["fold"], parts, strict=True) if part == "test"}
        assert len(held) <= 1
        others = [fold for fold, part in zip(table["fold"], parts, strict=True) if part != "test"]
        assert not held & set(others)


@pytest.mark.parametrize("by", [by for by, m in MODELS.items() if "hashed" in m.model_fields])
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_what_is_hashed_does_not_move_when_rows_and_groups_come(by, data):
    items, params = data.draw(tables()), data.draw(made(by))
    changed = {"hashed": True} | ({"stratified": False} if by == "kfold" else {})
    if by == "leave_one_group_out":
        changed |= {"group": "g3", "fold": None}
    params = type(params).model_validate(params.model_dump() | changed)
    new = data.draw(st.integers(1, 20))
    more = pd.DataFrame(
        {
            "id": [f"{data.draw(st.integers(0, 99)):03}-new{row}" for row in range(new)],
            "y": [items["y"].iloc[0]] * new,
            "group": [data.draw(st.sampled_from(["g3", "a", "g31", "z"])) for _ in range(new)],
        }
    )
    parts = divide(pd.concat([items, more], ignore_index=True), params)
    assert parts[: len(items)] == divide(items, params)


@pytest.mark.parametrize("by", ["random", "group", "kfold", "group_kfold"])
def test_what_is_hashed_meets_its_shares_in_expectation(by):
    n = 20_000
    names = [f"{row:05}" for row in range(n)]
    items = pd.DataFrame({"id": names, "y": "a", "group": names})
    share = {"k": 5} if "kfold" in by else {"test": 0.2}
    counts = Counter()
    for seed in (1, 2):
        model = {"by": by, "hashed": True, "valid": 0.25, "calib": 0.5, "seed": seed} | share
        counts += Counter(divide(items, TypeAdapter(Params).validate_python(model)))
    valid = 0.25 if by == "random" else 0.2  # a share of all, or of what test leaves
    assert counts["test"] / (2 * n) == pytest.approx(0.2, abs=0.01)  # 5 standard errors
    for part in ("valid", "calib"):
        assert counts[part] / (2 * n) == pytest.approx(valid / 2, abs=0.008)


@pytest.mark.parametrize("by", ["random", "group", "kfold", "group_kfold"])
def test_another_seed_draws_another_hash(by):
    items = pd.DataFrame({"id": [f"{row:03}" for row in range(200)], "y": "a"})
    items["group"] = items["id"]
    parts = defaultdict(set)
    for seed in (1, 2):
        model = {"by": by, "hashed": True, "seed": seed}
        parts[seed] = divide(items, TypeAdapter(Params).validate_python(model))
    assert parts[1] != parts[2]
