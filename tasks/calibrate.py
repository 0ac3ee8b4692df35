"""calibrate: fits the decision (temperature, threshold, radius) on valid."""

from typing import Any

from onecycle.decide.kinds import KINDS
from onecycle.foreign import write_csv
from onecycle.paths import Paths, write_json
from onecycle.progress import say

# The parameters depend on the target: `KINDS[prepare.y].Params`.
Params = Any


def run(paths: Paths, params: Params, threads: int) -> None:
    """Writes `decision.json` and `calibration.csv`.

    Raises:
        UserError: valid is too small for what is asked.
    """
    from onecycle.learn import device, saved
    from onecycle.learn.datasets import split_items

    device.use_threads(threads)
    learner = saved.load(paths.model(), paths.data("pixels"))
    columns = ["id", "x", "y"]
    parts = split_items(paths.data("items.parquet"), paths.data("split.parquet"), columns)
    blocks = learner.data.blocks
    valid = blocks.encode(parts["valid"])
    kind = KINDS[blocks.y.state()["kind"]]
    decision, curve = kind.fit(learner.predict(valid), valid.y.numpy(), params, valid.size_px)
    write_json(paths.model("decision.json"), decision)
    write_csv(paths.report("calibration.csv"), curve)
    say(", ".join(f"{key} {value}" for key, value in decision.items()))
