"""lr_find: a range test on a fresh model, its curve and its suggestions."""

from typing import TYPE_CHECKING

from onecycle.foreign import write_csv
from onecycle.learn import lr_finder, recipe
from onecycle.paths import Paths, write_json
from onecycle.progress import say

if TYPE_CHECKING:
    from onecycle.learn.learner import Learner


class Params(lr_finder.RangeTest):
    """How the range test runs.

    Attributes:
        frozen: whether the body is frozen during the test; null freezes it where its weights are
            pretrained.
    """

    frozen: bool | None = None


def run(paths: Paths, params: Params, learner_params: recipe.Learner, threads: int) -> None:
    """Writes `lr.json` and `lr_find.csv`.

    A curve that can't be read is recorded as such: only a phase that asks for its rate fails.

    Raises:
        UserError: pretrained weights can't be had.
    """
    import pandas as pd

    from onecycle.learn import assemble

    curve = test(assemble.fresh(paths, learner_params, threads), params)
    columns = {"lr": curve.rates, "loss": curve.smooth, "batch_loss": curve.losses}
    write_csv(paths.report("lr_find.csv"), pd.DataFrame(columns))
    chosen = lr_finder.choose(params, curve)
    write_json(paths.model("lr.json"), chosen, sealed=True)
    say(f"learning rate {chosen['used'] or 'not found'}: {chosen['reason']}")


def test(learner: "Learner", params: Params) -> lr_finder.Curve:
    """The range test of a fresh learner."""
    frozen = learner.pretrained if params.frozen is None else params.frozen
    say(f"range test of {params.steps} steps, body {'frozen' if frozen else 'not frozen'}")
    with learner.untouched():
        if frozen:
            learner.freeze()
        return learner.lr_find(params)
