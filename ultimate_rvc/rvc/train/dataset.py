"""The slices that a filelist names, in memory where they fit, and the batches that each epoch makes of them.

Slices of like length go together (buckets of a second), so that little is padded. A bucket's last batch is filled up
with slices of the same bucket once more. Which slices meet depends on the epoch's number alone.

L content frames (two pitch frames each) · F pitch frames · D feature channels · T samples
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ultimate_rvc.device import physical_memory_bytes
from ultimate_rvc.errors import AudioError, OptionError
from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND
from ultimate_rvc.rvc.train.configuration import TrainingConfig
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.mel import Spectrogram
from ultimate_rvc.rvc.train.network import Batch

logger = logging.getLogger(__name__)

LONGEST_FRAMES = 900
BUCKET_FRAMES = FRAMES_PER_SECOND
# Share of the machine's memory that slices may take before they are read from the disk every time.
MEMORY_SHARE = 0.25
FIELDS = 5


@dataclass(frozen=True)
class Entry:
    """A line of the filelist."""

    audio: Path
    features: Path
    coarse: Path
    pitch: Path
    speaker: int


@dataclass(frozen=True)
class Slice:
    """wav [T], features [L, D], coarse [F] int64, f0 [F] Hz; `frames` of each are trained on."""

    wav: Tensor
    features: Tensor
    coarse: Tensor
    f0: Tensor
    speaker: int
    frames: int

    def to(self, device: torch.device) -> "Slice":
        """The same on the device."""
        parts = (part.to(device, non_blocking=True) for part in (self.wav, self.features, self.coarse, self.f0))
        return Slice(*parts, self.speaker, self.frames)


class Dataset:
    """The slices of an experiment that are long enough. Raises OptionError for a filelist that cannot be used."""

    def __init__(self, experiment: Experiment, config: TrainingConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        entries = read_filelist(experiment.filelist)
        self.frames = [_frames(entry, config) for entry in entries]
        enough = [n >= config.segment_frames for n in self.frames]
        self.entries = [entry for entry, long in zip(entries, enough, strict=True) if long]
        self.frames = [n for n, long in zip(self.frames, enough, strict=True) if long]
        if short := len(entries) - len(self.entries):
            logger.warning("%d of %d slices are shorter than train.segment_size; left out", short, len(entries))
        if not self.entries:
            raise OptionError(
                f"{experiment.filelist} names no slice of {config.segment_frames} frames or more; add some"
            )
        self._held: dict[int, Slice] | None = {} if self._fits() else None

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Slice:
        if self._held is None:
            return self._read(index)
        if index not in self._held:
            self._held[index] = self._read(index)
        return self._held[index]

    @property
    def speakers(self) -> int:
        """How many there are, if they are numbered from 0."""
        return 1 + max(entry.speaker for entry in self.entries)

    def _read(self, index: int) -> Slice:
        entry, config = self.entries[index], self.config
        wav = read_wav(entry.audio, config.data.sample_rate)
        features, coarse, f0 = (np.load(path) for path in (entry.features, entry.coarse, entry.pitch))
        if features.ndim != 2 or features.shape[1] != config.model.text_enc_hidden_dim:
            raise OptionError(
                f"{entry.features} has shape {features.shape}; model.text_enc_hidden_dim in {config.path} is "
                f"{config.model.text_enc_hidden_dim}; extract the features again"
            )
        frames = min(len(wav) // config.data.hop_length, 2 * len(features), len(coarse), len(f0), LONGEST_FRAMES)
        rows = torch.from_numpy(np.asarray(features[: (frames + 1) // 2], np.float32))
        melody = torch.from_numpy(np.asarray(f0[:frames], np.float32))
        steps = torch.from_numpy(np.asarray(coarse[:frames], np.int64))
        return Slice(torch.from_numpy(wav), rows, steps, melody, entry.speaker, frames).to(self.device)

    @property
    def held_bytes(self) -> int:
        """What all of it takes in memory."""
        frame_bytes = 4 * self.config.data.hop_length + 2 * self.config.model.text_enc_hidden_dim + 12
        return sum(self.frames) * frame_bytes

    def _fits(self) -> bool:
        """Whether all of it may be held; what was asked to lie on a GPU must."""
        return self.device.type != "cpu" or self.held_bytes < physical_memory_bytes() * MEMORY_SHARE


def read_filelist(path: Path) -> list[Entry]:
    """Its lines. Raises OptionError with the line that is none."""
    if not path.is_file():
        raise OptionError(f"{path} is not there; extract the features first: urvc train extract-features")
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_entry(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _entry(path: Path, number: int, line: str) -> Entry:
    parts = line.strip().split("|")
    if len(parts) != FIELDS or not parts[-1].isdigit():
        raise OptionError(f"{path}, line {number}: expected audio|features|coarse|pitch|speaker, got {line[:80]!r}")
    return Entry(*map(Path, parts[:-1]), int(parts[-1]))


def read_wav(path: Path, rate_hz: int) -> np.ndarray:
    """Its samples [T], float32. Raises AudioError for a file that cannot be read or has another rate."""
    import soundfile

    try:
        samples, found_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise AudioError(f"{path} cannot be read ({error}); preprocess the dataset again") from error
    if found_hz != rate_hz:
        raise AudioError(f"{path} has {found_hz} Hz; expected {rate_hz}, as config.json says; preprocess again")
    return np.ascontiguousarray(samples[:, 0])


def _frames(entry: Entry, config: TrainingConfig) -> int:
    """How long the slice is, from its header alone."""
    import soundfile

    try:
        samples = soundfile.info(entry.audio).frames
    except (OSError, RuntimeError) as error:
        raise AudioError(f"{entry.audio} cannot be read ({error}); preprocess the dataset again") from error
    return min(samples // config.data.hop_length, LONGEST_FRAMES)


def batches(frames: Sequence[int], size: int, *, epoch: int, seed: int) -> Iterator[list[int]]:
    """Places of the slices that go together, in the epoch's own order."""
    draw = torch.Generator().manual_seed(seed + epoch)
    buckets: dict[int, list[int]] = {}
    for index, length in enumerate(frames):
        buckets.setdefault((length - 1) // BUCKET_FRAMES, []).append(index)
    made = [batch for _, bucket in sorted(buckets.items()) for batch in _filled(bucket, size, draw)]
    for place in torch.randperm(len(made), generator=draw).tolist():
        yield made[place]


def batches_per_epoch(frames: Sequence[int], size: int) -> int:
    """How many `batches` gives."""
    return sum(1 for _ in batches(frames, size, epoch=0, seed=0))


def _filled(bucket: list[int], size: int, draw: torch.Generator) -> list[list[int]]:
    shuffled = [bucket[i] for i in torch.randperm(len(bucket), generator=draw).tolist()]
    whole = -(-len(shuffled) // size) * size
    filled = (shuffled * (-(-whole // len(shuffled))))[:whole]
    return [filled[i : i + size] for i in range(0, whole, size)]


def collate(slices: Sequence[Slice], spectrogram: Spectrogram, hop: int) -> Batch:
    """The slices side by side, on their device."""
    # Each from its own whole signal: what follows in the row must not be heard at its end.
    spectra = [spectrogram(one.wav[None])[0, :, : one.frames].T for one in slices]
    device = slices[0].wav.device
    return Batch(
        features=pad([one.features.repeat_interleave(2, 0)[: one.frames] for one in slices]),
        coarse=pad([one.coarse for one in slices]),
        f0=pad([one.f0 for one in slices]),
        spectrogram=pad(spectra).transpose(1, 2),
        wav=pad([one.wav[: one.frames * hop] for one in slices])[:, None],
        frames=torch.tensor([one.frames for one in slices], device=device),
        speaker=torch.tensor([one.speaker for one in slices], device=device),
    )


def pad(rows: Sequence[Tensor]) -> Tensor:
    """Rows of any length, with zeros behind."""
    return pad_sequence(list(rows), batch_first=True)
