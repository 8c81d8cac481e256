"""Pitch estimators by name."""

from collections.abc import Callable
from pathlib import Path

import torch

from ultimate_rvc.rvc.pitch.crepe import Crepe
from ultimate_rvc.rvc.pitch.fcpe import Fcpe
from ultimate_rvc.rvc.pitch.files import require, source_of, weights_file
from ultimate_rvc.rvc.pitch.rmvpe import Rmvpe
from ultimate_rvc.rvc.pitch.swift import Swift
from ultimate_rvc.rvc.seams import PitchEstimator

LOADERS: dict[str, Callable[[Path, torch.device], PitchEstimator]] = {
    "rmvpe": Rmvpe.load,
    "fcpe": Fcpe.load,
    "crepe": lambda path, device: Crepe.load(path, device, size="full"),
    "crepe-tiny": lambda path, device: Crepe.load(path, device, size="tiny"),
    "swift": lambda path, device: Swift(),
}


def load(method: str, device: torch.device, weights: Path | None = None) -> PitchEstimator:
    """The estimator with its weights on the device, from the given file or the first that `weights_file` knows.

    Raises OptionError for an unknown name, WeightsNotFound, CheckpointError or UnsafePickleError for its weights.
    """
    source_of(method)
    return LOADERS[method](weights or require(method), device)


def needs_download(method: str) -> bool:
    """Whether the method's weights are not on this machine yet."""
    return weights_file(method) is None


def choose_auto(device_kind: str) -> str:
    """What 'auto' stands for: rmvpe where its weights are on disk or the device is a GPU, else swift."""
    return "swift" if device_kind == "cpu" and needs_download("rmvpe") else "rmvpe"
