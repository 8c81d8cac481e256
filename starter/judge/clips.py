"""The recordings that a voice is judged on, from a manifest: what each is, and what is known to be sung or said."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ultimate_rvc.audio.file import load
from ultimate_rvc.audio.resample import resample
from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.errors import InputError
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ

HELD_OUT = Path(__file__).with_name("held_out.yaml")
FIELDS = {"name", "kind", "file", "text", "phones", "f0", "labels"}
SUFFIXES = (".wav", ".flac")


@dataclass(frozen=True, eq=False)
class Sound:
    """One channel, as it is and as the judges hear it."""

    audio: Audio

    @cached_property
    def wav_16k(self) -> np.ndarray:
        """[T] float32 at 16 kHz."""
        return resample(self.audio, SAMPLE_RATE_HZ).samples[0]


@dataclass(frozen=True, eq=False)
class Clip:
    """A recording; `text` is English, `phones` what is sung in other words, each a string of ARPAbet symbols."""

    name: str
    kind: str
    sound: Sound
    text: str = ""
    phones: tuple[str, ...] = ()
    f0: np.ndarray | None = None  # rows of seconds and Hz, by hand
    labels: Path | None = None  # an HTS label file

    @property
    def audio(self) -> Audio:
        """Its one channel at its own rate."""
        return self.sound.audio


def read_clips(manifest: Path, folder: Path, only: Iterable[str] = ()) -> list[Clip]:
    """The manifest's clips (or those named `only`), whose files lie in `folder`. Raises InputError, AudioError."""
    entries = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    for entry in entries:
        if not {"name", "kind", "file"} <= set(entry) <= FIELDS:
            raise InputError(f"{manifest}: {entry} needs name, kind, file; known fields: {', '.join(sorted(FIELDS))}")
    wanted = set(only) or {entry["name"] for entry in entries}
    if unknown := wanted - {entry["name"] for entry in entries}:
        raise InputError(f"{manifest} has no clip {', '.join(sorted(unknown))}; see its names")
    return [_clip(entry, folder) for entry in entries if entry["name"] in wanted]


def read_folder(folder: Path, count: int) -> list[Clip]:
    """The folder's first recordings; a text of the same name beside one says what is said in it."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)[:count]
    if not paths:
        raise InputError(f"{folder} holds no recordings; put {' or '.join(SUFFIXES)} files there")
    return [Clip(path.stem, "target", read_sound(path), _text_beside(path)) for path in paths]


def read_sound(path: Path) -> Sound:
    """The mean of a file's channels. Raises AudioError."""
    return Sound(load(path).mono())


def _clip(entry: Mapping[str, Any], folder: Path) -> Clip:
    curve = np.loadtxt(folder / entry["f0"], delimiter=",") if "f0" in entry else None
    phones = tuple(word.strip() for word in entry.get("phones", "").split(",") if word.strip())
    labels = folder / entry["labels"] if "labels" in entry else None
    sound = read_sound(folder / entry["file"])
    return Clip(entry["name"], entry["kind"], sound, entry.get("text", ""), phones, curve, labels)


def _text_beside(path: Path) -> str:
    text = path.with_suffix(".txt")
    return text.read_text(encoding="utf-8").strip() if text.is_file() else ""
