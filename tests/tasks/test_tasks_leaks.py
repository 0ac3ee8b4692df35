"""The audit in the split stage: real files through prepare and split."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydantic import TypeAdapter

from onecycle.errors import UserError
from onecycle.paths import Paths
from tasks import prepare, split
from tasks.__main__ import main


def picture(seed: int) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((160, 120), Image.Resampling.BICUBIC)


@pytest.fixture
def paths(tmp_path) -> Paths:
    """Forty pictures with lists; of test one is a file of train, one a copy by JPEG, mirrored."""
    paths = Paths("p", root=tmp_path)
    raw = paths.data("raw")
    raw.mkdir(parents=True)
    for n in range(40):
        picture(n).save(raw / f"{'cat' if n % 2 else 'dog'}_{n:02}.png")
    shutil.copy(raw / "dog_00.png", raw / "dog_30.png")
    mirrored = picture(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    mirrored.save(raw / "cat_31.png", format="JPEG", quality=60)
    names = sorted(file.stem for file in raw.glob("*.png"))
    parts = {"train": range(20), "valid": range(20, 30), "test": range(30, 40)}
    for part, numbers in parts.items():
        listed = [name for name in names if int(name[-2:]) in numbers]
        (raw / f"{part}.txt").write_text("\n".join(listed) + "\n")
    files = {"reader": "files", "label": r"^(.+)_\d+", "y": "category", "size": 64}
    lists = {part: f"{part}.txt" for part in parts}
    prepare.run(paths, TypeAdapter(prepare.Params).validate_python(files | {"lists": lists}))
    return paths


def run_split(paths: Paths, **leaks) -> dict:
    params = {"by": "column", "leaks": leaks}
    split.run(paths, TypeAdapter(split.Params).validate_python(params))
    return json.loads(paths.report("split.json").read_text())


@pytest.mark.trial("leaks", "files with leaks over the limit", "the stage fails and names them")
def test_over_the_limit_the_stage_fails_and_names_the_rows(paths):
    paths.data("split.parquet").write_text("older")
    with pytest.raises(UserError) as failed:
        run_split(paths)
    said = str(failed.value)
    assert "1 of 20 items" in said and "split.leaks.identical 1 %" in said
    assert "'dog_30.png' (test) and 'dog_00.png' (train)" in said
    assert "'cat_31.png' (test) and 'cat_01.png' (train)" in said and "to_train" in said
    assert not paths.data("split.parquet").exists()
    rows = pd.read_parquet(paths.data("leaks.parquet"))
    assert rows["kind"].tolist() == ["identical", "near"] and rows["detail"][1] == "mirrored"


def test_within_the_limit_they_are_counted(paths):
    report = run_split(paths, identical=0.05, near=None)
    assert report["leaks"]["kinds"] == {
        "identical": {"found": 1, "of": 20, "limit": 0.05},
        "near": {"found": 1, "of": 20, "limit": None},
    }
    assert paths.data("split.parquet").exists()


def test_duplicates_are_moved_and_said(paths, capsys):
    report = run_split(paths, duplicates="to_train")
    assert report["counts"] == {"train": 22, "valid": 10, "test": 8}
    assert report["leaks"]["moved"] == {"valid": 0, "test": 2}
    assert [it["found"] for it in report["leaks"]["kinds"].values()] == [0, 0]
    assert "moved duplicates: 0 of valid, 2 of test" in capsys.readouterr().out
    assert len(pd.read_parquet(paths.data("leaks.parquet"))) == 0


def test_a_test_that_is_nothing_but_duplicates_is_not_emptied(paths):
    file = paths.data("pixels") / "prints.parquet"
    table = pd.read_parquet(file)
    of_test = table["id"].str[4:6].astype(int) >= 30
    table.loc[of_test, "sha256"] = table["sha256"][0]
    table.to_parquet(file)
    with pytest.raises(UserError, match="all 10 items of test are duplicates"):
        run_split(paths, duplicates="to_train")


@pytest.mark.trial("leaks", "ratings by time, where users go on for ever", "no alarm for users")
def test_a_recommender_by_time_with_users_as_groups(tmp_path):
    paths = Paths("r", root=tmp_path)
    raw = paths.data("raw")
    raw.mkdir(parents=True)
    lines = [f"{at % 3}\t{at}\t{1 + at % 5}\t{at}" for at in range(60)]
    (raw / "u.data").write_text("\n".join(lines) + "\n")
    reader = {"reader": "ratings", "path": "u.data", "group": "user", "y": "rating"}
    prepare.run(
        paths, TypeAdapter(prepare.Params).validate_python(reader | {"rating_range": [1, 5]})
    )
    params = {"by": "time", "whole_groups": False}
    split.run(paths, TypeAdapter(split.Params).validate_python(params))
    report = json.loads(paths.report("split.json").read_text())
    assert report["counts"] == {"train": 36, "valid": 12, "test": 12}
    kinds = report["leaks"]["kinds"]
    assert kinds["group"] == {"found": 24, "of": 24, "limit": None}
    assert kinds["time"] == {"found": 0, "of": 24, "limit": 0.0}


def leaks_of(problem: str) -> pd.DataFrame:
    for stage in ("download", "prepare", "split"):
        assert main([stage, problem]) == 0
    return pd.read_parquet(Path("data") / problem / "leaks.parquet")


@pytest.mark.slow
@pytest.mark.trial("leaks", "the clean samples", "no alarm")
@pytest.mark.parametrize("problem", ["sample_pets", "sample_pascal", "sample_biwi"])
def test_the_samples_raise_no_alarm(tree, problem):
    assert leaks_of(problem).empty


@pytest.mark.slow
@pytest.mark.trial("leaks", "a film that a sample lists twice on purpose", "found; no other alarm")
def test_the_film_that_is_listed_twice_is_all_that_is_found(tree):
    rows = leaks_of("sample_movielens")
    pairs = rows[rows["kind"] == "pair"]
    films = {frozenset(name.split("/")[1] for name in ids) for ids in pairs[["id", "other"]].values}
    assert films == {frozenset({"17", "216"})}
    assert set(rows["kind"]) == {"pair", "time"}  # times of a random split overlap: only counted
