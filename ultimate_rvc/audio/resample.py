"""Another sample rate, by soxr's band-limited interpolation at its very high quality (SoX, libsoxr)."""

from collections.abc import Iterable, Iterator

import numpy as np

from ultimate_rvc.audio.sound import Audio


def resample(audio: Audio, rate: int) -> Audio:
    """The same sound at `rate` Hz: [C, N] → [C, round(N · rate / audio.rate)], halves up; itself at its own rate."""
    if rate == audio.rate:
        return audio
    import soxr

    out = np.zeros((audio.channels, resampled_length(audio.length, audio.rate, rate)), np.float32)
    # Channel by channel: libsoxr would copy both into one interleaved array.
    for row, channel in zip(out, audio.samples, strict=True):
        turned = soxr.resample(channel, audio.rate, rate, quality="VHQ")[: len(row)]
        row[: len(turned)] = turned
    return Audio(out, rate)


def resampled_mono(blocks: Iterable[np.ndarray], old_rate: int, new_rate: int) -> Iterator[np.ndarray]:
    """Blocks [C, n] at old_rate Hz as they come → the mean of their channels at new_rate Hz, in blocks [1, m]."""
    means = (block.mean(axis=0) if len(block) > 1 else block[0] for block in blocks)
    return (block[None] for block in resampled(means, old_rate, new_rate))


def resampled(blocks: Iterable[np.ndarray], old_rate: int, new_rate: int) -> Iterator[np.ndarray]:
    """Blocks [n] of one channel at old_rate Hz as they come → blocks [m]: the very samples that `resample` makes."""
    if old_rate == new_rate:
        yield from blocks
        return
    import soxr

    stream, taken, given = soxr.ResampleStream(old_rate, new_rate, 1, dtype="float32", quality="VHQ"), 0, 0
    for block in blocks:
        turned = stream.resample_chunk(np.ascontiguousarray(block, np.float32))
        taken, given = taken + len(block), given + len(turned)
        yield turned
    missing = max(0, resampled_length(taken, old_rate, new_rate) - given)
    rest = stream.resample_chunk(np.zeros(0, np.float32), last=True)[:missing]
    yield np.pad(rest, (0, missing - len(rest)))


def resampled_length(length: int, old_rate: int, new_rate: int) -> int:
    """round(length · new_rate / old_rate) in whole numbers, halves up."""
    return (2 * length * new_rate + old_rate) // (2 * old_rate)
