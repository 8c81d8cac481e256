"""A dataset as somebody records it: phrases with rests of every kind between them, and files that are no good."""

from pathlib import Path

import numpy as np

from tiny import sounds

RATE_HZ = 44_100
# Behind each phrase a rest: too short to cut at, one cut, two cuts, with half a second left at both sides.
PHRASES_S = (1.2, 3.9, 0.7, 2.6, 8.1)
RESTS_S = (0.25, 0.48, 0.8, 1.7, 0.9)
LEAD_S = 0.7
# Room noise: the quietest frame of a rest is one frame and no other.
NOISE_PEAK = 10 ** (-62 / 20)


def rehearsal(rate: int = RATE_HZ, seed: int = 0) -> np.ndarray:
    """Phrases and rests [N], about 20 s."""
    parts = [sounds.silence(LEAD_S, rate)]
    for number, (phrase_s, rest_s) in enumerate(zip(PHRASES_S, RESTS_S, strict=True)):
        parts += [_phrase(phrase_s, rate, seed + number), sounds.silence(rest_s, rate)]
    wav = np.concatenate(parts)
    return wav + sounds.white_noise(len(wav) / rate, rate, seed, peak=NOISE_PEAK)[: len(wav)]


def _phrase(seconds: float, rate: int, seed: int) -> np.ndarray:
    """A sliding tone with overtones, without any rest in it."""
    low_hz = 150.0 * 2 ** (seed % 5 / 5)
    return sum(sounds.chirp(k * low_hz, 1.5 * k * low_hz, seconds, rate, peak=0.3 / k) for k in (1, 2, 3))


def write_dataset(folder: Path, count: int = 2, seconds: float = 6.0) -> Path:
    """So many short recordings of speaker 0."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        wav = rehearsal(seed=number)[: round(seconds * RATE_HZ)]
        sounds.write(folder / f"take{number}.wav", wav, RATE_HZ)
    return folder
