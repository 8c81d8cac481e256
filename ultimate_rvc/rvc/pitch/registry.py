"""Pitch estimators by name."""

from collections.abc import Callable
from pathlib import Path

import torch

from ultimate_rvc.rvc.pitch.crepe import Crepe
from ultimate_rvc.rvc.pitch.fcpe import Fcpe
from ultimate_rvc.rvc.pitch.files import require, source_of, weights_file
from ultimate_rvc.rvc.pitch.rmvpe import MAX_BLOCK_S, Rmvpe
from ultimate_rvc.rvc.pitch.swift import Swift
from ultimate_rvc.rvc.seams import PitchEstimator

LOADERS: dict[str, Callable[[Path, torch.device, bool], PitchEstimator]] = {
    "rmvpe": lambda path, device, strict: Rmvpe.load(path, device, max_block_s=None if strict else MAX_BLOCK_S),
    "fcpe": lambda path, device, strict: Fcpe.load(path, device),
    "crepe": lambda path, device, strict: Crepe.load(path, device, size="full", strict=strict),
    "crepe-tiny": lambda path, device, strict: Crepe.load(path, device, size="tiny", strict=strict),
    "swift": lambda path, device, strict: Swift(),
}


def load(method: str, device: torch.device, weights: Path | None = None, *, strict: bool = False) -> PitchEstimator:
    """The estimator with its weights on the device, from the given file or the first that `weights_file` knows.

    `strict` asks for what RVC tools give: any song in one block, and CREPE's middles of bins, silence included.
    Raises OptionError for an unknown name, WeightsNotFound, CheckpointError or UnsafePickleError for its weights.
    """
    source_of(method)
    return LOADERS[method](weights or require(method), device, strict)


def needs_download(method: str) -> bool:
    """Whether the method's weights are not on this machine yet."""
    return weights_file(method) is None


def choose_auto(device_kind: str) -> str:
    """What 'auto' stands for: rmvpe where its weights are on disk or the device is a GPU, else swift."""
    return "swift" if device_kind == "cpu" and needs_download("rmvpe") else "rmvpe"
