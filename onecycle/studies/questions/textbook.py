"""The textbook's recommenders on a problem's own split, as parts beside the models'."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from onecycle.decide import recommend
from onecycle.decide.recommend import Fit
from onecycle.decide.scores import Array
from onecycle.paths import Paths
from onecycle.studies.arm import ASKED
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.outcome import Part

NAMES = ("mean", "biases", "svd", "als")
"""Of `recommend.baselines`, from the simplest."""
Figures = dict[str, Estimate | float | str]


@dataclass(frozen=True)
class Textbook:
    """Baselines fitted on train, with damping and rank chosen on valid.

    Attributes:
        fits: in the order of `NAMES`.
        pairs: rows of user and item int64 [N, 2] by part, in the order of ids.
    """

    fits: list[Fit]
    pairs: dict[str, Array]

    @classmethod
    def of(cls, paths: Paths) -> "Textbook":
        """Fits them on the problem's split."""
        from onecycle.blocks.pair import Pairs  # here: torch is slow to import
        from onecycle.learn.datasets import split_items
        from onecycle.report.rated import rated

        files = paths.data("items.parquet"), paths.data("split.parquet")
        parts = split_items(*files, ["id", "x", "y"])
        known = Pairs.from_items(parts["train"]["x"])
        ratings = {name: rated(known, part) for name, part in parts.items()}
        shape = (len(known.users) + 1, len(known.items) + 1)
        fits = recommend.baselines(ratings["train"], ratings["valid"], shape)
        pairs = {}
        for name, part in parts.items():
            order = np.argsort(part["id"].to_numpy(dtype=np.str_), kind="stable")
            pairs[name] = ratings[name].pairs[order]
        return cls(fits, pairs)

    def parts(self, name: str, like: Part) -> dict[str, Part]:
        """What each predicts for the items of a part, which `like` holds as a model judges them."""
        return {
            key: Part(like.ids, like.y, fit.predict(self.pairs[name])[:, None], like.groups)
            for key, fit in zip(NAMES, self.fits, strict=True)
        }

    def users(self, name: str) -> Array:
        """Whose the ratings of a part are, int64 [N]; 0 for all that train does not have."""
        found: Array = self.pairs[name][:, 0]
        return found

    def joined(self, judge: Judge, part: str) -> Judge:
        """A judge of models and baselines; these, which have no seed, are the same for each."""
        of = judge.parts[ASKED]
        beside = {name: [each] * len(of) for name, each in self.parts(part, of[0]).items()}
        return replace(judge, parts={**judge.parts, **beside})

    def figures(self, judges: Mapping[str, Judge], part: str) -> Figures:
        """Errors, gains and what was chosen; `judges` are `joined`, `part` tells."""
        judge, users = judges[part], self.users(part)
        squared = replace(judge, metric="mse")
        of_users = replace(
            judge,
            parts={
                name: [replace(each, groups=users) for each in judge.parts[name]]
                for name in (ASKED, *NAMES)
            },
        )
        found: Figures = {}
        for name in judge.parts:
            found[f"rmse_{key(name)}"] = judge.value(name)
            found[f"mse_{key(name)}"] = squared.value(name)
            found[f"valid_rmse_{key(name)}"] = judges["valid"].value(name)
            if name != ASKED:
                found[f"mse_asked_over_{name}"] = squared.gain(ASKED, name)
            if name in NAMES:
                found[f"by_user_asked_over_{name}"] = of_users.gain(ASKED, name)
        for model in judge.parts:
            for other in judge.parts:
                if model not in (*NAMES, other):
                    found[f"{key(model)}_over_{key(other)}"] = judge.gain(model, other)
        chosen = zip(NAMES, self.fits, strict=True)
        return found | {f"fitted_{name}": fit.label for name, fit in chosen}


def key(name: str) -> str:
    """An arm's name within a figure's."""
    return "asked" if name == ASKED else name
