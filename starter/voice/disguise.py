"""Slices in other throats and poorer rooms, at the same pitch and pace, for the encoder to hear in the originals' place.

A voice that only ever gets the features of its own clean recordings does not know what to make of those of strangers.
Of every two slices at 16 kHz one gets WORLD's longer or shorter vocal tract, and most an equaliser, a room and noise.
The files keep their times, so that the pitch that was found in the originals stays.
"""

import os
import random
from pathlib import Path

import torch

from starter.corpus.singing import Analysis
from starter.encoder.hearing import spoilt

OTHER_THROATS, POOR_ROOMS = 0.5, 0.7
FORMANTS = (0.85, 1.2)


def disguise(slices: Path) -> None:
    """Rewrites every WAV of the folder; from the same seed, so a second run must begin with the originals."""
    chance = random.Random(0)
    for file in sorted(slices.glob("*.wav")):
        _disguised(file, chance)


def _disguised(file: Path, chance: random.Random) -> None:
    import soundfile

    wave, rate_hz = soundfile.read(file, dtype="float32")
    length, stat = len(wave), file.stat()
    if chance.random() < OTHER_THROATS:
        said = Analysis.of(wave, rate_hz)
        wave = said.synthesized(said.f0, chance.uniform(*FORMANTS))
    if chance.random() < POOR_ROOMS:
        seed = torch.Generator().manual_seed(chance.randrange(1 << 30))
        wave = spoilt(torch.from_numpy(wave).float()[None], seed)[0].numpy()
    held = torch.zeros(length)
    held[: len(wave)] = torch.from_numpy(wave)[:length]
    soundfile.write(file, held.numpy(), rate_hz)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
