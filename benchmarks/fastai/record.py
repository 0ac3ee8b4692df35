"""Records what fast.ai 2.8.12 does, for tests that run without it.

    .venv-fastai/bin/python benchmarks/fastai/record.py mirror/ml-100k.zip

in the environment of benchmarks/fastai/requirements.lock. Writes tests/learn/fixtures/fastai.json:
floats rounded to 9 significant digits, NaN as null, a line for each case; rec_*.py say what the
keys hold. Two things there are fast.ai's own: schedules are computed in float32 (off by up to 6e-8
of the highest rate), and a `valley_start` of -1 marks a curve whose valley would begin before its
first point.
"""

import argparse
import json
import math
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import fastai
import pandas as pd
import rec_curves
import rec_groups
import rec_schedules
import rec_values
import torch

OUT = Path(__file__).parents[2] / "tests" / "learn" / "fixtures" / "fastai.json"
VERSION = "2.8.12"
DIGITS = 9


def main() -> None:
    """Records everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, help="MovieLens' ml-100k.zip")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    if fastai.__version__ != VERSION:
        sys.exit(f"expected fastai {VERSION}, found {fastai.__version__}")
    torch.set_num_threads(1)
    table = read(arguments.archive)
    with tempfile.TemporaryDirectory() as path:
        found = {
            "versions": {"fastai": fastai.__version__, "torch": torch.__version__.split("+")[0]},
            "curves": rec_curves.record(table, path),
            **rec_schedules.record(path),
            "models": rec_groups.record(path),
            **rec_values.record(),
            "movielens": rec_values.movielens(table),
        }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(lines(found), encoding="utf-8")


def read(archive: Path) -> pd.DataFrame:
    """The ratings of ml-100k.zip in u.data's order: user, item, rating."""
    with zipfile.ZipFile(archive) as files, files.open("ml-100k/u.data") as stream:
        names = ["user", "item", "rating", "time"]
        return pd.read_csv(stream, sep="\t", names=names)[names[:3]]


def lines(found: dict[str, Any]) -> str:
    """JSON with a line for each entry of a list or mapping at the top level."""
    parts = []
    for key, value in found.items():
        value = rounded(value)
        if isinstance(value, list):
            inside = ",\n".join(f"  {_compact(each)}" for each in value)
            parts.append(f'"{key}": [\n{inside}\n]')
        else:
            inside = ",\n".join(f'  "{name}": {_compact(each)}' for name, each in value.items())
            parts.append(f'"{key}": {{\n{inside}\n}}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def rounded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The value with its floats rounded and NaN as null."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.{DIGITS}g}")
    return value


def _compact(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


if __name__ == "__main__":
    main()
