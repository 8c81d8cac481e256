"""Another key at the same speed, by Rubber Band's finer engine (R3), in time with everything that is not shifted.

The engine moves in whole samples: it takes `hop` of them and gives round(hop · ratio). What the rounding adds or takes
is never made up for, so that a song three semitones lower ends a third of a second early after four minutes. Ratios
that are fractions of that hop need no rounding. The nearest of them is at most 3.6 cents away within nine semitones, 7
within an octave, less than a singer wavers.
"""

from math import ceil, floor, log2, log10

import numpy as np

from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.errors import OptionError

# What Rubber Band keeps musical.
MAX_SHIFT_SEMITONES = 48
# Rubber Band 3.3: the samples that it would like to give at once, and the most and the least.
OUTPUT_HOP, OUTPUT_HOPS = 256, (128, 512)
LONGEST_HOP = 2_048
# Keeps a hop that is exactly whole from being taken for one less.
NUDGE = 1e-7


def pitch_shift(audio: Audio, semitones: float) -> Audio:
    """Higher or lower by so many semitones, formants included, at the same speed: [C, N] → [C, N]; itself for 0."""
    if not -MAX_SHIFT_SEMITONES <= semitones <= MAX_SHIFT_SEMITONES:
        raise OptionError(f"the shift is {semitones} semitones; it must lie within ±{MAX_SHIFT_SEMITONES}")
    if semitones == 0:
        return audio
    import pedalboard

    # pedalboard.PitchShift, the real-time engine, misses a pure tone by up to 90 cents.
    steady = 12 * log2(steady_ratio(2 ** (semitones / 12)))
    shifted = pedalboard.time_stretch(
        audio.samples, float(audio.rate), 1.0, steady, high_quality=True, preserve_formants=False
    )
    return Audio(_of_length(shifted, audio.length), audio.rate)


def steady_ratio(wanted: float) -> float:
    """The ratio of frequencies nearest to the wanted one that the engine keeps time with."""
    near = ((gives, takes) for takes in range(1, LONGEST_HOP + 1) for gives in _around(wanted * takes))
    whole = [gives / takes for gives, takes in near if _hop(gives / takes * (1 - NUDGE)) == takes]
    return min(whole, key=lambda ratio: abs(log2(ratio / wanted))) * (1 - NUDGE)


def _around(number: float) -> set[int]:
    return {max(1, floor(number)), ceil(number)}


def _hop(ratio: float) -> int:
    """How many samples the engine takes at once for this ratio."""
    gives: float = OUTPUT_HOP
    if ratio > 1.5:
        gives *= 2 ** (2 * log10(ratio - 0.5))
    elif ratio < 1:
        gives *= 2 ** (2 * log10(ratio))
    return max(1, floor(np.clip(gives, *OUTPUT_HOPS) / ratio))


def _of_length(samples: np.ndarray, length: int) -> np.ndarray:
    """[C, M] → [C, length]: cut, or silence at the end."""
    missing = max(0, length - samples.shape[1])
    return np.pad(samples[:, :length], ((0, 0), (0, missing)))
