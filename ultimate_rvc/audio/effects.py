"""What is done to a track besides its conversion: reverb and its companions, pitch shift, noise reduction.

High-pass, compressor and reverb are those of pedalboard (JUCE, Freeverb) with the numbers that people's covers were
made with; pitch is shifted by Rubber Band's finer engine (R3), noise is gated in the spectrum by noisereduce.
"""

from typing import TYPE_CHECKING

import numpy as np

from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import EffectOptions

if TYPE_CHECKING:
    from pedalboard import Pedalboard

# The chain of Ultimate RVC: its high-pass and compressor have no options.
HIGHPASS_HZ = 50.0
COMPRESSOR_RATIO = 4.0
COMPRESSOR_THRESHOLD_DB = -15.0
# What Rubber Band keeps musical.
MAX_SHIFT_SEMITONES = 48


def postprocess(vocals: Audio, options: EffectOptions) -> Audio:
    """High-pass, compressor, reverb: [C, N] → [C, N]; the reverb's tail ends with the track.

    Freeverb doubles the dry signal, so dry_level 0.5 keeps the voice's own level.
    """
    board = _board(options)
    second = vocals.rate
    out = np.empty_like(vocals.samples)
    for start in range(0, vocals.length, second):
        piece = vocals.samples[:, start : start + second]
        out[:, start : start + second] = board(piece, vocals.rate, reset=False)
    return Audio(out, vocals.rate)


def pitch_shift(audio: Audio, semitones: float) -> Audio:
    """Higher or lower by so many semitones, formants included, at the same speed: [C, N] → [C, N]; itself for 0."""
    if not -MAX_SHIFT_SEMITONES <= semitones <= MAX_SHIFT_SEMITONES:
        raise OptionError(f"the shift is {semitones} semitones; it must lie within ±{MAX_SHIFT_SEMITONES}")
    if semitones == 0:
        return audio
    import pedalboard

    # pedalboard.PitchShift, the real-time engine, misses a pure tone by up to 90 cents; the offline one by 0.1.
    shifted = pedalboard.time_stretch(
        audio.samples, float(audio.rate), 1.0, float(semitones), high_quality=True, preserve_formants=False
    )
    return Audio(_of_length(shifted, audio.length), audio.rate)


def reduce_noise(audio: Audio, strength: float) -> Audio:
    """Steady and slowly changing noise turned down by a spectral gate: [C, N] → [C, N]; 0 is off, 1 is full.

    The gate learns what is steady over two seconds and takes it for noise, so that long held notes lose some level too:
    a whole song about 6 dB at 0.7.
    """
    if not 0 <= strength <= 1:
        raise OptionError(f"clean_strength is {strength}; it must lie between 0 and 1")
    if strength == 0 or audio.peak == 0:
        return audio
    import noisereduce

    quieter = [noisereduce.reduce_noise(y=channel, sr=audio.rate, prop_decrease=strength) for channel in audio.samples]
    return Audio(np.stack(quieter), audio.rate)


def _board(options: EffectOptions) -> "Pedalboard":
    from pedalboard import Compressor, HighpassFilter, Pedalboard, Reverb

    reverb = Reverb(
        room_size=options.room_size,
        damping=options.damping,
        wet_level=options.wet_level,
        dry_level=options.dry_level,
    )
    compressor = Compressor(threshold_db=COMPRESSOR_THRESHOLD_DB, ratio=COMPRESSOR_RATIO)
    return Pedalboard([HighpassFilter(cutoff_frequency_hz=HIGHPASS_HZ), compressor, reverb])


def _of_length(samples: np.ndarray, length: int) -> np.ndarray:
    """[C, M] → [C, length]: cut, or silence at the end."""
    missing = max(0, length - samples.shape[1])
    return np.pad(samples[:, :length], ((0, 0), (0, missing)))
