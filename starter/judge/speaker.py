"""Whose voice it is: Resemblyzer's speaker encoder (GE2E, Wan et al. 2018), whose weights come in its package."""

from dataclasses import dataclass

import numpy as np

# Its own normalisation: quiet recordings are raised to this level.
LEVEL_DBFS = -30.0


@dataclass(frozen=True)
class Likeness:
    """Cosines of a take's voice with the target's and with the source's; 1 is the same voice."""

    to_target: float
    to_source: float

    @property
    def moved(self) -> bool:
        """Whether it is nearer to the target."""
        return self.to_target > self.to_source


class Ear:
    """Hears voices; loads its weights once."""

    def __init__(self) -> None:
        from resemblyzer import VoiceEncoder

        self.encoder = VoiceEncoder("cpu", verbose=False)

    def voice(self, wav: np.ndarray) -> np.ndarray:
        """wav [T] at 16 kHz → a direction [256] of length 1; zeros for silence."""
        from resemblyzer import normalize_volume, trim_long_silences

        if not np.any(wav):
            return np.zeros(256, np.float32)
        loud = np.clip(normalize_volume(wav.astype(np.float32), LEVEL_DBFS, increase_only=True), -1, 1)
        spoken = trim_long_silences(loud)
        return self.encoder.embed_utterance(spoken if len(spoken) else loud)


def mean_voice(voices: list[np.ndarray]) -> np.ndarray:
    """Directions [256] → their mean direction."""
    total = np.sum(voices, axis=0)
    return total / (np.linalg.norm(total) or 1.0)


def likeness(voice: np.ndarray, target: np.ndarray, source: np.ndarray) -> Likeness:
    """Directions [256] of a take, the target and the source."""
    return Likeness(float(voice @ target), float(voice @ source))
