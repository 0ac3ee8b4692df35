"""The flow in a working tree of its own: what runs, what Prefect shows, that files are DVC's."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from hostile import NAMES, PROBLEM, VISION, by_folder
from receiver import SECRET, receiving
from trees import (
    ENVIRONMENT,
    EPOCHS,
    LAST,
    flow,
    hashes,
    ran,
    rows,
    shell,
    states,
    wait_until,
)

pytestmark = pytest.mark.slow
STAGES = ["download", "prepare", "split", "lr_find", "train", "calibrate", "evaluate"]
ALL = {f"{stage}@sample_movielens" for stage in STAGES}


@pytest.fixture(scope="module")
def tree(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path, ran_tree: Path
) -> Iterator[Path]:
    """A tree in which DVC alone has run the graph; a server like `make ui`'s waits for runs."""
    tree = tmp_path_factory.mktemp("flow") / "tree"
    shutil.copytree(ran_tree, tree, symlinks=True)
    shutil.copytree(empty_database, tree / ".onecycle" / "prefect")
    assert set(ran((tree / ".onecycle" / "said").read_text())) == ALL
    command = [sys.executable, "-m", "flows.server", "--port", "0"]
    with subprocess.Popen(command, cwd=tree, env=ENVIRONMENT, stdout=subprocess.PIPE) as server:
        address = tree / ".onecycle" / "prefect" / "url"
        wait_until(address.exists, 60, "the server has started")
        yield tree
        server.terminate()


def test_after_dvc_repro_all_is_cached(tree):
    output = flow(tree)
    assert "shown at http://127.0.0.1:" in output
    assert states(tree) == dict.fromkeys(ALL, "Cached")
    assert "7 cached" in output
    assert "reports/sample_movielens/report.html" in output
    value = json.loads((tree / "reports/sample_movielens/metrics.json").read_text())["rmse"]
    assert f"{value:.3f}"[:4] in output


def test_forced_it_writes_the_same_bytes_and_leaves_dvc_nothing_to_do(tree):
    before = hashes(tree)
    flow(tree, "--force")
    assert states(tree) == dict.fromkeys(ALL, "Completed")
    assert hashes(tree) == before
    assert "up to date" in shell(tree, "dvc", "status")
    assert ran(shell(tree, "dvc", "repro")) == []


def test_prefect_shows_the_stages_as_a_graph_with_logs_progress_and_scores(tree):
    started = rows(
        tree, f"select name from task_run where flow_run_id = {LAST} order by start_time"
    )
    assert [name for (name,) in started] == [f"{stage}@sample_movielens" for stage in STAGES]
    names = dict(rows(tree, f"select id, name from task_run where flow_run_id = {LAST}"))
    inputs = dict(rows(tree, f"select name, task_inputs from task_run where flow_run_id = {LAST}"))
    edges = {
        name: [names[each["id"]] for each in json.loads(found).get("wait_for", [])]
        for name, found in inputs.items()
    }
    assert edges["download@sample_movielens"] == []
    assert edges["evaluate@sample_movielens"] == ["calibrate@sample_movielens"]
    logged = rows(
        tree,
        "select message from log join task_run on task_run.id = log.task_run_id "
        f"where task_run.name = 'train@sample_movielens' and task_run.flow_run_id = {LAST}",
    )
    assert any("epoch 2 of 2, train loss" in message for (message,) in logged)
    made = dict(rows(tree, f"select key, data from artifact where flow_run_id = {LAST}"))
    assert made["progress-train-sample-movielens"] == 100
    assert "| sample_movielens | Root mean squared error" in made["metrics"]
    assert made["sample-movielens"].count("data:image/png;base64,") == 5
    assert "**too little to say**" in made["sample-movielens"]
    for each in ("lr-find-sample-movielens", "train-sample-movielens"):
        assert made[each].count("data:image/png;base64,") == 1
    link = re.search(r"http://127[^)]+/sample_movielens/report\.html", made["metrics"])[0]
    with urlopen(link) as answer:
        assert answer.read() == (tree / "reports/sample_movielens/report.html").read_bytes()
    assert link in made["sample-movielens"]
    *stages, total = json.loads(json.loads(made["costs"]))  # a column of JSON holds it as text
    assert {each["stage"]: each["ended"] for each in stages} == dict.fromkeys(ALL, "Completed")
    assert total["seconds"] > total["CPU s"] > 7
    kept = json.loads((tree / ".onecycle/costs.json").read_text())
    assert set(kept) == ALL
    assert all(1 < it["cpu_s"] < 60 and 1e8 < it["peak_rss_bytes"] < 4e9 for it in kept.values())


