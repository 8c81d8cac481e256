"""Where slices lie in a recording, by the three ways of RVC tools to cut it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ultimate_rvc.options_training import DatasetOptions
from ultimate_rvc.rvc.train.data.silences import sounding_spans

# RVC tools never train on less than 0.38 s: no batch of theirs has room for it.
SHORTEST_S = 0.4
WINDOW_MS, OVERLAP_MS = 3000, 300


@dataclass(frozen=True)
class Cut:
    """A slice's place: samples start..stop-1, and the number that it is called by."""

    number: int
    start: int
    stop: int


def cuts_of(wav: np.ndarray, options: DatasetOptions) -> list[Cut]:
    """wav [N] at the options' rate → its slices, none shorter than 0.4 s."""
    rate = options.sample_rate
    ways = {"Automatic": _at_silences, "Simple": _evenly, "Skip": _whole}
    return [cut for cut in ways[options.split_method](wav, options) if cut.stop - cut.start >= SHORTEST_S * rate]


def _at_silences(wav: np.ndarray, options: DatasetOptions) -> Iterator[Cut]:
    """Pieces between silences, in windows of 3 s that share 0.3 s; the last of a piece has up to 3.3 s."""
    rate, number = options.sample_rate, 0
    for start, stop in sounding_spans(wav, rate):
        for first, last in _windows(stop - start, rate):
            yield Cut(number, start + first, start + last)
            number += 1


def _windows(length: int, rate: int) -> Iterator[tuple[int, int]]:
    window, overlap = rate * WINDOW_MS // 1000, rate * OVERLAP_MS // 1000
    start = 0
    while length - start > window + overlap:
        yield start, start + window
        start += window - overlap
    yield start, length


def _evenly(wav: np.ndarray, options: DatasetOptions) -> Iterator[Cut]:
    """Windows of one length; what is left at the end is left out."""
    window = int(options.sample_rate * options.chunk_len)
    step = window - int(options.sample_rate * options.overlap_len)
    for number in range((len(wav) - window) // step + 1):
        yield Cut(number, number * step, number * step + window)


def _whole(wav: np.ndarray, _: DatasetOptions) -> Iterator[Cut]:
    yield Cut(0, 0, len(wav))
