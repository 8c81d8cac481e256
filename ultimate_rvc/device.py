"""The one place that chooses a device, proves that it works, and says how much memory it may use."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ultimate_rvc.errors import DeviceError

if TYPE_CHECKING:
    import torch

# What macOS lets one process use of the memory that CPU and GPU share before it starts to swap.
APPLE_GPU_SHARE = 0.7
# The longest Conv1d output that MPS computes before macOS 15.1 (pytorch/pytorch#144445).
MPS_CONV_LIMIT_STEPS = 65_536


@dataclass(frozen=True)
class Device:
    """A device that has proved itself by an allocation.

    `memory_bytes` is what one process may use; `description` is for people.
    """

    torch: "torch.device"
    description: str
    memory_bytes: int

    @property
    def kind(self) -> str:
        """cuda, mps or cpu."""
        return self.torch.type


def choose(name: str = "auto") -> Device:
    """The named device, or for 'auto' the best one here: CUDA, then MPS, then the CPU.

    Raises DeviceError when it is not there or cannot hold a tensor, with the names that would work.
    """
    import torch

    if name == "auto":
        return choose(available()[0])
    try:
        wanted = torch.device(name)
        torch.zeros(1, device=wanted)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise DeviceError(f"device {name!r} cannot be used here; choose from {', '.join(available())}") from error
    if wanted.type not in ("cuda", "mps", "cpu"):
        raise DeviceError(f"device {name!r} is not supported; choose from {', '.join(available())}")
    return Device(wanted, _describe(wanted), _memory_bytes(wanted))


def available() -> list[str]:
    """Device names that exist on this machine, best first; 'cpu' is always the last."""
    import torch

    cuda = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*cuda, *mps, "cpu"]


def check_precision(kind: str, precision: str) -> None:
    """Raises DeviceError where arithmetic of this precision is not there, or is slower than float32."""
    if precision == "fp32":
        return
    if kind != "cpu":
        raise DeviceError(f"precision {precision} is for the CPU; on {kind} there are fp32 and fp16 (RVC_USE_FP16=1)")
    if not computes_fast(precision):
        raise DeviceError(f"this processor has no fast {precision} arithmetic; use precision fp32")


def computes_fast(precision: str) -> bool:
    """Whether the CPU and this torch have kernels of this precision that are faster than float32's."""
    import torch

    if precision == "int8":
        return _processor_has("vnni") and hasattr(torch.ops.onednn, "qconv_pointwise")
    return _processor_has("amx_tile") or _processor_has("avx512_bf16")


def _processor_has(feature: str) -> bool:
    import torch

    # Not every torch asks for every feature; one that does not ask has no kernels for it either.
    return getattr(torch.cpu, f"_is_{feature}_supported", bool)()


def release(device: "torch.device") -> None:
    """Hands cached memory back to the system; called between songs."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
    trim(device)


def trim(device: "torch.device") -> None:
    """Hands freed memory of the host back to the system when the host is the device; called between spans.

    glibc keeps freed blocks that lie below used ones; without this, 100 to 200 MB of them gather.
    """
    give_back = _malloc_trim() if device.type == "cpu" else None
    if give_back:
        give_back(0)


@lru_cache
def _malloc_trim() -> "Callable[[int], int] | None":
    """glibc's own function; other systems have none."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def wake() -> None:
    """Calls a vector function once, before threads do.

    MKL sets its vector functions up in the first call of a process. When two threads make that call together, one of
    them now and then gets a coarser version for its share: exp() off by 1.5e-4, seen in nine of ten new processes.
    """
    import torch

    torch.exp(torch.ones(1))


def synchronise(device: "torch.device") -> None:
    """Waits for the device's queue, so that a clock read afterwards tells the truth."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


@lru_cache
def conv_limit(device: "torch.device") -> int | None:
    """The longest Conv1d output in steps that the device computes, None where there is no limit.

    Found by trying one step more than the limit of macOS before 15.1; CPU fall-back does not help there.
    """
    import torch

    if device.type != "mps":
        return None
    try:
        signal = torch.zeros(1, 1, MPS_CONV_LIMIT_STEPS + 2, device=device)
        torch.nn.functional.conv1d(signal, torch.ones(1, 1, 2, device=device))
    except (RuntimeError, NotImplementedError):
        return MPS_CONV_LIMIT_STEPS
    return None


def _describe(device: "torch.device") -> str:
    import torch

    if device.type == "cuda":
        return f"NVIDIA {torch.cuda.get_device_name(device)} (cuda)"
    if device.type == "mps":
        return "Apple GPU (mps)"
    count = torch.get_num_threads()
    return f"CPU, {count} {'thread' if count == 1 else 'threads'}"


def _memory_bytes(device: "torch.device") -> int:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return effective_memory(device.type, physical_memory_bytes())


def effective_memory(kind: str, physical_bytes: int) -> int:
    """What a process may use of the machine's memory: on Apple Silicon 70 % of it, which CPU and GPU share."""
    return int(physical_bytes * APPLE_GPU_SHARE) if kind == "mps" else physical_bytes


def physical_memory_bytes() -> int:
    """The machine's memory; a container's limit where there is one is left to the system."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