def test_one_parameter_runs_three_stages_and_back_again_restores_them(tree):
    before = hashes(tree)
    three = {f"{stage}@sample_movielens" for stage in ("train", "calibrate", "evaluate")}
    output = flow(tree, "--set", f"{EPOCHS}=1")
    assert f"{EPOCHS} = 1" in output
    assert states(tree) == {name: "Completed" if name in three else "Cached" for name in ALL}
    assert hashes(tree) != before
    flow(tree, "--set", f"{EPOCHS}=2")
    assert states(tree) == {name: "Restored" if name in three else "Cached" for name in ALL}
    assert hashes(tree) == before
    assert "up to date" in shell(tree, "dvc", "status")


def test_a_budget_starts_nothing_beyond_it_and_a_floor_is_watched(tree):
    with receiving() as receiver:
        command = ["env", f"ONECYCLE_WEBHOOK={receiver.url}/200", "python", "-m", "flows.pipeline"]
        over = [*command, "--set", f"{EPOCHS}=3", "--budget-s", "0.1"]
        assert "nothing is started: what would run took" in shell(tree, *over, status=1)
        assert rows(tree, f"select state_name from flow_run where id = {LAST}") == [("Refused",)]
        assert rows(tree, f"select name from task_run where flow_run_id = {LAST}") == []
        floor = ["--budget-s", "0.1", "--floor", "sample_movielens.rmse=0.1"]
        output = shell(tree, *command, "--set", f"{EPOCHS}=2", *floor)
    assert set(states(tree).values()) == {"Cached"}
    assert "worse than its floor 0.1" in output
    ((made,),) = rows(
        tree, f"select data from artifact where key = 'metrics' and flow_run_id = {LAST}"
    )
    assert "| score | since last run | 95 % interval |" in made and "| = |" in made
    refused, below = (body for _, _, body in receiver.got)
    assert refused["event"] == "refused" and "budget_s is 0.1" in refused["message"]
    assert f"/runs/flow-run/{refused['id']}" in refused["url"]
    assert below["event"] == "below"
    assert [(it["metric"], it["floor"]) for it in below["below"]] == [("rmse", 0.1)]
    told = b"".join(each.read_bytes() for each in (tree / ".onecycle/prefect").glob("prefect.db*"))
    assert receiver.url.encode() not in told and SECRET not in output


