"""Clicks, hiss in silence, clipping, loudness."""

from dataclasses import dataclass

import numpy as np

from ultimate_rvc.audio.sound import Audio, decibels

# A click: the fourth difference, in which voices have little, stands so many times above all others around it. The
# pulses of a voice have neighbours of their own size within 20 ms, which a mean square would not tell.
CLICK_RATIO = 3.0
CLICK_ORDER = 4
AROUND_MS, OWN_MS = 20.0, 1.0
# The fourth difference of a step is three times as high; one of 1e-3 (-60 dBFS) is hardly heard, however quiet it is.
CLICK_FLOOR = 3e-3
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
    bend = np.abs(np.diff(wav.astype(np.float64), CLICK_ORDER))
    others = _largest_around(bend, round(AROUND_MS * rate / 1_000), round(OWN_MS * rate / 1_000))
    jumps = np.flatnonzero(bend > np.maximum(CLICK_RATIO * others, CLICK_FLOOR))
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


def _largest_around(values: np.ndarray, reach: int, own: int) -> np.ndarray:
    """The largest [N] of those before and behind each value that are nearer than `reach` and not nearer than `own`."""
    from scipy.ndimage import maximum_filter1d

    width = reach - own
    padded = np.pad(values, reach)
    # The maximum of [k, k + width), at k.
    largest = maximum_filter1d(padded, width, mode="constant", origin=-(width // 2))
    count = len(values)
    return np.maximum(largest[reach + own : reach + own + count], largest[1 : 1 + count])


def _frames(wav: np.ndarray, rate: int) -> np.ndarray:
    """The mean square of each 10 ms [F]."""
    hop = round(FRAME_MS * rate / 1_000)
    return np.square(wav[: len(wav) // hop * hop].astype(np.float64)).reshape(-1, hop).mean(axis=1)


def _level(squares: np.ndarray) -> float:
    """dBFS of the mean; NaN for no frames, -120 for digital silence."""
    return max(decibels(float(np.sqrt(squares.mean()))), -120.0) if len(squares) else np.nan
