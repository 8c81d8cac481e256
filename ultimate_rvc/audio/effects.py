"""What is done to a track besides its conversion: de-esser, reverb and its companions, pitch shift, noise reduction.

High-pass, compressor and reverb are those of pedalboard (JUCE, Freeverb), by default with the numbers that people's
covers were made with; noise is gated in the spectrum by noisereduce.
"""

from typing import TYPE_CHECKING

import numpy as np

from ultimate_rvc.audio.deesser import deessed
from ultimate_rvc.audio.shift import pitch_shift
from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import EffectOptions

__all__ = ["pitch_shift", "postprocess", "reduce_noise"]

if TYPE_CHECKING:
    from pedalboard import Pedalboard

# The chain of Ultimate RVC begins with a high-pass that has no options.
HIGHPASS_HZ = 50.0


def postprocess(vocals: Audio, options: EffectOptions) -> Audio:
    """De-esser, high-pass, compressor, reverb: [C, N] → [C, N]; the reverb's tail ends with the track.

    A mono voice comes out in stereo if the reverb has a width. Freeverb doubles the dry signal, so dry_level 0.5 keeps
    the voice's own level.
    """
    dry = _sides(deessed(vocals, options.deess), options)
    board, second = _board(options), vocals.rate
    out = np.empty(dry.shape, np.float32)
    for start in range(0, vocals.length, second):
        piece = np.ascontiguousarray(dry[:, start : start + second])
        out[:, start : start + second] = board(piece, vocals.rate, reset=False)
    return Audio(out, vocals.rate)


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


def _sides(voice: Audio, options: EffectOptions) -> np.ndarray:
    """The samples [C, N] on as many sides as the effects need."""
    sides = voice.channels if options.reverb_width is None else 2
    return np.broadcast_to(voice.samples, (sides, voice.length))


def _board(options: EffectOptions) -> "Pedalboard":
    from pedalboard import Compressor, HighpassFilter, Pedalboard, Reverb

    compressor = Compressor(
        threshold_db=options.compressor_threshold,
        ratio=options.compressor_ratio,
        attack_ms=options.compressor_attack,
        release_ms=options.compressor_release,
    )
    reverb = Reverb(
        room_size=options.room_size,
        damping=options.damping,
        wet_level=options.wet_level,
        dry_level=options.dry_level,
        width=1.0 if options.reverb_width is None else options.reverb_width,
    )
    compressors = [compressor] if options.compressor else []
    return Pedalboard([HighpassFilter(cutoff_frequency_hz=HIGHPASS_HZ), *compressors, reverb])