@pytest.mark.trial(
    "two",
    "two flows of one problem at once, with one server",
    "both complete, each stage runs once",
)
def test_two_flows_at_once_run_each_stage_once(tree):
    shell(tree, "python", "-m", "tasks", "set", "problems.sample_movielens.evaluate.draws=110")
    command = [sys.executable, "-m", "flows.pipeline"]
    both = [
        subprocess.Popen(command, cwd=tree, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [each.communicate(timeout=120)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0]
    runs = "select count(*) from task_run where name = 'evaluate@sample_movielens' "
    runs += "and state_name = 'Completed' and flow_run_id in "
    runs += "(select id from flow_run order by created desc limit 2)"
    states(tree)
    assert rows(tree, runs) == [(1,)], said
    assert "up to date" in shell(tree, "dvc", "status")


def test_refresh_verifies_the_download_and_equal_bytes_leave_the_rest_cached(tree):
    flow(tree, "--refresh")
    expected = dict.fromkeys(ALL, "Cached") | {"download@sample_movielens": "Completed"}
    assert states(tree) == expected


def test_a_prediction_is_a_flow_of_its_own_with_a_table_of_what_was_answered(tree):
    command = ["python", "-m", "flows.predict", "models/sample_movielens"]
    output = shell(tree, *command, "data/sample_movielens/items.parquet", "-o", "out.csv")
    assert "16,000 rows, 0 of them without an answer" in output
    assert states(tree) == {"predict@sample-movielens": "Completed"}
    name = f"select flow.name from flow join flow_run r on r.flow_id = flow.id where r.id = {LAST}"
    assert rows(tree, name) == [("onecycle-predict",)]
    made = dict(rows(tree, f"select key, data from artifact where flow_run_id = {LAST}"))
    assert "16000" in str(made["predictions-sample-movielens"])
    assert len((tree / "out.csv").read_text().splitlines()) == 16_001


OTHER = """
run: [other, sample_movielens]
problems:
  sample_movielens: {evaluate: {draws: 120}}
  other:
    download: {sample: movielens}
    prepare: {reader: ratings, path: nowhere.csv, x: [user, item], y: rating}
    split: {by: random}
    learner: {arch: dot_bias}
    lr_find: {}
    train: {}
    calibrate: {}
    evaluate: {}
"""


def test_a_failed_stage_names_cause_and_remedy_and_stops_no_other_problem(tree):
    (tree / "other.yaml").write_text(OTHER)
    output = flow(tree, "--set", "@other.yaml", status=1)
    found = states(tree)
    assert found["download@other"] == "Completed"
    assert found["prepare@other"] == "Failed"
    after = STAGES[STAGES.index("prepare") + 1 :]
    assert {found[f"{stage}@other"] for stage in after} == {"Skipped"}
    assert found["evaluate@sample_movielens"] == "Completed"
    message = "nowhere.csv: no such file"
    assert message in output
    for table, flow_id in (("task_run", "flow_run_id"), ("flow_run", "id")):
        query = f"select s.message from {table} r join {table}_state s on r.state_id = s.id "
        query += f"where s.type = 'FAILED' and r.{flow_id} = {LAST}"
        ((said,),) = rows(tree, query)
        assert message in said
    flow(tree, "--problems", "sample_movielens")
    assert set(states(tree).values()) == {"Cached"}


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("problems.sample_movielens.train.unfrozen.epoch=3", "did you mean 'epochs'"),
        ("run=[sample_movie]", "did you mean 'sample_movielens'"),
        ("@nowhere.yaml", "nowhere.yaml: no such file"),
    ],
)
def test_a_wrong_setting_is_told_before_anything_runs_and_changes_nothing(tree, option, said):
    before = (tree / "params.yaml").read_bytes()
    runs = rows(tree, "select count(*) from flow_run")
    assert said in flow(tree, "--set", option, status=1)
    assert (tree / "params.yaml").read_bytes() == before
    assert rows(tree, "select count(*) from flow_run") == runs


@pytest.mark.trial(
    "names", "through DVC, Prefect and its artifacts", "stages complete, text stays text"
)
def test_hostile_names_pass_through_the_flow(tree, record_property):
    (tree / "photos").mkdir()
    read = by_folder(tree / "photos")
    patch = PROBLEM.replace("PREPARE", read).replace("SPLIT", "stratified")
    patch = patch.replace("ARCH", "squeezenet1_1").replace("BATCH", VISION)
    (tree / "names.yaml").write_text(patch)
    output = flow(tree, "--set", "@names.yaml", "--problems", "own")
    assert states(tree) == {f"{stage}@own": "Completed" for stage in STAGES}
    assert not set("\x1b\x07\u202e") & set(output)
    made = rows(tree, f"select data, description from artifact where flow_run_id = {LAST}")
    told = "".join(str(cell) for row in made for cell in row)
    assert told and not [name for name in NAMES.values() if name in told]
    said = "".join(text for (text,) in rows(tree, "select message from log"))
    assert "\x1b" not in said
    assert "up to date" in shell(tree, "dvc", "status")
    record_property("tried", len(NAMES))
