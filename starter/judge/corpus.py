"""Labelled recordings for judging encoders: FOLDER/SPEAKER/NAME.wav (16 kHz, mono) with NAME.tsv beside it.

A line of the tsv is start_s, end_s, phone; phones are ARPAbet symbols and `sil`, in any case, stress left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from starter.judge.clips import Clip, read_sound
from starter.judge.labels import read_hts
from starter.judge.words import SILENCE, Span, align
from ultimate_rvc.errors import InputError
from ultimate_rvc.rvc.seams import CONTENT_HOP_SAMPLES, SAMPLE_RATE_HZ

# An encoder's frame sees 400 samples; its middle lies here, and the next one a hop later.
FIRST_MIDDLE_SAMPLES = 200


@dataclass(frozen=True)
class Labelled:
    """A recording and its phones in time."""

    speaker: str
    path: Path
    spans: tuple[Span, ...]

    @cached_property
    def wav(self) -> np.ndarray:
        """[T] float32 at 16 kHz."""
        return read_sound(self.path).wav_16k


def read_corpus(folder: Path, per_speaker: int) -> list[Labelled]:
    """Each speaker's first recordings. Raises InputError where there are none, or for lines that are no labels."""
    every = []
    for speaker in sorted(path for path in folder.iterdir() if path.is_dir()):
        labels = sorted(speaker.glob("*.tsv"))[:per_speaker]
        every += [Labelled(speaker.name, path.with_suffix(".wav"), read_labels(path)) for path in labels]
    if not every:
        raise InputError(f"{folder} holds no speakers; put SPEAKER/NAME.wav and SPEAKER/NAME.tsv there")
    return every


def read_labels(path: Path) -> tuple[Span, ...]:
    """The phones of a tsv. Raises InputError."""
    try:
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return tuple(Span(float(start), float(end), plain_phone(phone)) for start, end, phone in rows)
    except ValueError as error:
        raise InputError(f"{path}: lines must be start_s, end_s and phone between tabs; {error}") from error


def plain_phone(name: str) -> str:
    """Upper case, without stress: 'ah0' → 'AH'."""
    return name.strip().rstrip("012").upper()


def labelled_clips(clips: Iterable[Clip], folder: Path) -> list[Labelled]:
    """The clips whose text or labels are known, with their phones in time; their sound is written to `folder`."""
    from ultimate_rvc.audio.file import save
    from ultimate_rvc.audio.sound import Audio

    found = []
    for clip in clips:
        if clip.text or clip.labels:
            wav = clip.sound.wav_16k
            spans = read_hts(clip.labels) if clip.labels else align(wav, clip.text)
            path = save(Audio(wav, SAMPLE_RATE_HZ), folder / f"{clip.name}.wav")
            found.append(Labelled(clip.name, path, tuple(spans)))
    return found


def frame_phones(spans: Sequence[Span], frames: int) -> np.ndarray:
    """The phone [L] in the middle of each of an encoder's frames; silence outside of all spans."""
    middles = (FIRST_MIDDLE_SAMPLES + CONTENT_HOP_SAMPLES * np.arange(frames)) / SAMPLE_RATE_HZ
    named = np.full(frames, SILENCE, dtype=object)
    for span in spans:
        named[(middles >= span.start_s) & (middles < span.end_s)] = span.phone
    return named
