import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from onecycle.errors import UserError
from onecycle.paths import Paths, read_json
from onecycle.pixels.store import PixelStore
from tasks import prepare, split

DVC = YAML(typ="safe").load(Path(__file__).parents[2] / "dvc.yaml")
FILES = {"reader": "files", "label": r"^(.+)_\d+", "y": "category", "size": 16}


def outs(paths: Paths, stage: str) -> list[Path]:
    named = DVC["stages"][stage]["do"]["outs"]
    return [paths.root / each.replace("${item}", paths.problem) for each in named]


def run_prepare(paths: Paths, **params) -> None:
    prepare.run(paths, TypeAdapter(prepare.Params).validate_python(FILES | params))


def run_split(paths: Paths, **params) -> None:
    split.run(paths, TypeAdapter(split.Params).validate_python(params))


@pytest.fixture
def paths(tmp_path) -> Paths:
    """Twenty pictures of two labels, one whose bytes are no picture, one without a label."""
    paths = Paths("p", root=tmp_path)
    raw = paths.data("raw")
    raw.mkdir(parents=True)
    for n in range(20):
        pixels = np.full((30, 40, 3), n, np.uint8)
        Image.fromarray(pixels).save(raw / f"{'cat' if n < 12 else 'dog'}_{n}.png")
    (raw / "cat_99.jpg").write_text("no picture")
    (raw / "odd.png").write_text("no label")
    return paths


def test_prepare_writes_all_that_dvc_expects(paths, capsys):
    run_prepare(paths, max_bad=0.1)
    assert all(out.exists() for out in outs(paths, "prepare"))
    assert sorted(outs(paths, "prepare")) == sorted(
        set(paths.data().iterdir()) - {paths.data("raw")}
    )
    items = pq.read_table(paths.data("items.parquet"))
    assert items.schema.metadata[b"target"] == b"category"
    names = items["id"].to_pylist()
    assert names == sorted(names) and len(names) == 20
    store = PixelStore(paths.data("pixels"))
    assert store.rows(names) == list(range(20))
    for name in names:
        (row,) = store.rows([name])
        assert store[row].shape == (16, 21, 3)
        assert (store[row] == int(name.split("_")[1].removesuffix(".png"))).all()
    bad = pq.read_table(paths.data("quarantine.parquet")).to_pylist()
    assert [(each["file"], each["row"]) for each in bad] == [("cat_99.jpg", 0), ("odd.png", 0)]
    said = capsys.readouterr().out
    assert "20 items; 2 rows in" in said and "cat_99.jpg, row 0: not an image" in said


@pytest.mark.parametrize(("max_bad", "fails"), [(0.0, True), (0.09, True), (2 / 22, False)])
def test_more_bad_rows_than_max_bad_leave_no_items(paths, max_bad, fails):
    if not fails:
        run_prepare(paths, max_bad=max_bad)
        return
    with pytest.raises(UserError, match=r"2 of 22 rows are bad, more than prepare\.max_bad"):
        run_prepare(paths, max_bad=max_bad)
    assert not paths.data("items.parquet").exists()
    assert len(pq.read_table(paths.data("quarantine.parquet"))) == 2
    assert not list(paths.root.rglob("*.partial"))


def test_no_good_row_fails_whatever_max_bad(paths):
    for file in paths.data("raw").glob("*.png"):
        file.write_text("no picture")
    with pytest.raises(UserError, match="22 of 22 rows are bad"):
        run_prepare(paths, max_bad=1.0)
    assert not paths.data("items.parquet").exists()


def test_no_row_at_all_is_not_called_bad(paths):
    (paths.data("raw") / "u.data").write_text("")
    with pytest.raises(UserError, match="raw: nothing to read there"):
        prepare.run(paths, prepare.readers.ratings.Params(reader="ratings", path="u.data"))


@pytest.mark.trial("pictures", "a pipe and a link to nothing among pictures", "set aside at once")
def test_a_pipe_among_pictures_does_not_wait(paths):
    os.mkfifo(paths.data("raw") / "cat_90.jpg")
    (paths.data("raw") / "cat_91.jpg").symlink_to("gone")
    run_prepare(paths, max_bad=0.2)
    bad = pd.read_parquet(paths.data("quarantine.parquet")).set_index("file")["reason"]
    assert bad["cat_90.jpg"] == bad["cat_91.jpg"] == "is no regular file"


