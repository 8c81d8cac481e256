"""Cuts a recording where nothing sounds, and leaves long silences out.

The rule is that of OpenVPI's audio-slicer as RVC tools set it: frames of 60 ms every 15 ms, silent below -42 dB; a
silence of 0.4 s ends a piece of at least 1.5 s; half a second of silence stays at both sides of a longer one, and the
cut is at its quietest frame.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ultimate_rvc.audio.sound import amplitude

THRESHOLD_DB = -42.0
HOP_MS, SHORTEST_PIECE_MS, SHORTEST_SILENCE_MS, KEPT_SILENCE_MS = 15, 1500, 400, 500
HOPS_PER_FRAME = 4
SHORTEST_PIECE, SHORTEST_SILENCE, KEPT_SILENCE = (
    round(ms / HOP_MS) for ms in (SHORTEST_PIECE_MS, SHORTEST_SILENCE_MS, KEPT_SILENCE_MS)
)


def sounding_spans(wav: np.ndarray, rate: int) -> list[tuple[int, int]]:
    """wav [N] → where its pieces start and stop, in samples; in order, and without overlap."""
    hop = round(rate * HOP_MS / 1000)
    loudness = frame_rms(wav, hop)
    gaps = list(_gaps(loudness))
    borders = [0, *(border for gap in gaps for border in gap), len(loudness)]
    pieces = zip(borders[::2], borders[1::2], strict=True)
    return [(first * hop, min(last * hop, len(wav))) for first, last in pieces if first < last]


def frame_rms(wav: np.ndarray, hop: int) -> np.ndarray:
    """wav [N] → [N // hop + 1], the root of the mean square of four hops around each hop's start."""
    beyond = HOPS_PER_FRAME // 2 * hop
    frames = len(wav) // hop + 1
    padded = np.zeros((frames + HOPS_PER_FRAME - 1) * hop)
    heard = wav[: len(padded) - beyond]
    padded[beyond : beyond + len(heard)] = heard
    power = (padded.reshape(-1, hop) ** 2).sum(axis=1)
    # Sums of hops, not differences of a running sum: those of digital silence must be 0 for the first to be quietest.
    return np.sqrt(np.lib.stride_tricks.sliding_window_view(power, HOPS_PER_FRAME).sum(axis=1) / (HOPS_PER_FRAME * hop))


def _gaps(loudness: np.ndarray) -> Iterator[tuple[int, int]]:
    """The frames that are cut out, first and behind the last; equal where a piece only ends and the next begins."""
    piece_start, total = 0, len(loudness)
    for start, stop in _silences(loudness):
        if stop == total:
            if stop - start >= SHORTEST_SILENCE:
                yield _quietest(loudness, start, min(total, start + KEPT_SILENCE)), total
        elif _is_lead(start, stop) or (stop - start >= SHORTEST_SILENCE and stop - piece_start >= SHORTEST_PIECE):
            gap = _cut(loudness, start, stop)
            piece_start = gap[1]
            yield gap


def _is_lead(start: int, stop: int) -> bool:
    return start == 0 and stop > KEPT_SILENCE


def _cut(loudness: np.ndarray, start: int, stop: int) -> tuple[int, int]:
    if stop - start <= KEPT_SILENCE:
        middle = _quietest(loudness, start, stop)
        return middle, middle
    left = _quietest(loudness, start, start + KEPT_SILENCE) if start else 0
    return left, _quietest(loudness, stop - KEPT_SILENCE, stop)


def _quietest(loudness: np.ndarray, first: int, last: int) -> int:
    """The first of the quietest frames first..last."""
    return first + int(loudness[first : last + 1].argmin())


def _silences(loudness: np.ndarray) -> Iterator[tuple[int, int]]:
    """Runs of silent frames, first and behind the last."""
    silent = np.concatenate(([False], loudness < amplitude(THRESHOLD_DB), [False]))
    edges = np.flatnonzero(silent[1:] != silent[:-1]).tolist()
    return ((start, stop) for start, stop in list(pairwise(edges))[::2])
