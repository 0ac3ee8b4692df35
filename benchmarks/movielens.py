"""MovieLens-100k on the splits that others report: `python benchmarks/movielens.py ml-100k.zip`.

Prints a markdown table: each model's and each baseline's error on a random fifth of u.data
(torch.manual_seed(42), the first 20,000 of torch.randperm) and on GroupLens' folds u1 to u5, mean
and standard deviation over seeds of initial weights and order. Nothing was chosen on these splits:

- dot_bias is the recipe of fast.ai's lesson as it stands;
- implicit's numbers were chosen on four other splits, by the mean RMSE: random fifths of u.data by
  the seeds 1 and 2, and splits in the manner of u1, whose 20,000 test ratings are of half the users
  (460 users by numpy's default_rng(11) and (12), 20,000 of their ratings);
- neural is fast.ai's collab_learner(use_nn=True) with the book's rate and weight decay;
- damping and rank of the baselines: on a tenth of each split's train part.

`--quick` takes one seed, and of the folds u1 only.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from onecycle.blocks.pair import Pairs
from onecycle.blocks.rating import Rating
from onecycle.decide import recommend
from onecycle.decide.recommend import Rated
from onecycle.learn import device, saved
from onecycle.learn.datasets import Blocks, Datasets
from onecycle.learn.learner import Learner
from onecycle.learn.recipe import CollabLearner
from onecycle.learn.schedules import Cycle
from onecycle.progress import say

Split = tuple[pd.DataFrame, pd.DataFrame]  # train and test, with the columns id, x and y
BOOK = CollabLearner(arch="dot_bias", factors=50, batch_size=64, wd=0.1)
IMPLICIT = CollabLearner(
    arch="implicit", factors=64, batch_size=1024, wd=2.0, bias_wd=0.02, implicit_wd=3.0
)
NEURAL = CollabLearner(arch="neural", batch_size=64, wd=0.01)
MODELS = {  # recipe, epochs, highest rate
    "dot_bias, the lesson's": (BOOK, 5, 5e-3),
    "implicit, patches/implicit.yaml": (IMPLICIT, 20, 5e-3),
    "neural, fast.ai's": (NEURAL, 5, 5e-3),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("archive", type=Path, help="GroupLens' ml-100k.zip")
    parser.add_argument("--quick", action="store_true", help="one seed, one fold")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    seeds = [0] if chosen.quick else [0, 1, 2]
    folds = [1] if chosen.quick else [1, 2, 3, 4, 5]
    splits = {"random": random_fifth(chosen.archive, 42)}
    splits |= {f"u{k}": fold(chosen.archive, k) for k in folds}
    rows = {
        name: [measure(split, seeds, *model) for split in splits.values()]
        for name, model in MODELS.items()
    }
    fitted = [textbook(split) for split in splits.values()]
    rows |= {name: [[each[name]] for each in fitted] for name in fitted[0]}
    say(table(list(splits), rows))


def random_fifth(archive: Path, seed: int) -> Split:
    """A random split: test is the first fifth of torch's permutation of u.data's lines."""
    every = read(archive, "u.data")
    order = torch.randperm(len(every), generator=torch.Generator().manual_seed(seed)).numpy()
    return every.iloc[order[20_000:]], every.iloc[order[:20_000]]


def fold(archive: Path, number: int) -> Split:
    """One of the official folds."""
    return read(archive, f"u{number}.base"), read(archive, f"u{number}.test")


def read(archive: Path, name: str) -> pd.DataFrame:
    """One file of ratings as rows of an items table."""
    with ZipFile(archive) as zipped:
        text = zipped.read(f"ml-100k/{name}").decode()
    names = ["user", "item", "y", "time"]
    found = pd.read_csv(io.StringIO(text), sep="\t", names=names, dtype={"user": str, "item": str})
    pairs = [list(pair) for pair in zip(found["user"], found["item"], strict=True)]
    return pd.DataFrame(
        {"id": list(map("/".join, pairs)), "x": pairs, "y": found["y"].astype(float)}
    )


def fit(split: Split, recipe: CollabLearner, epochs: int, lr: float) -> float:
    """The mean squared error on test of the model that training would keep."""
    train, test = (frame.reset_index(drop=True) for frame in split)
    blocks = Blocks(Pairs.from_items(train["x"]), Rating())
    part, judged = blocks.encode(train), blocks.encode(test)
    data = Datasets(blocks, {"train": part, "valid": blocks.encode(test[:1])})
    model = saved.build(blocks, recipe, None, part)
    learner = Learner(model, data, recipe, device.choose("fp32"))
    with redirect_stdout(io.StringIO()):
        learner.fit(Cycle("unfrozen", epochs, [lr]))
    return float(((learner.predict(judged) - judged.y.numpy()) ** 2).mean())


def measure(
    split: Split, seeds: Sequence[int], recipe: CollabLearner, epochs: int, lr: float
) -> list[float]:
    """Squared errors by seed."""
    return [fit(split, recipe.model_copy(update={"seed": seed}), epochs, lr) for seed in seeds]


def textbook(split: Split) -> dict[str, float]:
    """Squared errors of the baselines; chosen on a tenth of train, then fitted on all of it."""
    train, test = split
    pairs = Pairs.from_items(train["x"])

    def rated(frame: pd.DataFrame) -> Rated:
        return Rated(pairs.encode(None, frame["x"]).numpy(), frame["y"].to_numpy())

    order, tenth = np.random.default_rng(0).permutation(len(train)), len(train) // 10
    inner, valid = rated(train.iloc[order[tenth:]]), rated(train.iloc[order[:tenth]])
    every, shape = rated(train), (len(pairs.users) + 1, len(pairs.items) + 1)
    _, biased, svd, least = recommend.baselines(inner, valid, shape)
    base = recommend.biases(every, shape, biased.damping)
    ranks = {each.user.shape[1]: each for each in recommend.truncated_svds(every, shape, base)}
    fits = {
        "mean of train": recommend.global_mean(every, shape),
        "biases": base,
        "truncated SVD": ranks[svd.user.shape[1]],
        "ALS": recommend.als(every, shape, base, least.user.shape[1], least.damping),
    }
    return {name: each.error(rated(test)) for name, each in fits.items()}


def table(columns: Sequence[str], rows: dict[str, list[list[float]]]) -> str:
    """MSE of the random fifth, RMSE of the folds and of their mean, in markdown."""
    folds = [name for name in columns if name != "random"]
    head = ["", "random fifth, MSE", *(f"{name}, RMSE" for name in folds), "mean of folds, RMSE"]
    lines = [head, ["---"] * len(head)]
    for name, (random, *rest) in rows.items():
        roots = [np.sqrt(each) for each in rest]
        lines.append([name, spread(random), *map(spread, roots), spread(np.mean(roots, axis=0))])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation over seeds, of one value that alone."""
    mean = f"{np.mean(values):.4f}"
    return f"{mean} ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else mean


if __name__ == "__main__":
    main()
