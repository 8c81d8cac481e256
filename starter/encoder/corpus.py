"""A corpus in memory: every recording end to end, and what sounds when."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from starter.corpus.store import RATE_HZ, phones_of
from starter.encoder.codes import MARKS_PER_S, marks

MARK_SAMPLES = RATE_HZ // MARKS_PER_S
QUIETEST_DB = -50.0


@dataclass(frozen=True)
class Corpus:
    """Recordings one behind the other.

    wave [T] int16 at 16 kHz · classes [T / 80] · loudness [T / 80] dB below the recording's loud parts ·
    starts, ends [recordings] in marks · weights [recordings]: how often each is drawn.
    """

    wave: Tensor
    classes: Tensor
    loudness: Tensor
    starts: Tensor
    ends: Tensor
    weights: Tensor


def read(folders: dict[Path, float]) -> Corpus:
    """The recordings of all speakers; the number of a folder is the share of all draws that it gets."""
    parts = [(*_recording(file), share / total) for folder, share in folders.items() for file, total in _files(folder)]
    waves, classes, loudness, shares = zip(*parts, strict=True)
    lengths = torch.tensor([len(c) for c in classes])
    ends = lengths.cumsum(0)
    joined = (torch.from_numpy(np.concatenate(column)) for column in (waves, classes, loudness))
    return Corpus(*joined, ends - lengths, ends, torch.tensor(shares))


def _files(folder: Path) -> list[tuple[Path, int]]:
    files = sorted(folder.glob("*.wav"))
    return [(file, len(files)) for file in files]


def _recording(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import soundfile

    wave, _ = soundfile.read(file, dtype="int16")
    count = len(wave) // MARK_SAMPLES
    wave = wave[: count * MARK_SAMPLES]
    return wave, marks(phones_of(file.with_suffix(".tsv")), count), _loudness(wave.reshape(count, MARK_SAMPLES))


def _loudness(rows: np.ndarray) -> np.ndarray:
    """dB below the 95th percentile, smoothed over 25 ms, in units of 20 dB around -15 dB."""
    power = np.convolve((rows.astype(np.float32) ** 2).mean(1), np.ones(5) / 5, mode="same") + 1e-3
    level = 10 * np.log10(power)
    return (np.clip(level - np.percentile(level, 95), QUIETEST_DB, 6) / 20 + 0.75).astype(np.float16)