def test_ratings_have_a_store_without_pictures(paths):
    (paths.data("raw") / "u.data").write_text("1\t2\t3\t4\n")
    prepare.run(paths, prepare.readers.ratings.Params(reader="ratings", path="u.data"))
    assert all(out.exists() for out in outs(paths, "prepare"))
    assert pd.read_parquet(paths.data("items.parquet"))["x"][0].tolist() == ["1", "2"]
    assert len(PixelStore(paths.data("pixels"))) == 0


def test_preparing_and_splitting_twice_gives_the_same_bytes(paths):
    written = []
    for _ in range(2):
        run_prepare(paths, max_bad=1.0)
        run_split(paths, by="stratified")
        files = [f for f in sorted(paths.root.rglob("*")) if f.is_file()]
        written.append({file: file.read_bytes() for file in files})
    assert written[0] == written[1]


def test_split_writes_all_that_dvc_expects(paths, capsys):
    run_prepare(paths, max_bad=0.1, group=r"(\d)\.")
    run_split(paths, by="stratified", valid=0.25, test=0.25, leaks={"group": 1.0})
    assert all(out.exists() for out in outs(paths, "split"))
    assert paths.report("split").is_dir()
    table = pd.read_parquet(paths.data("split.parquet"))
    assert list(table) == ["id", "split"]
    assert table["id"].tolist() == pd.read_parquet(paths.data("items.parquet"))["id"].tolist()
    assert table["split"].value_counts().to_dict() == {"train": 10, "valid": 5, "test": 5}
    labels = pd.read_csv(paths.report("split") / "labels.csv")
    assert labels.groupby("label")["items"].sum().to_dict() == {"cat": 12, "dog": 8}
    assert labels.groupby("split")["items"].sum().to_dict() == {"train": 10, "valid": 5, "test": 5}
    report = read_json(paths.report("split.json"))
    shared = report["leaks"]["first"]
    leaking = pd.read_parquet(paths.data("leaks.parquet"))
    assert set(leaking["kind"]) == {"group"} and set(leaking["detail"]) <= set(shared)
    assert report == {
        "by": "stratified",
        "counts": {"train": 10, "valid": 5, "test": 5},
        "left_out": 0,
        "groups": report["groups"],
        "leaks": {
            "shared_groups": len(shared),
            "first": shared,
            "kinds": {
                "group": {"found": len(leaking), "of": 10, "limit": 1.0},
                "identical": {"found": 0, "of": 10, "limit": 0.01},
            },
            "cut": 0,
            "moved": {},
        },
    }
    parts = table.set_index("id")["split"]
    groups = {digit: set(parts[parts.index.str.contains(rf"{digit}\.")]) for digit in "0123456789"}
    assert shared == sorted(digit for digit, of_group in groups.items() if len(of_group) > 1) != []
    for part, count in report["groups"].items():
        assert count == sum(part in of_group for of_group in groups.values())
    said = f"leaks, group: {len(leaking)} of 10 items of valid and test"
    assert said in capsys.readouterr().out


def test_a_split_by_groups_leaks_none(paths, capsys):
    run_prepare(paths, max_bad=0.1, group=r"(\d)\.")
    run_split(paths, by="group")
    report = read_json(paths.report("split.json"))
    assert report["leaks"]["shared_groups"] == report["leaks"]["kinds"]["group"]["found"] == 0
    assert report["groups"] == {"train": 6, "valid": 2, "test": 2}
    assert "leaks, group: 0 of " in capsys.readouterr().out


def test_folds_are_written_as_a_table(paths):
    run_prepare(paths, max_bad=0.1, group=r"(\d)\.")
    tables = []
    for fold in (0, 3):
        run_split(paths, by="group_kfold", k=4, fold=fold)
        tables.append(pd.read_csv(paths.report("split") / "folds.csv"))
        parts = pd.read_parquet(paths.data("split.parquet"))
        assert (parts["split"] == "test").tolist() == (tables[-1]["fold"] == fold).tolist()
    assert tables[0].equals(tables[1]) and len(tables[0]) == 20
    run_split(paths, by="random", leaks={"group": None})
    assert not (paths.report("split") / "folds.csv").exists()


