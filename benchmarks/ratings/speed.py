"""Recommenders that others wrote, on the ratings of a file of benchmarks/made.py.

Runs in the environment of benchmarks/ratings/requirements.lock. Each function sets up and gives one
that fits once; `seconds` are of fitting alone, as is onecycle's, `score` is the mean squared error
of valid. Settings are those that were found best on this split by hand (docs/benchmarks.md).
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Measured = dict[str, Any]
Ratings = dict[str, np.ndarray]
Predict = Callable[[Ratings], np.ndarray]


def parts(file: str) -> tuple[Ratings, Ratings]:
    """Train and valid: user and item int64 [N], rating float32 [N]."""
    with np.load(Path(file)) as found:
        every = {name: found[name] for name in ("user", "item", "rating")}
        valid = found["valid"]
    return ({k: v[~valid] for k, v in every.items()}, {k: v[valid] for k, v in every.items()})


def measured(file: str, fit: Callable[[Ratings], Callable[[], Predict]]) -> Callable[[], Measured]:
    """Times `fit(train)()`, which gives what predicts, and measures that on valid."""
    train, valid = parts(file)
    once = fit(train)

    def measure() -> Measured:
        start = time.perf_counter()
        predict = once()
        seconds = time.perf_counter() - start
        score = float(((predict(valid) - valid["rating"]) ** 2).mean())
        return {"seconds": seconds, "items": len(train["user"]), "score": score}

    return measure


def cornac_mf(file: str, epochs: int = 30) -> Callable[[], Measured]:
    """cornac's compiled matrix factorisation with biases, by plain SGD."""
    from cornac.data import Dataset
    from cornac.models import MF

    def fit(train: Ratings) -> Callable[[], Predict]:
        data = Dataset.build(list(zip(train["user"], train["item"], train["rating"], strict=True)))

        def once() -> Predict:
            model = MF(k=50, max_iter=epochs, learning_rate=0.01, lambda_reg=0.05, seed=0).fit(data)
            return lambda asked: _cornac(model, data, asked)

        return once

    return measured(file, fit)


def _cornac(model: Any, data: Any, asked: Ratings) -> np.ndarray:  # noqa: ANN401 - of cornac
    """Its formula in one go; rows it does not know have no factors and no bias."""
    user = np.array([data.uid_map.get(each, -1) for each in asked["user"]])
    item = np.array([data.iid_map.get(each, -1) for each in asked["item"]])
    known = (user >= 0) & (item >= 0)
    dots = (model.u_factors[user] * model.i_factors[item]).sum(1) * known
    biases = model.u_biases[user] * (user >= 0) + model.i_biases[item] * (item >= 0)
    return np.clip(model.global_mean + biases + dots, 1, 5)


def surprise_svd(file: str, plus: bool = False, epochs: int = 40) -> Callable[[], Measured]:
    """surprise's SVD, or SVD++, which learns from who rated what, too."""
    from surprise import SVD, Dataset, Reader, SVDpp

    def fit(train: Ratings) -> Callable[[], Predict]:
        import pandas as pd

        data = Dataset.load_from_df(pd.DataFrame(train), Reader(rating_scale=(1, 5)))
        rows = data.build_full_trainset()

        def once() -> Predict:
            made = SVDpp if plus else SVD
            settings = {} if plus else {"n_factors": 100, "lr_all": 0.01, "reg_all": 0.1}
            model = made(random_state=0, n_epochs=20 if plus else epochs, **settings).fit(rows)
            return lambda asked: np.array(
                [
                    model.predict(user, item).est
                    for user, item in zip(asked["user"], asked["item"], strict=True)
                ]
            )

        return once

    return measured(file, fit)


def lenskit_als(file: str) -> Callable[[], Measured]:
    """LensKit's biased matrix factorisation by alternating least squares."""
    import pandas as pd
    from lenskit.als import BiasedMFScorer
    from lenskit.data import ItemList, from_interactions_df
    from lenskit.training import TrainingOptions

    def fit(train: Ratings) -> Callable[[], Predict]:
        frame = pd.DataFrame(
            {"user_id": train["user"], "item_id": train["item"], "rating": train["rating"]}
        )
        data = from_interactions_df(frame)

        def once() -> Predict:
            model = BiasedMFScorer(embedding_size=50, epochs=10, regularization=0.15)
            model.train(data, TrainingOptions(rng=0))

            def predict(asked: Ratings) -> np.ndarray:
                scores = np.full(len(asked["user"]), np.nan)
                for user in np.unique(asked["user"]):
                    rows = np.flatnonzero(asked["user"] == user)
                    found = model(user, ItemList(item_ids=asked["item"][rows]))
                    scores[rows] = found.scores()
                return np.clip(np.where(np.isnan(scores), train["rating"].mean(), scores), 1, 5)

            return predict

        return once

    return measured(file, fit)
