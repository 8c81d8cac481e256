"""Speech made into singing: WORLD's analysis, other times, another melody, another throat.

Vowels are held, each has a note, the note has vibrato and slides into the next, and the spectral envelope is stretched
along frequency as a longer or shorter vocal tract would. Source: WORLD (Morise et al. 2016), by pyworld.
"""

import random
from dataclasses import dataclass, replace

import numpy as np

from starter.corpus.phones import VOWELS, Phone

FRAME_MS = 5.0
FRAMES_PER_S = 200
HIGHEST_NOTE_HZ = 900.0
LOWEST_NOTE_HZ = 65.0


@dataclass(frozen=True)
class Singer:
    """Where a voice sings and how long its throat is."""

    centre_hz: float
    spread_semitones: float = 5.0
    formants: float = 1.0
    held: float = 2.5
    vibrato_cents: float = 40.0

    @classmethod
    def drawn(cls, chance: random.Random, formants: tuple[float, float] = (0.82, 1.22)) -> "Singer":
        """Anyone between a bass and a soprano."""
        throat = chance.uniform(*formants)
        centre = 2 ** chance.uniform(np.log2(95), np.log2(520)) * throat**0.5
        return cls(centre, chance.uniform(2, 7), throat, chance.uniform(1.0, 4.0), chance.uniform(0, 80))


@dataclass(frozen=True)
class Analysis:
    """A wave taken apart by WORLD, 200 frames a second: f0 [F] Hz, envelope and noise [F, bins]."""

    rate_hz: int
    f0: np.ndarray
    envelope: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(cls, wave: np.ndarray, rate_hz: int) -> "Analysis":
        """Of a wave [T] of floats."""
        import pyworld

        wave = np.ascontiguousarray(wave, dtype=np.float64)
        rough, times = pyworld.dio(wave, rate_hz, frame_period=FRAME_MS)
        f0 = pyworld.stonemask(wave, rough, times, rate_hz)
        envelope, noise = (way(wave, f0, times, rate_hz) for way in (pyworld.cheaptrick, pyworld.d4c))
        return cls(rate_hz, f0, envelope, noise)

    def at(self, frames: np.ndarray) -> "Analysis":
        """Read at these frames, which may lie between two; a frame is voiced if the nearest is."""
        f0 = self.f0[np.round(frames).astype(int)]
        return replace(self, f0=f0, envelope=_between(self.envelope, frames), noise=_between(self.noise, frames))

    def synthesized(self, f0: np.ndarray, formants: float) -> np.ndarray:
        """The wave [T] at another pitch [F] in Hz, with its formants moved up by a factor."""
        import pyworld

        throat = (np.ascontiguousarray(_warped(part, formants)) for part in (self.envelope, self.noise))
        return pyworld.synthesize(f0, *throat, self.rate_hz, FRAME_MS).astype(np.float32)


def sung(
    wave: np.ndarray, rate_hz: int, phones: list[Phone], singer: Singer, chance: random.Random
) -> tuple[np.ndarray, list[Phone]]:
    """The wave [T] of floats sung by the singer, and the phones at their new times."""
    said = Analysis.of(wave, rate_hz)
    frames, moved = _held(phones, len(said.f0), singer, chance)
    held = said.at(frames)
    melody = np.where(held.f0 > 0, _melody(moved, len(frames), singer, chance), 0.0)
    return held.synthesized(melody, singer.formants), moved


def _held(phones: list[Phone], frames: int, singer: Singer, chance: random.Random) -> tuple[np.ndarray, list[Phone]]:
    """For each new frame the old one that it is taken from, and the phones' new times."""
    sources, moved, now_s = [], [], 0.0
    for phone in phones:
        start, end = phone.start_s * FRAMES_PER_S, min(frames - 1, phone.end_s * FRAMES_PER_S)
        count = max(1, round((end - start) * _stretch(phone.name, singer, chance)))
        sources.append(np.linspace(start, max(start, end), count, endpoint=False))
        moved.append(Phone(now_s, now_s := now_s + count / FRAMES_PER_S, phone.name))
    return np.clip(np.concatenate(sources), 0, frames - 1), moved


def _stretch(name: str, singer: Singer, chance: random.Random) -> float:
    if name in VOWELS:
        return chance.uniform(0.8, singer.held)
    return chance.uniform(0.5, 1.0) if name == "sil" else chance.uniform(0.9, 1.3)


def _melody(phones: list[Phone], frames: int, singer: Singer, chance: random.Random) -> np.ndarray:
    """A note per vowel in Hz [frames], joined by slides, with vibrato."""
    notes, note = np.zeros(frames), _note(singer, chance)
    for phone in phones:
        if phone.name in VOWELS:
            note = _note(singer, chance)
        notes[round(phone.start_s * FRAMES_PER_S) : round(phone.end_s * FRAMES_PER_S)] = note
    notes[notes == 0] = note
    slide = np.hanning(chance.choice((9, 15, 25)))
    slid = np.convolve(np.pad(notes, len(slide) // 2, mode="edge"), slide / slide.sum(), mode="valid")
    wave = np.sin(2 * np.pi * chance.uniform(4.5, 6.5) * np.arange(frames) / FRAMES_PER_S + chance.uniform(0, 6))
    return np.clip(2 ** (slid[:frames] + singer.vibrato_cents / 1200 * wave), LOWEST_NOTE_HZ, HIGHEST_NOTE_HZ)


def _note(singer: Singer, chance: random.Random) -> float:
    semitones = round(chance.gauss(0, singer.spread_semitones)) + chance.uniform(-0.2, 0.2)
    return float(np.log2(singer.centre_hz) + semitones / 12)


def _between(part: np.ndarray, source: np.ndarray) -> np.ndarray:
    low = source.astype(int)
    high = np.minimum(low + 1, len(part) - 1)
    share = (source - low)[:, None]
    return part[low] * (1 - share) + part[high] * share


def _warped(part: np.ndarray, formants: float) -> np.ndarray:
    """Rows [F, bins] read at bin / formants: formants move up by this factor."""
    if formants == 1.0:
        return part
    place = np.clip(np.arange(part.shape[1]) / formants, 0, part.shape[1] - 1)
    low = place.astype(int)
    high = np.minimum(low + 1, part.shape[1] - 1)
    return part[:, low] * (1 - (place - low)) + part[:, high] * (place - low)
