"""Clicks, hiss in silence, clipping, loudness."""

from dataclasses import dataclass

import numpy as np

from ultimate_rvc.audio.sound import Audio, decibels

# A click: the second difference stands this many times above its own surroundings' rms. Glottal pulses of voices
# reach about 10, a step of a hundredth of full scale in a vowel over 30.
CLICK_RATIO = 16.0
AROUND_MS, OWN_MS = 12.0, 0.5
# Less than a step of 2e-4 (-74 dBFS) is not heard, however quiet it is around it.
CLICK_FLOOR = 2e-4
APART_MS = 5.0
CLIPPED = 0.999
FRAME_MS = 10.0
# Silent: so far below the loud frames (their 95th percentile), for so long; its edges belong to the sound.
SILENT_DB, SILENT_MS, EDGE_MS = -45.0, 150.0, 50.0
LOUD_PERCENTILE = 95


@dataclass(frozen=True)
class Faults:
    """clicks a second, samples at full scale, level in dBFS where the source is silent (NaN: nowhere) and elsewhere."""

    clicks: float
    clipped: int
    hiss_dbfs: float
    level_dbfs: float


def faults(audio: Audio, source: Audio) -> Faults:
    """What is wrong with a take [1, N] of a source [1, M] of the same length in time."""
    wav, quiet = audio.samples[0], silent_frames(source)
    levels = _frames(wav, audio.rate)[: len(quiet)]
    quiet = quiet[: len(levels)]
    return Faults(
        len(clicks(wav, audio.rate)) / max(audio.duration_s, 1e-9),
        int(np.count_nonzero(np.abs(wav) >= CLIPPED)),
        _level(levels[quiet]),
        _level(levels[~quiet]),
    )


def clicks(wav: np.ndarray, rate: int) -> np.ndarray:
    """Where wav [N] jumps as no voice does: the seconds of each click [K]."""
    bend = np.abs(np.diff(wav.astype(np.float64), 2))
    around = _mean_square_around(bend, round(AROUND_MS * rate / 1_000), round(OWN_MS * rate / 1_000))
    jumps = np.flatnonzero(bend > np.maximum(CLICK_RATIO * np.sqrt(around), CLICK_FLOOR))
    first = np.diff(jumps, prepend=-rate) > APART_MS * rate / 1_000
    return jumps[first] / rate


def silent_frames(audio: Audio) -> np.ndarray:
    """Which frames of 10 ms [F] of a recording [1, N] are silence, well inside it."""
    levels = 10 * np.log10(_frames(audio.samples[0], audio.rate) + 1e-12)
    quiet = levels < max(np.percentile(levels, LOUD_PERCENTILE), -100.0) + SILENT_DB if len(levels) else levels > 0
    edge, shortest = round(EDGE_MS / FRAME_MS), round(SILENT_MS / FRAME_MS)
    kept = np.zeros(len(quiet), bool)
    turns = np.flatnonzero(np.diff(quiet.astype(int), prepend=0, append=0))
    for start, stop in zip(turns[::2], turns[1::2], strict=True):
        if stop - start >= shortest:
            kept[start + edge : stop - edge] = True
    return kept


def _mean_square_around(values: np.ndarray, reach: int, own: int) -> np.ndarray:
    """The mean square [N] within `reach` of each value, without those within `own` of it."""
    total = np.concatenate([[0.0], np.cumsum(np.square(values))])
    at = np.arange(len(values))

    def between(distance: int) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.maximum(at - distance, 0), np.minimum(at + distance + 1, len(values))
        return total[high] - total[low], high - low

    (wide, many), (near, few) = between(reach), between(own)
    return np.maximum(wide - near, 0) / np.maximum(many - few, 1)


def _frames(wav: np.ndarray, rate: int) -> np.ndarray:
    """The mean square of each 10 ms [F]."""
    hop = round(FRAME_MS * rate / 1_000)
    return np.square(wav[: len(wav) // hop * hop].astype(np.float64)).reshape(-1, hop).mean(axis=1)


def _level(squares: np.ndarray) -> float:
    """dBFS of the mean; NaN for no frames, -120 for digital silence."""
    return max(decibels(float(np.sqrt(squares.mean()))), -120.0) if len(squares) else np.nan
