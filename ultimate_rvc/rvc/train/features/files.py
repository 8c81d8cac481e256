"""Arrays of features beside the slices that they were measured of."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ultimate_rvc.audio.file import load, replacing
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ


def read_slice(path: Path, device: torch.device) -> Tensor:
    """A slice [T] at 16 kHz. Raises AudioError."""
    return torch.from_numpy(load(path, mono_rate=SAMPLE_RATE_HZ).samples[0]).to(device)


def save_array(path: Path, array: np.ndarray) -> None:
    """Writes a .npy file, whole or not at all. Raises OutputError."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def is_fresh(path: Path, slice_path: Path) -> bool:
    """Whether the file is there and was made after the slice that it is of."""
    return path.is_file() and path.stat().st_mtime_ns >= slice_path.stat().st_mtime_ns


def keep_only(folder: Path, names: Iterable[str]) -> None:
    """Removes what belongs to no slice of these names, and what a kill has left behind."""
    known = set(names)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_file() and path.name.split(".")[0] not in known:
            path.unlink()
