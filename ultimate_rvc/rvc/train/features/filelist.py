"""Which file holds what of a slice, and the list of slices that are trained on."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from ultimate_rvc.audio.file import replacing
from ultimate_rvc.rvc.pitch.contour import quantise
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.features.files import save_array


@dataclass(frozen=True)
class Lists:
    """The features of one experiment by one pitch method and one encoder: files by the names of slices."""

    experiment: Experiment
    f0_method: str
    encoder_id: str

    def of(self, other: Experiment) -> "Lists":
        """The same of another folder."""
        return replace(self, experiment=other)

    def audio(self, name: str) -> Path:
        """The slice at the voice's rate."""
        return self.experiment.slices / f"{name}.wav"

    def audio_16k(self, name: str) -> Path:
        """The slice at 16 kHz."""
        return self.experiment.slices_16k / f"{name}.wav"

    def content(self, name: str) -> Path:
        """Content features [L, D]."""
        return self.experiment.features(self.encoder_id) / f"{name}.npy"

    def coarse(self, name: str) -> Path:
        """Pitch in 1..255 [F]."""
        return self.experiment.coarse(self.f0_method) / f"{name}.wav.npy"

    def pitch(self, name: str) -> Path:
        """Pitch in Hz [F]."""
        return self.experiment.pitch(self.f0_method) / f"{name}.wav.npy"

    def row(self, name: str) -> list[Path]:
        """What a line of the list names, but for the speaker."""
        return [self.audio(name), self.content(name), self.coarse(name), self.pitch(name)]

    def complete(self) -> list[str]:
        """The names of the slices that everything is there of, by speaker, recording and place."""
        names = (path.stem for path in self.experiment.slices.glob("*.wav"))
        return sorted((name for name in names if all(path.is_file() for path in self.row(name))), key=by_number)


def by_number(name: str) -> list[tuple[int, str]]:
    """The order of slices SPEAKER_FILE_SLICE: as numbers, not as text."""
    return [(int(part) if part.isdecimal() else -1, part) for part in name.split("_")]


def write_pitch(lists: Lists, name: str, f0: Tensor) -> None:
    """f0 [F] in Hz as float32, and its 255 steps as int64. Raises OutputError."""
    save_array(lists.pitch(name), f0.float().cpu().numpy())
    save_array(lists.coarse(name), quantise(f0).cpu().numpy().astype(np.int64))


def write_filelist(lists: Lists, names: Iterable[str], mute: str, mutes: int) -> int:
    """Writes the list, with so many slices of silence per speaker, and returns how many speakers a voice must hold."""
    rows = [(lists.row(name), speaker_of(name)) for name in names]
    speakers = sorted({speaker for _, speaker in rows})
    rows += [(lists.of(lists.experiment.mute).row(mute), speaker) for _ in range(mutes) for speaker in speakers]
    lines = ("|".join([*(str(path.resolve()) for path in paths), str(speaker)]) for paths, speaker in rows)
    with replacing(lists.experiment.filelist) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")
    return max(speakers) + 1


def speaker_of(name: str) -> int:
    """Who speaks in a slice: the first number of its name."""
    return int(name.split("_")[0])
