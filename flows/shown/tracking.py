"""Logs a problem that was measured to MLflow, where `MLFLOW_TRACKING_URI` says one; else off.

Needs the extra `mlflow`. The model stays with DVC: MLflow gets its sha256.
"""

import os
from collections.abc import Iterator
from typing import Any

import pandas as pd

from onecycle.errors import UserError
from onecycle.paths import Paths, read_json

LONGEST = 500  # characters of a parameter, which every MLflow server takes
METRICS, PARAMETERS = 1000, 100  # that it takes at once
# MLflow's own settings: its defaults would hold up a run for minutes while the server is away.
HURRY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
CURVES = ("train_loss", "valid_loss", "metric")


def asked() -> bool:
    """Whether somebody asked for it."""
    return bool(os.environ.get("MLFLOW_TRACKING_URI"))


def log(problem: str, run: str, number: str) -> None:
    """Logs parameters, metrics, the history by epoch, the report, and what led to the model.

    Args:
        problem: its name, which is the experiment's.
        run: the flow run's name.
        number: its id.

    Raises:
        UserError: the package is not there.
        OSError: a file is missing.
        MlflowException: the server did not take it.
    """
    for setting, value in HURRY.items():
        os.environ.setdefault(setting, value)
    try:
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param
    except ImportError:
        raise UserError("install it first, in this folder: pip install -e '.[mlflow]'") from None
    paths = Paths(problem)
    lineage = read_json(paths.model("lineage.json"))
    client = MlflowClient()
    known = client.get_experiment_by_name(problem)
    experiment = known.experiment_id if known else client.create_experiment(problem)
    it = client.create_run(experiment, tags=tags(lineage, number), run_name=run).info.run_id
    ended = "FAILED"
    try:
        values = [Metric(name, value, 0, step) for name, value, step in metrics(paths)]
        params = [Param(name, value) for name, value in flat(lineage["params"])]
        for at in range(0, len(values), METRICS):
            client.log_batch(it, metrics=values[at : at + METRICS])
        for at in range(0, len(params), PARAMETERS):
            client.log_batch(it, params=params[at : at + PARAMETERS])
        for file in (paths.report("report.html"), paths.model("lineage.json")):
            client.log_artifact(it, str(file))
        ended = "FINISHED"
    finally:
        client.set_terminated(it, ended)


def tags(lineage: dict[str, Any], number: str) -> dict[str, str]:
    """What a run is found by: its flow run, commit, model, data and split."""
    return {
        "prefect.flow_run": number,
        "git.commit": str(lineage["code"]["commit"]),
        "model.sha256": lineage["model"]["sha256"],
        "items.sha256": lineage["data"]["items_sha256"],
        "split.sha256": lineage["split"]["sha256"],
    }


def metrics(paths: Paths) -> Iterator[tuple[str, float, int]]:
    """Each metric, then each epoch's losses and metric on valid, with the epoch as the step."""
    for name, value in read_json(paths.report("metrics.json")).items():
        yield name, float(value), 0
    history = pd.read_csv(paths.report("history.csv"))
    for name in CURVES:
        for epoch, value in enumerate(history[name], start=1):
            yield f"training/{name}", float(value), epoch


def flat(values: Any, prefix: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Nested parameters by their full path, as text."""
    if isinstance(values, dict) and values:
        for key, inner in values.items():
            yield from flat(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, str(values)[:LONGEST]
