"""calibrate: fits the decision (temperature, threshold, radius) on calib, or else on valid."""

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
        UserError: the items to fit on are too few for what is asked.
    """
    from onecycle.learn import device, saved
    from onecycle.learn.datasets import split_items

    device.use_threads(threads)
    learner = saved.load(paths.model(), paths.data("pixels"))
    columns = ["id", "x", "y", "group"]
    parts = split_items(paths.data("items.parquet"), paths.data("split.parquet"), columns)
    blocks = learner.data.blocks
    name = "calib" if "calib" in parts else "valid"
    part = blocks.encode(parts[name])
    kind = KINDS[blocks.y.state()["kind"]]
    scores = learner.predict(part)
    decision, curve = kind.fit(scores, part.y.numpy(), params, part.size_px, part.groups)
    decision["fitted_on"] = {"part": name, "n": len(part)}
    write_json(paths.model("decision.json"), decision, sealed=True)
    write_csv(paths.report("calibration.csv"), curve)
    plain = {k: v for k, v in decision.items() if not isinstance(v, list | dict)}
    told = plain | (decision.get("abstain") or {})
    say(", ".join(f"{key} {value}" for key, value in told.items()))
    say(f"fitted on the {len(part):,} items of {name}")
