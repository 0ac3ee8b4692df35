"""A bundle as an ONNX file, which must give the same answers on real items, or there is none.

The file takes what the model takes. Of pictures that is `pixels`, float32 [batch, C, H, W],
normalised; of ratings `pairs`, int64 [batch, 2], rows of the embeddings, 0 for unknown. It gives
`scores`, float32 [batch, K]. What has to be done before and after stands in its metadata, as JSON:
`preprocessing`, `decision`, `vocab`, and of ratings `users` and `items`, whose rows start at 1.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from onecycle.errors import UserError
from onecycle.paths import whole
from onecycle.predict.model import Model
from onecycle.progress import say

ITEMS = 256  # on which parity is checked, at most
BATCHES = (1, 7, ITEMS)  # sizes: one, an odd one, all
FEW = 32  # items that are taken in smaller batches than all
TOLERANCE = 1e-4  # of the largest score, at least 1; sums in another order move one by some 1e-5
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def export(model: Model, x: Tensor, out: Path) -> float:
    """Writes an ONNX file, once it has been seen to answer as the model does.

    Args:
        model: a bundle; computed in float32, whatever its precision.
        x: real inputs, encoded: float32 [N, C, H, W] or int64 [N, 2].
        out: the file.

    Returns:
        The largest difference of a score.

    Raises:
        UserError: a package is missing, the model can't be exported, or its answers differ; there
            is no file then.
    """
    needed()
    net = model.learner.to_predict().to("cpu").float()
    with whole(out) as partial:
        convert(net, x, partial, metadata(model))
        return check(model, net, x, partial, out)


def needed() -> None:
    """Refuses to go on without the packages.

    Raises:
        UserError: one is missing.
    """
    for name in PACKAGES:
        if find_spec(name) is None:
            raise UserError(f"export needs {name}: pip install {' '.join(PACKAGES)}")


def convert(net: nn.Module, x: Tensor, file: Path, told: dict[str, str]) -> None:
    """Writes the ONNX file of a model in eval mode, of any number of inputs at once.

    Raises:
        UserError: it has a part that ONNX does not.
    """
    import onnx

    name = "pixels" if x.is_floating_point() else "pairs"
    example = x[:2] if len(x) > 1 else x.repeat(2, *[1] * (x.dim() - 1))
    try:
        with quiet():
            torch.onnx.export(
                net,
                (example.contiguous(),),
                file,
                input_names=[name],
                output_names=["scores"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # of torch's own exporter: many kinds
        said = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise UserError(f"this model can't be exported: {type(error).__name__}: {said}") from error
    made = onnx.load(file)
    for each in (made.graph, *made.graph.node, *made.graph.value_info):
        del each.metadata_props[:]  # where on this machine each operation was called
    onnx.helper.set_model_props(made, told)
    onnx.save(made, file)


@contextmanager
def quiet() -> Iterator[None]:
    """Torch's exporter warns of itself and of what it does."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def metadata(model: Model) -> dict[str, str]:
    """What has to be done before and after, by name."""
    blocks, view = model.learner.data.blocks, model.learner.data.blocks.view
    state = dict(blocks.x.state())
    names: dict[str, Any] = {
        key: state.pop(key) for key in ("users", "items", "titles") if key in state
    }
    if view is not None:
        images: Any = blocks.x
        state |= {
            "short_side": state.pop("size"),
            "height_width": list(images.size),
            "fit": view.fit,
            "mean": images.mean.tolist(),
            "std": images.std.tolist(),
            "steps": "decode to RGB (or grey) uint8, upright; resize so that the short side is "
            "short_side; take the middle part of the shape height_width (crop), or all (squish); "
            "warp it to that size, bilinear; divide by 255, take mean off, divide by std; NCHW",
        }
    told: dict[str, Any] = {"preprocessing": state, "decision": model.decision}
    told |= {"vocab": model.vocab, **names}
    return {key: json.dumps(value, ensure_ascii=False) for key, value in told.items()}


def check(model: Model, net: nn.Module, x: Tensor, file: Path, out: Path) -> float:
    """Holds an ONNX file to the model; gives the largest difference of a score.

    Raises:
        UserError: a score differs by more than `TOLERANCE` allows, or an answer in words.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    worst = 0.0
    for size in BATCHES:
        pieces = x[: max(size, FEW)].split(size)
        with torch.inference_mode():
            ours = np.concatenate([net(piece).float().numpy() for piece in pieces])
        theirs = np.concatenate([session.run(None, {name: it.numpy()})[0] for it in pieces])
        worst = float(np.maximum(worst, np.abs(ours - theirs).max()))  # NaN, once there, stays
        allowed = TOLERANCE * max(1.0, float(np.abs(ours).max()))
        near = worst <= allowed
        if not near or words(model, ours) != words(model, theirs):
            raise UserError(
                f"{out}: not written: in batches of {size} its scores differ by {worst:.2g} "
                f"(allowed: {allowed:.2g}){', and answers differ' if near else ''}"
            )
    say(f"{out}: {len(x):,} items, batches of {', '.join(map(str, BATCHES))}: scores differ by "
        f"{worst:.2g} at most (allowed: {allowed:.2g}), answers are equal")  # fmt: skip
    return worst


def words(model: Model, scores: NDArray[np.float32]) -> Any:  # noqa: ANN401 - lists
    """The answers to scores, as far as they are words."""
    size_px = np.full((len(scores), 2), 100.0)
    answers = model.kind.answers(scores, model.decision, model.vocab, size_px)
    return answers[model.texts].to_numpy().tolist()