def test_calib_is_written_counted_and_never_empty(paths, capsys):
    run_prepare(paths, max_bad=0.1)
    run_split(paths, by="random", valid=0.4, test=0.2, calib=0.5)
    report = read_json(paths.report("split.json"))
    assert report["counts"] == {"train": 8, "valid": 4, "calib": 4, "test": 4}
    assert report["leaks"]["kinds"]["identical"]["of"] == 12
    assert "0 of 12 items of valid, calib and test" in capsys.readouterr().out
    assert "calib" in set(pd.read_csv(paths.report("split") / "labels.csv")["split"])
    with pytest.raises(UserError, match="calib would be empty"):
        run_split(paths, by="random", valid=0.4, calib=0.01, hashed=True)


def test_a_fold_without_items_is_refused(paths):
    run_prepare(paths, max_bad=0.1, group=r"(\d)\.")
    said = []
    for fold in range(10):  # ten groups by their hashes: some folds hold none
        try:
            run_split(paths, by="group_kfold", k=10, fold=fold, hashed=True, valid=0.5)
        except UserError as error:
            said.append(str(error))
    assert any("test would be empty" in each for each in said)
    assert not [each for each in said if "would be empty" not in each]


def test_lists_in_the_raw_data_are_read_without_preparing_again(paths):
    run_prepare(paths, max_bad=0.1)
    raw = paths.data("raw")
    (raw / "test.txt").write_text("# those that judge\ndog_12 1\ncat_1\n")
    (raw / "valid.txt").write_text("cat_2.png\n")
    run_split(paths, by="files", valid="valid.txt", test="test.txt")
    report = read_json(paths.report("split.json"))
    assert report["counts"] == {"train": 17, "valid": 1, "test": 2}


def test_rows_that_take_no_part_are_left_out_and_counted(paths):
    raw = paths.data("raw")
    (raw / "train.txt").write_text("cat_0\ncat_1\ncat_2\ndog_12\n")
    (raw / "valid.txt").write_text("cat_3\n")
    run_prepare(paths, max_bad=0.1, lists={"train": "train.txt", "valid": "valid.txt"})
    run_split(paths, by="column")
    report = read_json(paths.report("split.json"))
    assert report["counts"] == {"train": 4, "valid": 1, "test": 0} and report["left_out"] == 15
    table = pd.read_parquet(paths.data("split.parquet"))
    assert table["id"].tolist() == [
        "cat_0.png",
        "cat_1.png",
        "cat_2.png",
        "cat_3.png",
        "dog_12.png",
    ]
    assert table["split"].tolist() == ["train", "train", "train", "valid", "train"]


@pytest.mark.parametrize(
    ("params", "part"),
    [
        ({"by": "random", "valid": 0.02}, "valid"),
        ({"by": "group", "valid": ["cat", "dog"], "test": []}, "train"),
    ],
)
def test_an_empty_train_or_valid_is_refused_and_nothing_written(paths, params, part):
    run_prepare(paths, max_bad=0.1, group="^(cat|dog)_")
    with pytest.raises(UserError, match=rf"split\.parquet: {part} would be empty"):
        run_split(paths, **params)
    assert not any(out.exists() for out in outs(paths, "split"))


@pytest.mark.parametrize(
    ("y", "counted"),
    [
        (["a", "b", "a"], {("a", "train"): 1, ("a", "valid"): 1, ("b", "train"): 1}),
        ([["a", "b"], ["b"], []], {("a", "train"): 1, ("b", "train"): 2}),
        ([4.0, 4.0, 2.5], {(4.0, "train"): 2, (2.5, "valid"): 1}),
        ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], {}),
    ],
)
def test_labels_and_ratings_are_counted_and_points_are_not(y, counted):
    items = pd.DataFrame({"id": list("abc"), "y": y, "split": None})
    parts = pd.DataFrame({"id": list("abc"), "split": ["train", "train", "valid"]})
    table = split.label_counts(items, parts)
    assert list(table) == ["label", "split", "items"]
    assert {(row.label, row.split): row.items for row in table.itertuples(index=False)} == counted


@pytest.mark.parametrize(("values", "counted"), [(20, 20), (21, 0)])
def test_ratings_of_many_values_are_not_counted(values, counted):
    items = pd.DataFrame({"id": range(values), "y": np.arange(float(values)), "split": None})
    parts = pd.DataFrame({"id": range(values), "split": "train"})
    assert len(split.label_counts(items, parts)) == counted
