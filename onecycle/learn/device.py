"""Where to compute, and in which precision."""

from dataclasses import dataclass

import cv2
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
    """Sets what decides the bytes of a result: torch's threads, and cuDNN's choice of algorithm.

    As many threads make a batch of pictures, so OpenCV needs none of its own.
    """
    torch.backends.cudnn.deterministic = True
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
