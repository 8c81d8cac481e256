"""A corpus on disk: SPEAKER/NAME.wav (16 kHz, mono) with SPEAKER/NAME.tsv (start, end, phone) beside it."""

from pathlib import Path

import numpy as np

from starter.corpus.phones import Phone

RATE_HZ = 16_000
LOUDEST = 0.9


def save(stem: Path, wave: np.ndarray, rate_hz: int, phones: list[Phone]) -> None:
    """Writes both files; the wave [T] comes at any rate and leaves at 16 kHz with its peak at 0.9."""
    import soundfile
    import soxr

    wave = soxr.resample(wave.astype(np.float32), rate_hz, RATE_HZ) if rate_hz != RATE_HZ else wave
    stem.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(stem.with_suffix(".wav"), wave * (LOUDEST / max(1e-6, np.abs(wave).max())), RATE_HZ)
    stem.with_suffix(".tsv").write_text("".join(f"{p.start_s:.4f}\t{p.end_s:.4f}\t{p.name}\n" for p in phones))


def phones_of(tsv: Path) -> list[Phone]:
    """The phones of one recording."""
    rows = (line.split("\t") for line in tsv.read_text().splitlines())
    return [Phone(float(start), float(end), name) for start, end, name in rows]
