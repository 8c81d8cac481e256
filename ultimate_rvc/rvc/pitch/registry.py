"""Pitch estimators by name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ultimate_rvc.rvc.pitch.crepe import Crepe
from ultimate_rvc.rvc.pitch.fcpe import Fcpe
from ultimate_rvc.rvc.pitch.files import require, source_of, weights_file
from ultimate_rvc.rvc.pitch.rmvpe import MAX_BLOCK_S, Rmvpe
from ultimate_rvc.rvc.pitch.swift import Swift
from ultimate_rvc.rvc.seams import PitchEstimator


@dataclass(frozen=True)
class Ways:
    """How an estimator goes about it.

    `strict` asks for what RVC tools give: any song in one block, and CREPE's middles of bins, silence included.
    `fast` takes the quickest equal way on the device.
    """

    strict: bool = False
    fast: bool = True


def _rmvpe(path: Path, device: torch.device, ways: Ways) -> Rmvpe:
    return Rmvpe.load(path, device, max_block_s=None if ways.strict else MAX_BLOCK_S, fast=ways.fast)


LOADERS: dict[str, Callable[[Path, torch.device, Ways], PitchEstimator]] = {
    "rmvpe": _rmvpe,
    "fcpe": lambda path, device, ways: Fcpe.load(path, device),
    "crepe": lambda path, device, ways: Crepe.load(path, device, size="full", strict=ways.strict),
    "crepe-tiny": lambda path, device, ways: Crepe.load(path, device, size="tiny", strict=ways.strict),
    "swift": lambda path, device, ways: Swift(),
}


def load(
    method: str, device: torch.device, weights: Path | None = None, *, strict: bool = False, fast: bool = True
) -> PitchEstimator:
    """The estimator with its weights on the device, from the given file or the first that `weights_file` knows.

    `strict` and `fast` as in `Ways`; strict is never fast.
    Raises OptionError for an unknown name, WeightsNotFound, CheckpointError or UnsafePickleError for its weights.
    """
    source_of(method)
    return LOADERS[method](weights or require(method), device, Ways(strict, fast and not strict))


def needs_download(method: str) -> bool:
    """Whether the method's weights are not on this machine yet."""
    return weights_file(method) is None


def choose_auto(device_kind: str, *, may_download: bool = True) -> str:
    """What 'auto' stands for: rmvpe where its weights are on disk, or may be fetched for a GPU, else swift."""
    worth_a_download = may_download and device_kind != "cpu"
    return "rmvpe" if worth_a_download or not needs_download("rmvpe") else "swift"
