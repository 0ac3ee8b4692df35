"""A run to a file: whole or not at all, no row lost or repeated however often it is killed."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trees import ENVIRONMENT, ROOT, wait_until

from onecycle.decide.histograms import histogram, merged
from onecycle.errors import UserError
from onecycle.paths import read_json
from onecycle.predict import batch
from onecycle.predict.batch import Job
from onecycle.predict.model import load_model
from onecycle.predict.ratings import Ratings
from tasks.__main__ import main

ROWS, CHUNK = 23, 5
EDGES = np.arange(0.0, 23)


def job(made=None, stop_at=None, key="key"):
    """Numbers to ROWS; notes the chunks that it makes, breaks off before one of them."""

    def make(starts):
        for start in starts:
            if start == stop_at:
                raise KeyboardInterrupt
            if made is not None:
                made.append(start)
            rows = np.arange(start, min(start + CHUNK, ROWS))
            labels = [None if row % 4 == 0 else f"={row}" for row in rows]
            lists = [[str(row)] * (row % 3) for row in rows]
            errors = ["bad" if row % 8 == 0 else None for row in rows]
            columns = {"row": rows, "answer": pa.array(labels, pa.string())}
            columns |= {"predicted": pa.array(lists, pa.list_(pa.string()))}
            table = pa.table(columns | {"error": pa.array(errors, pa.string())})
            yield table, {"rows": len(rows), "values": histogram(rows.astype(float), EDGES)}

    return Job(ROWS, CHUNK, make, key, ["answer", "predicted"])


@pytest.mark.parametrize("stop_at", range(0, ROWS, CHUNK))
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_run_that_broke_off_goes_on_to_the_same_bytes(tmp_path, stop_at, suffix, capsys):
    whole, out = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    expected = batch.run(job(), whole)
    made = []
    with pytest.raises(KeyboardInterrupt):
        batch.run(job(made, stop_at), out)
    assert not out.exists()
    assert batch.run(job(made), out) == expected
    assert made == list(range(0, ROWS, CHUNK))  # each once
    assert out.read_bytes() == whole.read_bytes()
    assert ("goes on" in capsys.readouterr().out) == (stop_at > 0)
    left = {each.name for each in tmp_path.iterdir()}
    assert left == {
        f"whole{suffix}",
        f"out{suffix}",
        f"whole{suffix}.histograms.json",
        f"out{suffix}.histograms.json",
    }


def test_a_part_that_lost_its_end_is_made_again(tmp_path):
    whole, out, made = tmp_path / "whole.parquet", tmp_path / "out.parquet", []
    batch.run(job(), whole)
    with pytest.raises(KeyboardInterrupt):
        batch.run(job(stop_at=3 * CHUNK), out)
    for at, end in ((0, 0), (2, -1)):
        part = tmp_path / ".out.parquet.parts" / f"{at:07}.parquet"
        part.write_bytes(part.read_bytes()[:end])
    batch.run(job(made), out)
    assert made == [0, 2 * CHUNK, 3 * CHUNK, 4 * CHUNK]
    assert out.read_bytes() == whole.read_bytes()


def test_what_is_counted_in_parts_is_what_is_counted_of_the_whole(tmp_path):
    found = batch.run(job(), tmp_path / "out.parquet")
    assert found == read_json(tmp_path / "out.parquet.histograms.json")
    expected = histogram(np.arange(float(ROWS)), EDGES)
    assert found == {"rows": ROWS, "values": expected}
    assert pq.read_table(tmp_path / "out.parquet")["row"].to_pylist() == list(range(ROWS))


@pytest.mark.parametrize("other", [{"key": "other"}, {}])
def test_parts_of_another_run_are_not_gone_on_from_and_this_is_said(tmp_path, other, capsys):
    out = tmp_path / "out.parquet"
    with pytest.raises(KeyboardInterrupt):
        batch.run(job(stop_at=2 * CHUNK), out)
    made = []
    batch.run(job(made, **other), out, restart=not other)
    assert made == list(range(0, ROWS, CHUNK))
    assert "begins anew: " in capsys.readouterr().out


def test_in_csv_no_answer_is_none_and_formulae_are_inert(tmp_path):
    batch.run(job(), tmp_path / "out.csv")
    found = pd.read_csv(tmp_path / "out.csv", dtype=str, keep_default_na=False)
    assert found["answer"].tolist()[:5] == ["", "'=1", "'=2", "'=3", "none"]
    assert found["predicted"].tolist()[:6] == ["", "1", "2; 2", "none", "4", "5; 5"]
    assert found["row"].tolist() == [str(row) for row in range(ROWS)]


def test_whole_numbers_stay_whole_in_csv():
    table = pa.table({"id": pa.array([2**53 + 1, None], pa.int64())})
    assert batch.flat(table, ()).to_csv(index=False).split() == ["id", str(2**53 + 1), '""']


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "pairs.csv"], "pairs.csv: is an input"),
        (["-o", "out.csv", "--threads", "0"], "--threads: expected at least 1"),
        (["-o", "out.csv", "--scores", "--top", "2"], "--scores: not with --top"),
        (["-o", "out.csv", "--users", "u1"], "--users: only with --top"),
    ],
)
def test_options_that_would_do_harm_or_nothing_are_refused(
    rating, tmp_path, monkeypatch, capsys, options, said
):
    monkeypatch.chdir(tmp_path)
    text = "user,item\nu1,i1\n"
    (tmp_path / "pairs.csv").write_text(text)
    assert main(["predict", str(rating), "pairs.csv", *options]) == 1
    assert said in capsys.readouterr().err
    assert (tmp_path / "pairs.csv").read_text() == text and not (tmp_path / "out.csv").exists()


def test_two_runs_to_one_file_are_refused(tmp_path):
    out = tmp_path / "out.parquet"
    with batch.held(tmp_path / ".out.parquet.parts", out):
        with pytest.raises(UserError, match="another process is writing it"):
            batch.run(job(), out)
    batch.run(job(), out)


def test_who_comes_while_the_parts_are_taken_away_keeps_its_own(tmp_path, monkeypatch):
    out, folder, remove, later = tmp_path / "out.csv", tmp_path / ".out.csv.parts", batch.remove, []

    def removed(path):
        if out.exists() and path.exists() and not later:
            later.append(batch.held(folder, out))
            later[0].__enter__()
            (folder / "0000000.parquet").touch()
        remove(path)

    monkeypatch.setattr(batch, "remove", removed)
    batch.run(job(), out)
    assert (folder / "0000000.parquet").exists() and (folder / "lock").exists()
    later[0].__exit__(None, None, None)


@pytest.mark.parametrize("name", ["out.txt", "out", "folder.csv"])
def test_another_suffix_is_refused_before_anything_is_done(tmp_path, name):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match=r"expected a file that ends in \.parquet or \.csv"):
        batch.run(job(), tmp_path / name)


SLOW = """
import sys, time
from pathlib import Path
import pyarrow as pa
from onecycle.predict import batch
def make(starts):
    for start in starts:
        time.sleep(.02)
        with open("made", "a") as file:
            file.write(f"{start}\\n")
        yield pa.table({"row": list(range(start, start + 10))}), {"rows": 10}
