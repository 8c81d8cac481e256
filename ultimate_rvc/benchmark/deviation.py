"""How far one result is from another: signal to noise, the largest difference, and the distance of their spectra."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WINDOW_SAMPLES = 2048
BLOCK_SAMPLES = 256 * WINDOW_SAMPLES
# Below this power of a bin, relative to a full-scale sine, there is nothing to hear and nothing to compare.
FLOOR = 1e-10


@dataclass(frozen=True)
class Deviation:
    """Of one result from another. `snr_db` is None where they are identical, or where the other one is silent."""

    against: str
    snr_db: float | None
    max_abs: float
    log_spectral_db: float

    @property
    def identical(self) -> bool:
        """Whether every sample is the same."""
        return self.max_abs == 0.0


def between(result: Path, other: Path, against: str) -> Deviation:
    """Of the result's samples from the other's, both files of numpy; of unequal lengths the common part is compared.

    Log-spectral distance: rms over the bins of a window of the difference of levels in dB, mean over the windows.
    """
    signal = noise = largest = 0.0
    distances: list[np.ndarray] = []
    for mine, theirs in _blocks(result, other):
        difference = mine.astype(np.float64) - theirs
        signal += float(np.square(theirs, dtype=np.float64).sum())
        noise += float(np.square(difference).sum())
        largest = max(largest, float(np.abs(difference).max(initial=0.0)))
        distances.append(_distances_db(mine, theirs))
    every = np.concatenate(distances) if distances else np.zeros(0)
    snr = 10 * float(np.log10(signal / noise)) if signal and noise else None
    return Deviation(against, snr, largest, float(every.mean()) if len(every) else 0.0)


def _blocks(one: Path, two: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Both files in pieces, so that an hour needs no more memory than a minute."""
    first, second = (np.load(path, mmap_mode="r").reshape(-1) for path in (one, two))
    for start in range(0, min(len(first), len(second)), BLOCK_SAMPLES):
        end = min(start + BLOCK_SAMPLES, len(first), len(second))
        yield np.array(first[start:end]), np.array(second[start:end])


def _distances_db(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Samples [T] twice → a distance for each window [T // 2048]."""
    difference = _levels_db(one) - _levels_db(two)  # [windows, bins]
    return np.sqrt(np.square(difference).mean(1))


def _levels_db(wav: np.ndarray) -> np.ndarray:
    """wav [T] → levels in dB [T // 2048, 1025]."""
    windows = wav[: len(wav) // WINDOW_SAMPLES * WINDOW_SAMPLES].reshape(-1, WINDOW_SAMPLES)
    spectra = np.fft.rfft(windows * np.hanning(WINDOW_SAMPLES).astype(np.float32)) / (WINDOW_SAMPLES / 4)
    return 10 * np.log10(np.square(np.abs(spectra)) + FLOOR)
