"""Lineage: by content, blind to what does not matter, and without places of this machine."""

import subprocess

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from onecycle.report import lineage
from onecycle.tables import content_sha256

ITEMS = pa.table({
    "id": ["a", "b", "c"],
    "x": pa.array([["u", "i"], None, []], pa.list_(pa.string())),
    "y": [1.0, None, 3.5],
    "time": pa.array([1, None, 2**60], pa.int64()),
    "group": pa.nulls(3),
})  # fmt: skip


def test_the_same_content_is_the_same_hash_in_any_file(tmp_path):
    expected = content_sha256(ITEMS)
    columns = ITEMS.select(["time", "y", "x", "group", "id"])
    for at, (table, options) in enumerate(
        [(ITEMS, {"row_group_size": 1}), (columns, {"compression": "gzip"}),
         (ITEMS, {"use_dictionary": False})]
    ):  # fmt: skip
        pq.write_table(table, tmp_path / f"{at}.parquet", **options)
        assert content_sha256(pq.read_table(tmp_path / f"{at}.parquet")) == expected
    sliced = pa.concat_tables([ITEMS, ITEMS]).slice(3, 3)
    assert content_sha256(sliced) == expected
    coded = ITEMS.set_column(0, "id", ITEMS["id"].dictionary_encode())
    assert content_sha256(coded) == expected


OTHERS = {
    "a cell": ("id", ["a", "b", "d"]),
    "where names part": ("id", ["ab", "", "c"]),
    "nothing is no empty text": ("id", ["a", "b", None]),
    "zero is not nothing": ("y", [1.0, 0.0, 3.5]),
    "a pair": ("x", pa.array([["u", "j"], None, []], pa.list_(pa.string()))),
    "an empty list is not nothing": ("x", pa.array([["u", "i"], [], None], pa.list_(pa.string()))),
    "a large integer": ("time", pa.array([1, None, 2**60 + 1], pa.int64())),
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_content_is_another_hash(what):
    name, column = OTHERS[what]
    other = ITEMS.set_column(ITEMS.column_names.index(name), name, pa.array(column))
    assert content_sha256(other) != content_sha256(ITEMS)
    assert content_sha256(ITEMS.slice(0, 2)) != content_sha256(ITEMS)
    assert content_sha256(ITEMS.take([1, 0, 2])) != content_sha256(ITEMS)


ODD = {
    "date": (pa.date32(), [18000, None], [18001, None]),
    "struct": (pa.struct([("a", pa.string())]), [{"a": "1"}, None], [{"a": "2"}, None]),
    "bytes": (pa.binary(), [b"\xff", None], [b"\xfe", None]),
    "uint64": (pa.uint64(), [2**64 - 1, None], [2**64 - 2, None]),
    "text": (pa.large_string(), ["", None], [None, ""]),
}


@pytest.mark.parametrize("what", ODD)
def test_a_column_of_any_type_counts(what):
    kind, one, other = ODD[what]
    hashes = {content_sha256(pa.table({"a": pa.array(it, kind)})) for it in (one, one, other)}
    assert len(hashes) == 2


@pytest.fixture
def repo(tmp_path):
    """A repository with the code's folders; a function runs git in it."""

    def git(*command):
        who = ["-c", "user.name=x", "-c", "user.email=x@x"]
        done = subprocess.run(["git", *who, *command], cwd=tmp_path, check=True,
                              capture_output=True, text=True)  # fmt: skip
        return done.stdout.strip()

    git("init", "-q")
    for folder in ("onecycle", "tasks", "docs"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("1")
    git("add", ".")
    git("commit", "-qm", "first")
    return git


def test_the_commit_is_the_last_that_touched_the_code(repo, tmp_path):
    first = {"commit": repo("rev-parse", "HEAD"), "changed": False}
    assert lineage.of_code(tmp_path) == first
    (tmp_path / "docs" / "a.py").write_text("2")
    assert lineage.of_code(tmp_path) == first
    repo("commit", "-qam", "other things")
    assert lineage.of_code(tmp_path) == first
    (tmp_path / "tasks" / "b.py").write_text("2")
    assert lineage.of_code(tmp_path) == first | {"changed": True}
    repo("add", ".")
    repo("commit", "-qm", "code")
    assert lineage.of_code(tmp_path) == {"commit": repo("rev-parse", "HEAD"), "changed": False}


def test_outside_git_it_is_null(tmp_path):
    assert lineage.of_code(tmp_path) == {"commit": None, "changed": None}


def test_local_places_are_told_by_name():
    asked = {"download": {"archives": [{"url": "file:///home/me/a.zip"}], "folder": "/home/me/x"}}
    asked |= {"prepare": {"label": "^/a/(.+)"}, "learner": {"weights": {"url": "https://a.b/c"}}}
    found = lineage.without_places(asked)
    assert found["download"] == {"archives": [{"url": "a.zip"}], "folder": "x"}
    assert found["prepare"] == asked["prepare"] and found["learner"] == asked["learner"]
    same = [{"url": f"file:///{folder}/a.zip", "sha256": folder} for folder in "xyz"]
    found = lineage.of_source({"archives": same})
    assert found == {"a.zip": "x", "a.zip (2)": "y", "a.zip (3)": "z"}
    sample = {"sample": "pets", "listing_sha256": "z"}
    assert lineage.of_source(sample) == {"pets, names and sizes": "z"}


def test_pandas_and_arrow_tables_of_the_same_rows_agree():
    frame = pd.DataFrame({"id": ["a"], "split": ["train"]})
    arrow = pa.table({"split": ["train"], "id": ["a"]})
    assert content_sha256(pa.Table.from_pandas(frame)) == content_sha256(arrow)
