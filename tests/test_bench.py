"""`make bench` at tiny sizes: every row is measured, kept and shown; ratios and targets."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from trees import shell

from benchmarks import figures, generated, made
from benchmarks.bench import main
from benchmarks.rows import ROWS
from benchmarks.worker import Failed, Worker
from onecycle.paths import read_json

GPU = {"gpu", "gpu_resnet34"}


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The results of a run of everything."""
    out = tmp_path_factory.mktemp("bench")
    assert main(["--quick", "--repeats", "2", "--threads", "1", "--out", str(out)]) == 0
    return out


def test_every_row_is_measured_in_turn(quick):
    for name in ROWS.keys() - GPU:
        kept = json.loads((quick / f"{name}.json").read_text())
        for side in kept["ours"]:
            measured = kept["measured"][side["name"]]
            assert len(measured) == 2, name
            assert all(each["seconds"] > 0 and each[kept["unit"]] > 0 for each in measured), name


def test_the_table_shows_every_row_and_who_is_absent(quick):
    page = (quick / "benchmarks.md").read_text()
    for name in ROWS.keys() - GPU:
        kept = json.loads((quick / f"{name}.json").read_text())
        assert kept["title"] in page
    assert "no environment: `make peers`" in page and "not with --quick" in page
    assert "matrix product" in page and "no measurements" in page


def test_what_is_there_is_not_measured_again(quick, capsys):
    before = {file: file.read_bytes() for file in quick.glob("*.json")}
    arguments = ["--quick", "--threads", "1", "--out", str(quick), "--only", "data,fast"]
    assert main([*arguments, "--repeats", "2"]) == 0
    assert {file: file.read_bytes() for file in quick.glob("*.json")} == before
    assert main([*arguments, "--repeats", "3", "--only", "data"]) == 0
    assert len(json.loads((quick / "data.json").read_text())["measured"]["onecycle"]) == 3
    assert json.loads((quick / "fast.json").read_text())["repeats"] == 2
    assert main(["--only", "date", "--out", str(quick)]) == 2
    assert "no row ['date']" in capsys.readouterr().out


def test_ratios_are_taken_repeat_by_repeat_for_equal_work():
    side = {"name": "onecycle", "least": {"peer": 4}, "most": {}}
    kept = {
        "title": "work",
        "unit": "items",
        "fresh": False,
        "ours": [side],
        "peers": [{"name": "peer"}, {"name": "absent"}],
        "measured": {
            "onecycle": [{"seconds": s, "items": 100} for s in (1, 2, 1)],
            "peer": [{"seconds": s, "items": 50} for s in (2, 5, 1)],
        },
    }
    with_peer, without = figures.of(kept)
    assert with_peer[3:] == ("**4** [2, 5]", "≥ 4", "yes")
    assert without[0] == "" and without[3:] == ("no environment: `make peers`", "–", "–")
    side["least"]["peer"] = 4.1
    assert figures.of(kept)[0][5] == "**no**"
    side.update(least={}, most={"seconds": 1.5})
    assert figures.of(kept)[0][4:] == ("≤ 1.5 s", "yes")


def test_a_side_that_fails_says_why(tmp_path):
    args = {"file": "none.npz", "recipe": "fast", "threads": 1}
    with Worker(Path(sys.executable), 1, tmp_path / "log") as worker:
        with pytest.raises(Failed, match="No such file"):
            worker.set_up("benchmarks.speed.ratings:fit", args)


def test_drawn_ratings_have_no_pair_twice(tmp_path):
    made.ratings(tmp_path / "drawn.npz", 5_000)
    with np.load(tmp_path / "drawn.npz") as found:
        assert len(found["user"]) == 5_000
        assert len(set(zip(found["user"], found["item"], strict=True))) == 5_000
        assert set(found["rating"]) == {1, 2, 3, 4, 5}


def test_stages_of_generated_ratings_are_measured(root, tmp_path):
    # A process of its own: a stage's peak is never below that of the process which starts it.
    command = [sys.executable, "-m", "benchmarks.generated", "2000", "--out", str(tmp_path)]
    line = shell(root, *command, "--stages", "download,prepare").splitlines()[-1]
    assert line.startswith("| 2,000 |") and "GiB" in line
    costs = read_json(tmp_path / "2000" / "costs.json")
    assert list(costs) == ["download", "prepare"]
    assert costs["prepare"]["seconds"] > 0 and 50 < costs["prepare"]["mib"] < 2000
    table = pd.read_parquet(tmp_path / "2000" / "data" / "generated" / "items.parquet")
    assert len(table) == 2000 and table["title"].notna().all()
    with pytest.raises(RuntimeError, match="split failed"):
        (tmp_path / "2000" / "data" / "generated" / "items.parquet").unlink()
        generated.main(["2000", "--out", str(tmp_path), "--stages", "split"])


def test_ratings_are_split_as_the_others_report(mirror, tmp_path):
    made.movielens(tmp_path / "ml.npz", mirror / "ml-100k.zip")
    with np.load(tmp_path / "ml.npz") as found:
        order = torch.randperm(100_000, generator=torch.Generator().manual_seed(42))
        assert sorted(order[:20_000].tolist()) == np.flatnonzero(found["valid"]).tolist()
        assert found["rating"].mean() == pytest.approx(3.52986)  # GroupLens'


def test_a_plain_environment_can_run_the_worker(root):
    """Peers have no onecycle; the worker itself asks for nothing but Python."""
    imported = "import sys, benchmarks.worker; print('numpy' in sys.modules)"
    assert "False" in shell(root, sys.executable, "-c", imported)
