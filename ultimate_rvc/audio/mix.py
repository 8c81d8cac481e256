"""Stems to one track: gains in dB, summed in float, never clipped.

Where the sum is too loud, a limiter turns down those moments only, or the whole is made quieter until it fits.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ultimate_rvc.audio.file import save
from ultimate_rvc.audio.limiter import CEILING_DB, limit
from ultimate_rvc.audio.resample import resampled, resampled_length
from ultimate_rvc.audio.sound import Audio, amplitude, decibels
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import FileOptions

logger = logging.getLogger(__name__)

PEAK_LIMIT = amplitude(CEILING_DB)
# Up to here a limiter takes the tops of drums and syllables; beyond, it is heard at work.
GENTLE_DB = 6.0
BLOCK_SAMPLES = 1 << 18


@dataclass(frozen=True)
class Stem:
    """A track and how much louder (dB) it goes into the mix."""

    audio: Audio
    gain_db: float = 0.0


def mix(stems: Sequence[Stem], rate: int, *, limiter: bool = True) -> Audio:
    """The sum at `rate` Hz: as long as the longest stem, stereo when any stem is, peak at most PEAK_LIMIT.

    Every stem starts at the beginning; a mono stem goes to both sides at its own level. With the limiter, what is not
    too loud stays as it was (see `limit`); without, a sum that is too loud is turned down as a whole. Raises
    OptionError for no stems.
    """
    if not stems:
        raise OptionError("there is nothing to mix; give at least one stem")
    total = np.zeros(_shape(stems, rate), np.float32)
    for stem in stems:
        sides = (
            stem.audio.samples
            if stem.audio.channels > 1
            else np.broadcast_to(stem.audio.samples, (len(total), stem.audio.length))
        )
        for side, channel in zip(total, sides, strict=True):
            _add(channel, side, stem, rate)
    if limiter:
        _limit(total, rate)
    else:
        _turn_down(total)
    return Audio(total, rate)


def save_mix(
    stems: Sequence[Stem], path: Path, options: FileOptions, metadata: Mapping[str, str] | None = None
) -> Path:
    """Mixes the stems as the options say, writes the file with its metadata and returns path. Raises as `save` does."""
    mixed = mix(stems, options.output_sr, limiter=options.limiter)
    return save(mixed, path, bitrate_kbps=options.bitrate, metadata=metadata)


def _add(channel: np.ndarray, side: np.ndarray, stem: Stem, rate: int) -> None:
    """Adds a stem's channel at its gain, block by block, so that an hour needs no copy at another rate."""
    at, gain = 0, np.float32(amplitude(stem.gain_db))
    blocks = (channel[start : start + BLOCK_SAMPLES] for start in range(0, len(channel), BLOCK_SAMPLES))
    for block in resampled(blocks, stem.audio.rate, rate):
        side[at : at + len(block)] += gain * block
        at += len(block)


def _limit(total: np.ndarray, rate: int) -> None:
    """Loud moments made quieter in place; the log says by how much at most."""
    over_db = decibels(_peak(total)) - CEILING_DB
    limit(total, rate)
    if over_db > GENTLE_DB:
        logger.warning(
            "The mix is up to %.1f dB too loud, which the limiter will be heard taking away; lower the gains", over_db
        )
    elif over_db > 0:
        logger.info("The limiter takes up to %.1f dB from the loudest moments of the mix", over_db)


def _turn_down(total: np.ndarray) -> None:
    """The whole made quieter in place when any sample passes the limit."""
    loudest = _peak(total)
    if loudest > PEAK_LIMIT:
        gain = PEAK_LIMIT / loudest
        logger.info("The mix was too loud and is turned down by %.1f dB", -decibels(gain))
        total *= np.float32(gain)
        # Rounding may lift the loudest sample by its last bit.
        np.clip(total, -PEAK_LIMIT, PEAK_LIMIT, out=total)


def _peak(total: np.ndarray) -> float:
    return float(max(total.max(initial=0), -total.min(initial=0)))


def _shape(stems: Sequence[Stem], rate: int) -> tuple[int, int]:
    channels = max(stem.audio.channels for stem in stems)
    return channels, max(resampled_length(stem.audio.length, stem.audio.rate, rate) for stem in stems)
