"""How long arms train, held beside each other.

On a CPU the time is the processor's (`cpu_s`), for trainings run beside others there; on a GPU,
where they run one at a time, it is the clock's (`seconds`).
"""

import numpy as np
from scipy.special import stdtrit

from onecycle.decide.scores import Floats
from onecycle.studies.compare import LEVEL, Estimate
from onecycle.studies.finding import Done


def unit() -> str:
    """What of a training tells its time: `seconds` or `cpu_s`."""
    import torch

    return "seconds" if torch.cuda.is_available() else "cpu_s"


def by_seed(done: Done, arm: str) -> Floats:
    """Seconds of each seed's training, folds together, float64 [S]."""
    name = unit()
    return np.array([sum(float(run.told[name]) for run in of) for of in done[arm].runs])


def mean(done: Done, arm: str) -> float:
    """Seconds of a training, folds together."""
    return float(by_seed(done, arm).mean())


def ratio(done: Done, arm: str, base: str) -> Estimate | float:
    """How many times another's time an arm takes: the geometric mean over seeds.

    The interval is Student's t of the logarithms; one seed has none, and gives a number alone.
    """
    logs = np.log(by_seed(done, arm) / by_seed(done, base))
    mean, seeds = logs.mean(), len(logs)
    if seeds == 1:
        return float(np.exp(mean))
    half = stdtrit(seeds - 1, (1 + LEVEL) / 2) * logs.std(ddof=1) / np.sqrt(seeds)
    value, low, high = np.exp([mean, mean - half, mean + half]).tolist()
    return Estimate(value, low, high, tuple(np.exp(logs).tolist()))


def words(found: Estimate | float) -> str:
    """A ratio: `0.52 [0.49, 0.55] times`."""
    if isinstance(found, float):
        return f"{found:.2g} times"
    return f"{found.value:.2g} [{found.low:.2g}, {found.high:.2g}] times"
