"""A band that is synthesised: drums, bass, chords and a lead line, each a true stem, to measure separation against.

The changes are i-VI-III-VII in A minor at 100 beats a minute. Every stroke has its own loudness and lateness, every
chord its own strum, so that no two bars are equal sample for sample; the drums' noise is new with every stroke.
Signals are float32 [2, N]; the instruments stand where `PLACES` says. Mono is the mean of both sides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

BEAT_S = 0.6
BEATS_PER_BAR = 4
# Roots as MIDI notes, and the steps of each chord above its root.
CHANGES = ((57, (0, 3, 7)), (53, (0, 4, 7)), (48, (0, 4, 7)), (55, (0, 4, 7)))
# From -1 (left) to 1 (right), by the law of constant power; the kick and the bass stand where the singer stands.
PLACES = {"kick": 0.0, "snare": 0.1, "hat": 0.5, "bass": 0.0, "chords": -0.6, "lead": 0.65}
LEVELS_DB = {"kick": -9.0, "snare": -13.0, "hat": -24.0, "bass": -12.0, "chords": -15.0, "lead": -20.0}
LATENESS_S, LOUDNESS_SPREAD = 0.006, 0.15
# The singer stands in the middle, this much louder (dB) than the whole band.
SINGER_DB = 0.0


@dataclass(frozen=True)
class Song:
    """A mix [C, N] and what is in it: `vocals` and `band` [C, N] add up to it."""

    mix: np.ndarray
    vocals: np.ndarray
    band: np.ndarray
    rate: int


def song(vocals: np.ndarray, rate: int, *, channels: int = 2, singer_db: float = SINGER_DB, seed: int = 0) -> Song:
    """Vocals [N] with a band behind them. The mix peaks at 0.9; the singer is singer_db louder than the band."""
    stems = band(len(vocals) / rate, rate, seed)
    behind = sum(stems.values())[:, : len(vocals)]
    front = np.stack([vocals, vocals]).astype(np.float32)
    front *= np.float32(10 ** (singer_db / 20) * np.sqrt(np.mean(behind**2) / np.mean(front**2)))
    if channels == 1:
        front, behind = (side.mean(axis=0, keepdims=True) for side in (front, behind))
    gain = np.float32(0.9 / np.abs(front + behind).max())
    front, behind = front * gain, behind * gain
    return Song(front + behind, front, behind, rate)


def band(seconds: float, rate: int, seed: int = 0) -> Mapping[str, np.ndarray]:
    """The instruments [2, N], N = round(seconds · rate), by their names in PLACES."""
    return {name: _placed(_played(name, seconds, rate, seed), name) for name in PLACES}


def _played(name: str, seconds: float, rate: int, seed: int) -> np.ndarray:
    """One instrument [N]: its strokes laid into silence, each a little late and of its own loudness."""
    rng = np.random.default_rng([seed, *name.encode()])
    track = np.zeros(round(seconds * rate))
    for beat, stroke in _score(name, seconds, rng):
        at = round((beat * BEAT_S + LATENESS_S * rng.random()) * rate)
        sound = stroke(rate, rng)[: max(0, len(track) - at)]
        track[at : at + len(sound)] += sound * (1 + LOUDNESS_SPREAD * rng.standard_normal())
    return track


def _placed(track: np.ndarray, name: str) -> np.ndarray:
    """[N] → [2, N] at the instrument's place and level (its root mean square)."""
    angle = (PLACES[name] + 1) * np.pi / 4
    level = 10 ** (LEVELS_DB[name] / 20) / max(np.sqrt(np.mean(track**2)), 1e-9)
    return (np.stack([np.cos(angle), np.sin(angle)])[:, None] * track * level).astype(np.float32)


Stroke = Callable[[int, np.random.Generator], np.ndarray]


def _score(name: str, seconds: float, rng: np.random.Generator) -> list[tuple[float, Stroke]]:
    """What an instrument plays: beats from the start, and the sound of each."""
    beats = int(np.ceil(seconds / BEAT_S))
    bars = [(bar * BEATS_PER_BAR, *CHANGES[bar % len(CHANGES)]) for bar in range(-(-beats // BEATS_PER_BAR))]
    if name == "kick":
        return [(b, _kick) for b in range(0, beats, 2)]
    if name == "snare":
        return [(b, _snare) for b in range(1, beats, 2)]
    if name == "hat":
        return [(b / 2, _hat) for b in range(2 * beats)]
    if name == "bass":
        return [(b + i, _string(root - 24, 0.9)) for b, root, _ in bars for i in (0, 1, 2, 3)]
    if name == "chords":
        strum = [(b + half, root, steps) for b, root, steps in bars for half in (0, 2)]
        return [(b + 0.02 * i, _string(root + s, 2.0)) for b, root, steps in strum for i, s in enumerate(steps)]
    walk = [(b + i / 2, root + 12 + rng.choice(steps)) for b, root, steps in bars for i in range(0, 8, 2)]
    return [(b, _string(note, 0.5)) for b, note in walk]


def _string(note: int, seconds: float) -> Stroke:
    """A plucked string: overtones that fall with their number, the higher the sooner gone."""
    hz = 440.0 * 2 ** ((note - 69) / 12)

    def pluck(rate: int, rng: np.random.Generator) -> np.ndarray:
        time = np.arange(round(seconds * BEAT_S * rate)) / rate
        overtones = np.arange(1, min(25, int(0.45 * rate / hz)))[:, None]
        phases = rng.uniform(0, 2 * np.pi, (len(overtones), 1))
        waves = np.sin(2 * np.pi * hz * overtones * time + phases) * np.exp(-time * (1.5 + 0.7 * overtones))
        return (waves / overtones**1.2).sum(axis=0) * _fades(len(time), rate)

    return pluck


def _kick(rate: int, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(round(0.25 * rate)) / rate
    sweep = 2 * np.pi * np.cumsum(50 + 110 * np.exp(-time / 0.03)) / rate
    return np.sin(sweep) * np.exp(-time / 0.09) * _fades(len(time), rate)


def _snare(rate: int, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(round(0.2 * rate)) / rate
    rattle = rng.standard_normal(len(time)) * np.exp(-time / 0.06)
    return rattle + np.sin(2 * np.pi * 190 * time) * np.exp(-time / 0.05)


def _hat(rate: int, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(round(0.08 * rate)) / rate
    hiss = np.diff(rng.standard_normal(len(time) + 2), 2)  # twice differentiated: little below 5 kHz
    return hiss * np.exp(-time / 0.02)


def _fades(length: int, rate: int) -> np.ndarray:
    """No click at either end: 2 ms in, 20 ms out."""
    at = np.arange(length) / rate
    return np.clip(at / 0.002, 0, 1) * np.clip((length / rate - at) / 0.02, 0, 1)


def sdr_db(truth: np.ndarray, found: np.ndarray) -> float:
    """Signal-to-distortion ratio of a stem over all channels and the whole song: |s|² / |s - ŝ|² in dB.

    Every difference counts, a wrong level too; of museval's SDR, whose filter forgives some, it is the strict form.
    """
    truth, found = (np.asarray(wav, np.float64) for wav in (truth, found))
    return 10 * float(np.log10(np.sum(truth**2) / max(np.sum((truth - found) ** 2), 1e-30)))


def scale_free_sdr_db(truth: np.ndarray, found: np.ndarray) -> float:
    """SI-SDR in dB (Le Roux and others, "SDR - half-baked or well done?", 2019): the level is forgiven."""
    truth, found = (np.asarray(wav, np.float64) for wav in (truth, found))
    return sdr_db(truth * np.sum(truth * found) / np.sum(truth**2), found)
