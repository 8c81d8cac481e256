"""Makes the recordings of the starter voice: `python -m starter.voice.recordings OUT`.

The singer does not exist. Festival's HTS voice cmu_us_slt_arctic (32 kHz) reads random words, WORLD makes her vocal
tract shorter than anybody's, lets her read at other pitches and sing from 80 to 900 Hz, and a filter makes her bright
and gives her a resonance, so that whoever is converted is far from her. The encoder is never taught with this voice.
"""

import argparse
import random
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from starter.corpus import festival, texts
from starter.corpus.phones import Phone, fitted
from starter.corpus.singing import Analysis, Singer, sung

FORMANTS = 1.28
# A pressed voice: so many dB more an octave, between these frequencies; none at 1 kHz.
BRIGHT_DB, BRIGHT_HZ = 6.0, (250.0, 5_000.0)
# It rings: so many dB more around this frequency, falling like a bell over so many octaves.
RING_DB, RING_HZ, RING_OCTAVES = 12.0, 1_800.0, 0.4
FILTER_TAPS = 1_025
SENTENCES, HELD_SENTENCES = 480, 8
PROCESSES = 2
CENTRE_HZ = (130.0, 480.0)
LOUDEST = 0.8


def record(out: Path, part: int | str, count: int) -> None:
    """So many sentences, each read and sung; every part has its own."""
    chance = random.Random(f"target {part}")
    lines = texts.sentences(count, chance, texts.dictionary())
    with tempfile.TemporaryDirectory() as folder:
        for place, (file, phones) in enumerate(festival.speak(lines, "cmu_us_slt_arctic_hts", Path(folder)).items()):
            _both(file, phones, out / f"{part}{place:04d}", chance)


def _both(file: Path, phones: list[Phone], stem: Path, chance: random.Random) -> None:
    import soundfile

    wave, rate_hz = soundfile.read(file, dtype="float32")
    phones = fitted(phones, len(wave) / rate_hz)
    made = {"read": _read(wave, rate_hz, chance), "sung": sung(wave, rate_hz, phones, _singer(chance), chance)[0]}
    for name, plain in made.items():
        sound = _timbre(plain, rate_hz)
        soundfile.write(f"{stem}_{name}.wav", sound * (LOUDEST / np.abs(sound).max()), rate_hz)


def _timbre(sound: np.ndarray, rate_hz: int) -> np.ndarray:
    from scipy import signal

    hz = np.linspace(0, rate_hz / 2, 513)
    bright = BRIGHT_DB * np.log2(np.clip(hz, *BRIGHT_HZ) / 1_000)
    octaves = np.log2(np.maximum(hz, hz[1]) / RING_HZ)
    ring = RING_DB * np.exp(-((octaves / RING_OCTAVES) ** 2) / 2)
    taps = signal.firwin2(FILTER_TAPS, hz, 10 ** ((bright + ring) / 20), fs=rate_hz)
    return signal.oaconvolve(sound, taps, mode="same")


def _singer(chance: random.Random) -> Singer:
    centre = 2 ** chance.uniform(*np.log2(CENTRE_HZ))
    return Singer(centre, chance.uniform(3, 6), FORMANTS, chance.uniform(1.0, 3.5), chance.uniform(10, 60))


def _read(wave: np.ndarray, rate_hz: int, chance: random.Random) -> np.ndarray:
    """Her own intonation, higher or lower."""
    said = Analysis.of(wave, rate_hz)
    return said.synthesized(said.f0 * chance.uniform(0.5, 1.5), FORMANTS)


def main() -> None:
    """Two processes, half of the sentences each; those that are held out are few."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--held-out", action="store_true", help="sentences to judge the voice by instead")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.held_out:
        return record(given.out, "held", HELD_SENTENCES)
    with ProcessPoolExecutor(PROCESSES) as pool:
        list(pool.map(record, [given.out] * PROCESSES, range(PROCESSES), [SENTENCES // PROCESSES] * PROCESSES))


if __name__ == "__main__":
    main()
