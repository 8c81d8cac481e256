"""Which optimisations are on, and what each stage costs."""

import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from ultimate_rvc import device as devices
from ultimate_rvc.options import OptimizationConfig, from_environment
from ultimate_rvc.presets import preset_from_env, values_for
from ultimate_rvc.rvc.infer.budget import budget_for

__all__ = ["OptimizationConfig", "PerformanceProfiler", "StageCost", "get_default_config", "resolve"]

logger = logging.getLogger(__name__)

DEVICE_DEFAULTS = {
    "cuda": OptimizationConfig.for_nvidia_gpu,
    "mps": OptimizationConfig.for_apple_silicon,
    "cpu": OptimizationConfig.for_cpu,
}


def get_default_config() -> OptimizationConfig:
    """What RVC_* variables, the URVC_CONFIG preset and the machine's best device make of the options."""
    return resolve({}, preset_from_env())


def resolve(
    arguments: Mapping[str, Any], preset: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> OptimizationConfig:
    """The options in force, by precedence: argument, RVC_* variable, preset, default of the chosen device.

    `arguments` holds only what the caller really set; `preset` may hold keys of other records too. The result's
    `device` is one that works. Raises OptionError or DeviceError.
    """
    chosen = {**values_for(OptimizationConfig, preset or {}), **from_environment(environ), **arguments}
    device = devices.choose(chosen.get("device", "auto"))
    batch_size = budget_for(device.kind, device.memory_bytes).batch_size
    defaults = replace(DEVICE_DEFAULTS[device.kind](), batch_size=batch_size)
    config = replace(defaults, **{**chosen, "device": str(device.torch)})
    if config.strict_parity:  # upstream's arithmetic: one span after the other, in full precision
        return replace(config, use_fp16=False, batch_size=1, precision="fp32")
    devices.check_precision(device.kind, config.precision)
    return config


@dataclass(frozen=True)
class StageCost:
    """What one stage took over all its calls."""

    stage: str
    calls: int
    seconds: float
    peak_memory_bytes: int


class PerformanceProfiler:
    """Time and peak memory per stage of the line.

    The device's queue is waited for before each reading of the clock, so a stage pays for what it started. When it
    is off, a stage costs nothing and nothing waits.
    """

    def __init__(self, device: torch.device, enabled: bool = True):
        self.device, self.enabled = device, enabled
        self._costs: dict[str, StageCost] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measures the body under this name; names may repeat and are summed."""
        if not self.enabled:
            yield
            return
        started = self._now()
        yield
        self._add(name, self._now() - started)

    def costs(self) -> list[StageCost]:
        """One row per stage, in the order in which they first ran."""
        return list(self._costs.values())

    def table(self) -> str:
        """The rows as text, for a log or a terminal."""
        total = sum(cost.seconds for cost in self.costs()) or 1.0
        lines = [f"{'stage':<16}{'calls':>6}{'seconds':>10}{'share':>8}{'peak MB':>9}"]
        lines += [
            f"{c.stage:<16}{c.calls:>6}{c.seconds:>10.3f}{c.seconds / total:>8.1%}{c.peak_memory_bytes / 1e6:>9.0f}"
            for c in self.costs()
        ]
        return "\n".join(lines)

    def _add(self, name: str, seconds: float) -> None:
        old = self._costs.get(name, StageCost(name, 0, 0.0, 0))
        self._costs[name] = StageCost(name, old.calls + 1, old.seconds + seconds, peak_memory_bytes(self.device))

    def _now(self) -> float:
        devices.synchronise(self.device)
        return time.perf_counter()


def peak_memory_bytes(device: torch.device) -> int:
    """The highest use so far: of the card's memory on CUDA, of the process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if os.name == "nt":
        return 0
    import resource

    # Linux counts in kilobytes, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
