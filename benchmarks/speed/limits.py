"""What the machine can do: a matrix product, a copy, training without any data path."""

import time
from collections.abc import Callable
from typing import Any

import torch

from onecycle.learn import device

Measured = dict[str, Any]
Measure = Callable[[], Measured]


def matmul(threads: int, side: int = 2048, repeats: int = 10) -> Measure:
    """Products of square matrices in the type that training computes in here."""
    device.use_threads(threads)
    compute = device.choose("auto")
    a, b = (torch.rand(side, side, dtype=compute.dtype, device=compute.device) for _ in "ab")
    return repeated(lambda: a @ b, repeats, "gflop", repeats * 2 * side**3 / 1e9)


def copy(threads: int, mib: int = 256, repeats: int = 10) -> Measure:
    """Copies of memory that no cache holds, in main memory; read and written bytes count."""
    device.use_threads(threads)
    source = torch.ones(mib << 20, dtype=torch.uint8)
    target = torch.empty_like(source)
    return repeated(lambda: target.copy_(source), repeats, "mib", 2.0 * mib * repeats)


def synthetic(settings: dict[str, Any], batches: int) -> Measure:
    """Trains torchvision's model on one batch that lies on the device: no data path at all."""
    import torchvision

    device.use_threads(settings["threads"])
    compute, size = device.choose("auto"), settings["size"]
    net = torchvision.models.get_model(settings["arch"], num_classes=20)
    net = net.to(compute.device).to(memory_format=torch.channels_last)
    x = torch.randn(settings["batch_size"], 3, size, size, device=compute.device)
    x = x.to(memory_format=torch.channels_last)
    y = torch.randint(20, (len(x),), device=compute.device)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        optimiser.zero_grad()
        with compute.autocast():
            scores = net(x)
        torch.nn.functional.cross_entropy(scores.float(), y).backward()
        optimiser.step()

    return repeated(step, batches, "items", batches * len(x))


def repeated(once: Callable[[], object], repeats: int, unit: str, amount: float) -> Measure:
    """Times so many calls, after one; they do `amount` of a unit."""
    once()

    def measure() -> Measured:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(repeats):
            once()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return {"seconds": time.perf_counter() - start, unit: amount}

    return measure
