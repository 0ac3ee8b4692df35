"""What the lesson does after training, in its own terms: a threshold swept, the answers measured.

Runs in the environment of benchmarks/fastai/requirements.lock.
"""

from typing import Any

import numpy as np
import torch
from fastai.metrics import accuracy, accuracy_multi


def decide(
    job: dict[str, Any], scores: dict[str, np.ndarray], parts: dict[str, list[int]]
) -> float:
    """The lesson's metric on test, with the best threshold of valid where labels need one.

    Args:
        job: what benchmarks/jobs.py makes.
        scores: of `valid` and `test`, float32 [N, width].
        parts: the rows of each.
    """
    kind, classes = job["kind"], job.get("classes", [])
    y = {part: [job["y"][row] for row in rows] for part, rows in parts.items()}
    test = torch.from_numpy(scores["test_scores"])
    if kind == "category":
        return float(accuracy(test, torch.tensor([classes.index(each) for each in y["test"]])))
    if kind == "multicategory":
        told = {
            part: torch.tensor([[name in labels for name in classes] for labels in y[part]])
            for part in ("valid", "test")
        }
        valid = torch.from_numpy(scores["valid_scores"])
        edges = torch.linspace(0.05, 0.95, 29)
        right = [float(accuracy_multi(valid, told["valid"], thresh=edge)) for edge in edges]
        return float(accuracy_multi(test, told["test"], thresh=edges[int(np.argmax(right))]))
    truth = torch.tensor(y["test"]).reshape(test.shape)
    if kind == "points":
        truth = 2 * truth / torch.tensor([job["size_px"][row] for row in parts["test"]]) - 1
    return float(((test - truth) ** 2).mean())
