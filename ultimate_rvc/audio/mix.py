"""Stems to one track: gains in dB, summed in float, made quieter as a whole when the sum is too loud; never clipped."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ultimate_rvc.audio.resample import resample, resampled_length
from ultimate_rvc.audio.sound import Audio, amplitude, decibels
from ultimate_rvc.errors import OptionError

logger = logging.getLogger(__name__)

# Just below full scale, so that a lossy encoder's ripple rarely passes it.
PEAK_LIMIT = 0.99


@dataclass(frozen=True)
class Stem:
    """A track and how much louder (dB) it goes into the mix."""

    audio: Audio
    gain_db: float = 0.0


def mix(stems: Sequence[Stem], rate: int) -> Audio:
    """The sum at `rate` Hz: as long as the longest stem, stereo when any stem is, peak at most PEAK_LIMIT.

    Every stem starts at the beginning; a mono stem goes to both sides at its own level. Raises OptionError
    for no stems.
    """
    if not stems:
        raise OptionError("there is nothing to mix; give at least one stem")
    total = np.zeros(_shape(stems, rate), np.float32)
    for stem in stems:
        part = resample(stem.audio, rate).samples
        total[:, : part.shape[1]] += np.float32(amplitude(stem.gain_db)) * part  # [1, N] spreads over both sides
    return limit(Audio(total, rate))


def limit(audio: Audio, peak: float = PEAK_LIMIT) -> Audio:
    """Quieter as a whole so that no sample passes `peak`; itself when none does."""
    if audio.peak <= peak:
        return audio
    gain = peak / audio.peak
    logger.info("The mix was too loud and is turned down by %.1f dB", -decibels(gain))
    # Rounding may lift the loudest sample by its last bit.
    return Audio(np.clip(audio.samples * np.float32(gain), -peak, peak), audio.rate)


def _shape(stems: Sequence[Stem], rate: int) -> tuple[int, int]:
    channels = max(stem.audio.channels for stem in stems)
    return channels, max(resampled_length(stem.audio.length, stem.audio.rate, rate) for stem in stems)
