"""Slices in other throats and poorer rooms, at the same pitch and pace, heard by the encoder in the originals' place.

A voice that only ever gets the features of its own clean recordings does not know what to make of those of strangers.
Most slices at 16 kHz get WORLD's longer vocal tract (that of the recordings is shorter than anybody's), and most an
equaliser, a room and noise.
The files keep their times, so that the pitch that was found in the originals stays.
"""

import os
import random
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

from starter.corpus.singing import Analysis

OTHER_THROATS, POOR_ROOMS = 0.8, 0.7
FORMANTS = (0.65, 0.95)
PROCESSES = 2


def disguise(originals: Path, folder: Path) -> None:
    """Writes every WAV of one folder into the other."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(PROCESSES) as pool:
        list(pool.map(_disguised, sorted(originals.glob("*.wav")), repeat(folder)))


def _disguised(file: Path, folder: Path) -> None:
    import soundfile
    import torch

    from starter.encoder.hearing import spoilt

    torch.set_num_threads(1)
    chance = random.Random(file.name)
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
    soundfile.write(folder / file.name, held.numpy(), rate_hz)
    os.utime(folder / file.name, ns=(stat.st_atime_ns, stat.st_mtime_ns))
