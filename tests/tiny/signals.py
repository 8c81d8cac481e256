"""Signals that are made from the recorded clip: one long enough to be cut, and one that takes over its loudness."""

import numpy as np

ENVELOPE_RATES = (0.0, 0.25, 0.75)


def long_signal(clip: np.ndarray) -> np.ndarray:
    """clip [T] → [4·T + 77]: forwards and backwards, louder and quieter."""
    return np.concatenate([clip, -0.5 * clip[::-1], 0.8 * clip, 0.3 * clip[::-1], clip[:77]])


def other_voice(clip: np.ndarray) -> tuple[np.ndarray, int]:
    """clip [T] at 16 kHz → a signal [2.5·T - 131] float32 of other loudness, and its rate of 40 kHz."""
    places = np.arange(len(clip) * 5 // 2 - 131) / 2.5
    swell = 0.1 + np.abs(np.sin(places / 9_000))
    return (np.interp(places, np.arange(len(clip)), clip[::-1]) * swell).astype(np.float32), 40_000
