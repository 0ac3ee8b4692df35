"""Batch prediction: pictures a second, peak memory, and where the time goes.

    python -m benchmarks.predicting models/pets photos/ [--n 10000] [--threads 1]

The photos of a folder are copied under so many names and predicted by `python -m tasks predict`, a
process of its own; then one picture after another goes through the steps in this process, in one
thread, and the CPU milliseconds of each step are told.

Measured: squeezenet1_1 at 224 px in bf16, one torch thread, Oxford-IIIT Pets photos of 256 px, two
AVX-512 cores that others used as well (load 4 to 8):

- 10,000 pictures 58 to 73/s, 8.6 to 9.4 CPU ms each; 1,100 MiB at most, of which 850 are torch,
  torchvision and the model; 2,000 pictures need 1,089 MiB, so it does not grow.
- CPU ms a picture: decode and resize .92, counting for histograms .17, warp and normalise .92, the
  model 6.67.
- Two torch threads on such busy cores are slower than one, by half.
"""

import argparse
import itertools
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.worker import ROOT
from onecycle.progress import say

STEPS = 200  # pictures whose steps are measured
UNIT = 1024 if sys.platform != "darwin" else 1  # bytes of ru_maxrss


def main() -> None:
    """Measures."""
    command = argparse.ArgumentParser(prog="python -m benchmarks.predicting", description=__doc__)
    command.add_argument("model", type=Path)
    command.add_argument("photos", type=Path)
    command.add_argument("--n", type=int, default=10_000)
    command.add_argument("--threads", type=int, default=1)
    given = command.parse_args()
    photos = sorted(given.photos.rglob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        copies = Path(folder, "photos")
        copies.mkdir()
        for at, photo in zip(range(given.n), itertools.cycle(photos), strict=False):
            shutil.copy(photo, copies / f"{at:06}_{photo.name}")
        predict = [sys.executable, "-m", "tasks", "predict", str(given.model.resolve())]
        predict += [str(copies), "--threads", str(given.threads), "-o", str(copies) + ".parquet"]
        began = time.perf_counter()
        subprocess.run(predict, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss * UNIT / 2**20
    say(f"{given.n:,} pictures: {seconds:.1f} s with the start, {given.n / seconds:.0f}/s")
    say(f"CPU {cpu:.1f} s, {1e3 * cpu / given.n:.2f} ms a picture; peak {peak:,.0f} MiB")
    steps(given.model, photos[:STEPS])


def steps(folder: Path, photos: list[Path]) -> None:
    """Tells the CPU milliseconds of each step of a picture, one thread."""
    import torch

    from onecycle.decide.histograms import traits
    from onecycle.learn import device
    from onecycle.pixels.decode import decode
    from onecycle.predict.model import load_model

    device.use_threads(1)
    model = load_model(folder)
    takes: Any = model.takes
    store = takes.images.store
    decoded = timed("decode, resize", photos, lambda it: decode(it, store.size, store.channels))
    good = [it for it in decoded if not isinstance(it, str)]
    timed("count for the histograms", good, lambda it: traits(it.pixels, it.published))
    seen = timed("all of these, warp and normalise", photos, takes.see)
    batches = torch.cat([it.x for it in seen if not isinstance(it, str)]).split(
        model.learner.at_once
    )
    model.learner.ask(takes.model, batches[0])
    timed(f"the model, batches of {len(batches[0])}", list(batches),
          lambda x: model.learner.ask(takes.model, x), len(seen))  # fmt: skip


def timed(what: str, items: list[Any], call: Callable[[Any], Any], n: int = 0) -> list[Any]:
    """Calls for each item; tells the CPU milliseconds, over `n` where an item is several."""
    began = time.process_time()
    found = [call(it) for it in items]
    say(f"  {what}: {1e3 * (time.process_time() - began) / (n or len(items)):.2f} ms")
    return found


if __name__ == "__main__":
    main()