batch.run(batch.Job(500, 10, make, "key", []), Path("out.parquet"))
"""


def test_killed_no_row_is_lost_or_repeated(tmp_path):
    command = [sys.executable, "-c", SLOW]
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    process, made = subprocess.Popen(command, cwd=tmp_path, env=environment), tmp_path / "made"
    wait_until(lambda: made.exists() and len(made.read_text().split()) > 11, 60, "a few parts")
    process.kill()
    process.wait()
    assert not (tmp_path / "out.parquet").exists()
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    assert pq.read_table(tmp_path / "out.parquet")["row"].to_pylist() == list(range(500))
    starts = [int(each) for each in made.read_text().split()]
    assert set(starts) == set(range(0, 500, 10))
    assert len(starts) <= 51  # the part that the kill met was made again, no other


def test_the_command_writes_answers_and_histograms_of_pictures(category, mixed, tmp_path, capsys):
    frame = pd.DataFrame({"path": [str(each) for each in mixed], "mine": range(len(mixed))})
    frame.to_csv(tmp_path / "list.csv", index=False)
    out = tmp_path / "out.parquet"
    assert main(["predict", str(category), str(tmp_path / "list.csv"), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "23 rows, 3 of them without an answer" in said and "1: is empty (0 bytes)" in said
    found, model = pd.read_parquet(out), load_model(category)
    assert found["mine"].tolist() == [str(at) for at in range(len(mixed))]
    expected = model.predict(mixed)
    assert found["predicted"].equals(expected["predicted"])
    counted = json.loads(batch.histograms_of(out).read_text())
    assert (counted["rows"], counted["errors"]) == (23, 3)
    assert sum(counted["inputs"]["brightness"]["counts"]) == 20
    assert sum(counted["scores"]["labels"].values()) == 20
    (tmp_path / "list.csv").write_text("path\n")
    assert main(["predict", str(category), str(tmp_path / "list.csv"), "-o", str(out)]) == 1
    assert "nothing to predict" in capsys.readouterr().err


def test_histograms_of_parts_add_up(category, mixed):
    model = load_model(category)
    given = model.takes.given(mixed, model.taken)
    ((_, whole),) = model.parts(given, [0])
    model.takes.chunk = 7
    parts = [counted for _, counted in model.parts(given, range(0, len(mixed), 7))]
    assert len(parts) == 4 and merged(parts) == whole


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_table_whose_columns_moved_is_begun_anew(rating, tmp_path, suffix, monkeypatch, capsys):
    frame = pd.DataFrame({"user": ["u1"] * 6, "item": ["i1"] * 6, "a": ["A"] * 6, "b": ["B"] * 6})
    monkeypatch.setattr(Ratings, "chunk", 2)
    pairs, out = tmp_path / "pairs.parquet", tmp_path / f"out{suffix}"
    command = ["predict", str(rating), str(pairs), "-o", str(out)]

    def stopped(self, chunks):
        yield next(iter(scored(self, chunks)))
        raise KeyboardInterrupt

    frame.to_parquet(pairs)
    with monkeypatch.context() as patched:
        scored = Ratings.scored
        patched.setattr(Ratings, "scored", stopped)
        assert main(command) == 130
    assert "stopped; run again to go on" in capsys.readouterr().err
    frame[["item", "user", "b", "a"]].to_parquet(pairs)
    assert main(command) == 0
    found = pd.read_parquet(out) if suffix == ".parquet" else pd.read_csv(out)
    assert (found["a"] == "A").all() and (found["b"] == "B").all()


def test_the_plan_knows_a_file_that_was_changed(category, photos, tmp_path):
    model = load_model(category)
    file = tmp_path / "a.jpg"
    file.write_bytes((photos / "00.jpg").read_bytes())
    given = model.takes.given([file], model.taken)
    before = model.takes.stamp(given)
    assert model.takes.stamp(given) == before
    file.write_bytes((photos / "02.jpg").read_bytes())
    assert model.takes.stamp(given) != before


def test_no_answer_at_all_is_a_failure(category, tmp_path, capsys):
    (tmp_path / "a.jpg").touch()
    out = tmp_path / "out.csv"
    assert main(["predict", str(category), str(tmp_path / "a.jpg"), "-o", str(out)]) == 1
    assert "no row has an answer" in capsys.readouterr().err
    assert pd.read_csv(out)["error"].tolist() == ["is empty (0 bytes)"]


def test_lists_of_numbers_are_arrays_in_csv(category, photos, tmp_path):
    out = tmp_path / "out.csv"
    assert main(["predict", str(category), str(photos / "00.jpg"), "--scores", "-o", str(out)]) == 0
    (scores,) = (json.loads(each) for each in pd.read_csv(out)["scores"])
    assert scores and all(isinstance(each, float) for each in scores)
