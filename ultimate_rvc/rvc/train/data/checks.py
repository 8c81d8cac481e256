"""What can be wrong with a recording to train on, found in its samples before anything is done to them."""

from dataclasses import dataclass

import numpy as np

from ultimate_rvc.audio.file import FULL_BAND_RATE_HZ, SILENCE_DB
from ultimate_rvc.audio.sound import Audio, amplitude, decibels
from ultimate_rvc.options_training import DatasetOptions
from ultimate_rvc.rvc.train.data.cuts import SHORTEST_S

# RVC tools train on no more of a slice.
LONGEST_S = 9.0
# RVC tools refuse what is louder: a float file on another scale.
LARGEST_PEAK = 2.5
# A flattened wave stays at one value at its tops, which is the same for all of them; three samples there are no
# coincidence. A quiet note's own tops are flat in 16 bits too, but hardly two of them at the same value.
SLIGHTLY_CLIPPED, BADLY_CLIPPED = 1e-4, 1e-2


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, by its kind and in words; a recording with a `fatal` one is left out."""

    kind: str
    text: str
    fatal: bool = True


def problems_of(audio: Audio, options: DatasetOptions) -> list[Problem]:
    """What is wrong with a recording [C, N] that is to be cut by these options; nothing where all is well."""
    found = (
        _too_short(audio),
        _silent(audio),
        _too_loud(audio),
        _clipped(audio),
        _low_rate(audio, options.sample_rate),
        _too_long(audio) if options.split_method == "Skip" else None,
    )
    return [problem for problem in found if problem]


def _too_short(audio: Audio) -> Problem | None:
    if audio.duration_s >= SHORTEST_S:
        return None
    return Problem("too short", f"it lasts {audio.duration_s:.2f} s; a slice needs {SHORTEST_S:g} s")


def _silent(audio: Audio) -> Problem | None:
    if audio.peak >= amplitude(SILENCE_DB):
        return None
    return Problem("silent", f"its peak is below {SILENCE_DB:g} dB")


def _too_loud(audio: Audio) -> Problem | None:
    if audio.peak <= LARGEST_PEAK:
        return None
    return Problem("too loud", f"its peak is {audio.peak:.3g} times full scale; export it again with a peak of 1")


def _clipped(audio: Audio) -> Problem | None:
    share = clipped_share(audio)
    if share < SLIGHTLY_CLIPPED:
        return None
    text = f"{share:.2%} of its samples are cut off at {decibels(audio.peak):.1f} dB; record or export it more quietly"
    return Problem("clipped", text, fatal=share >= BADLY_CLIPPED)


def clipped_share(audio: Audio) -> float:
    """The share of samples [C, N] that end three at their channel's highest or lowest value; 0 for digital silence."""
    if not audio.peak:
        return 0.0
    flat = 0
    for channel in audio.samples:
        for limit in (channel.max(), channel.min()):
            at_limit = channel == limit
            flat += int(np.count_nonzero(at_limit[2:] & at_limit[1:-1] & at_limit[:-2]))
    return flat / audio.samples.size


def _low_rate(audio: Audio, rate: int) -> Problem | None:
    if audio.rate >= rate:
        return None
    text = f"its rate is {audio.rate} Hz: nothing above {audio.rate // 2} Hz is in it, and the voice has {rate} Hz"
    return Problem("low rate", text, fatal=audio.rate < FULL_BAND_RATE_HZ)


def _too_long(audio: Audio) -> Problem | None:
    if audio.duration_s <= LONGEST_S:
        return None
    text = f"it lasts {audio.duration_s:.1f} s, of which the first {LONGEST_S:g} are trained on; cut it"
    return Problem("too long", text, fatal=False)
