"""Another sample rate, by soxr's band-limited interpolation at its very high quality (SoX, libsoxr)."""

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


def resampled_length(length: int, old_rate: int, new_rate: int) -> int:
    """round(length · new_rate / old_rate) in whole numbers, halves up."""
    return (2 * length * new_rate + old_rate) // (2 * old_rate)
