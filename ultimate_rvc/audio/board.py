"""The effect board of `VoiceConverter.convert_audio(post_process=True, …)`: keyword names and defaults of RVC tools.

Each effect is switched on by its own name and set by keywords that begin with it; pedalboard (Spotify) computes them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ultimate_rvc.audio.file import Audio
from ultimate_rvc.errors import OptionError

# switch → pedalboard class, {its parameter: (our keyword, default)}; in the order in which they are applied
EFFECTS: dict[str, tuple[str, dict[str, tuple[str, float]]]] = {
    "reverb": (
        "Reverb",
        {
            "room_size": ("reverb_room_size", 0.5),
            "damping": ("reverb_damping", 0.5),
            "wet_level": ("reverb_wet_level", 0.33),
            "dry_level": ("reverb_dry_level", 0.4),
            "width": ("reverb_width", 1.0),
            "freeze_mode": ("reverb_freeze_mode", 0),
        },
    ),
    "pitch_shift": ("PitchShift", {"semitones": ("pitch_shift_semitones", 0)}),
    "limiter": ("Limiter", {"threshold_db": ("limiter_threshold", -6), "release_ms": ("limiter_release", 0.05)}),
    "gain": ("Gain", {"gain_db": ("gain_db", 0)}),
    "distortion": ("Distortion", {"drive_db": ("distortion_gain", 25)}),
    "chorus": (
        "Chorus",
        {
            "rate_hz": ("chorus_rate", 1.0),
            "depth": ("chorus_depth", 0.25),
            "centre_delay_ms": ("chorus_delay", 7),
            "feedback": ("chorus_feedback", 0.0),
            "mix": ("chorus_mix", 0.5),
        },
    ),
    "bitcrush": ("Bitcrush", {"bit_depth": ("bitcrush_bit_depth", 8)}),
    "clipping": ("Clipping", {"threshold_db": ("clipping_threshold", 0)}),
    "compressor": (
        "Compressor",
        {
            "threshold_db": ("compressor_threshold", 0),
            "ratio": ("compressor_ratio", 1),
            "attack_ms": ("compressor_attack", 1.0),
            "release_ms": ("compressor_release", 100),
        },
    ),
    "delay": (
        "Delay",
        {
            "delay_seconds": ("delay_seconds", 0.5),
            "feedback": ("delay_feedback", 0.0),
            "mix": ("delay_mix", 0.5),
        },
    ),
}


def keywords() -> set[str]:
    """Every keyword that `apply` understands."""
    return set(EFFECTS) | {name for _, settings in EFFECTS.values() for name, _ in settings.values()}


def apply(audio: Audio, chosen: Mapping[str, Any]) -> Audio:
    """The audio through every effect that is switched on in `chosen`; same length and rate.

    Raises OptionError for a keyword that no effect has.
    """
    unknown = sorted(set(chosen) - keywords())
    if unknown:
        raise OptionError(f"no effect takes {', '.join(unknown)}; known: {', '.join(sorted(keywords()))}")
    import pedalboard

    board = pedalboard.Pedalboard([_effect(pedalboard, name, chosen) for name in EFFECTS if chosen.get(name)])
    samples = board(np.ascontiguousarray(audio.samples, dtype=np.float32), audio.rate)
    return Audio(samples, audio.rate)


def _effect(pedalboard: Any, name: str, chosen: Mapping[str, Any]) -> Any:
    kind, settings = EFFECTS[name]
    return getattr(pedalboard, kind)(**{key: chosen.get(ours, default) for key, (ours, default) in settings.items()})
