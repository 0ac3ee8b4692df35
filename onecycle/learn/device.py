"""Where to compute, and in which precision."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import cv2
import numpy as np
import PIL
import torch


@dataclass(frozen=True)
class Compute:
    """A device and the type that autocast computes in; float32 means no autocast."""

    device: torch.device
    dtype: torch.dtype

    @property
    def precision(self) -> str:
        """Its name in params.yaml."""
        return {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[self.dtype]

    def autocast(self) -> torch.autocast:
        """The context to compute in."""
        return torch.autocast(
            self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32
        )


def made_with(compute: Compute, packages: Sequence[str] = ()) -> dict[str, Any]:
    """What decides the bytes of a result beside data, parameters and code; it names no host.

    Args:
        compute: where and how it is computed.
        packages: names of others that take part.

    Returns:
        `packages` (versions by name), `device` (cpu or cuda), `kind` (of the device), `threads`
        and `precision`.
    """
    cuda = compute.device.type == "cuda"
    capability = torch.backends.cpu.get_cpu_capability()  # such as AVX2
    versions = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "pillow": PIL.__version__,
    }
    return {
        "packages": versions | {name: version(name) for name in packages},
        "device": compute.device.type,
        "kind": torch.cuda.get_device_name() if cuda else f"{platform.machine()} {capability}",
        "threads": torch.get_num_threads(),
        "precision": compute.precision,
    }


def choose(precision: str) -> Compute:
    """CUDA when there is one; with `auto`, the fastest type that the device really speeds up.

    Args:
        precision: auto, fp32, bf16 or fp16.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    named = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    return Compute(device, named[fastest(device) if precision == "auto" else precision])


def fastest(device: torch.device) -> str:
    """The precision that the device gains from: bf16 in hardware, else fp16 on GPUs."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bf16" if native else "fp16"
    return "bf16" if cpu_has_bf16() else "fp32"


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    ask = getattr(torch.cpu, "get_capabilities", dict)  # torch 2.11 may lack it
    capabilities: dict[str, bool] = ask()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def use_threads(threads: int) -> None:
    """Sets what decides the bytes of a result: torch's threads, and a GPU's choice of algorithms.

    As many threads make a batch of pictures, so OpenCV needs none of its own.
    """
    repeatable(torch.cuda.is_available())
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)


def repeatable(on: bool) -> None:
    """Whether a GPU takes algorithms that give the same bytes again; torch warns where it has none.

    A CPU's do so anyhow. cuBLAS reads its setting, NVIDIA's, when it is first used; one that is
    there stays.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.deterministic = on
    torch.set_deterministic_debug_mode("warn" if on else "default")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # slow
