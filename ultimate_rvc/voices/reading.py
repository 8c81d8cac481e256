"""What a voice is, and whether it is sound: everything that can be told from its bytes, nothing run from them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultimate_rvc import paths
from ultimate_rvc.errors import IndexFileError, UrvcError
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.voices.library import VoiceEntry, VoiceFiles, find_voice, list_entries

if TYPE_CHECKING:
    from ultimate_rvc.rvc.infer.faiss_file import StoredIndex
    from ultimate_rvc.rvc.synth.checkpoint import Checkpoint


@dataclass(frozen=True)
class IndexInfo:
    """A retrieval index: how many vectors of how many dimensions; `fingerprint` is the sha256 of its bytes."""

    path: Path
    bytes: int
    vectors: int
    dimensions: int
    fingerprint: str


@dataclass(frozen=True)
class VoiceInfo:
    """A voice that was read strictly; `fingerprint` is the sha256 of the checkpoint's bytes."""

    name: str
    path: Path
    format: str
    bytes: int
    sample_rate_hz: int
    has_pitch: bool
    version: str
    vocoder: str
    speakers: int
    epoch: int | None
    embedder: str | None
    remark: str
    fingerprint: str
    index: IndexInfo | None
    is_shipped: bool = False


@dataclass(frozen=True)
class Verdict:
    """Whether something can be used; `reason` says in one line why not."""

    name: str
    path: Path
    reason: str | None = None

    @property
    def is_sound(self) -> bool:
        """Whether nothing speaks against it."""
        return self.reason is None


def inspect(name: str) -> VoiceInfo:
    """What is known of the voice of that name or path, after it was read strictly.

    Raises what `find_voice` and `read_strictly` raise.
    """
    return describe(find_voice(name))


def describe(files: VoiceFiles) -> VoiceInfo:
    """As `inspect`, for files that were found."""
    checkpoint, index = read_strictly(files)
    return VoiceInfo(
        name=files.name,
        path=files.checkpoint,
        format=files.checkpoint.suffix.lower().lstrip("."),
        bytes=files.checkpoint.stat().st_size,
        sample_rate_hz=checkpoint.sample_rate_hz,
        has_pitch=checkpoint.has_pitch,
        version=checkpoint.version,
        vocoder=checkpoint.vocoder,
        speakers=checkpoint.speakers,
        epoch=checkpoint.epoch,
        embedder=checkpoint.embedder,
        remark=checkpoint.info,
        fingerprint=fingerprint(files.checkpoint),
        index=_described(files.index, index) if files.index and index else None,
        is_shipped=paths.is_shipped(files.checkpoint),
    )


def read_strictly(files: VoiceFiles) -> "tuple[Checkpoint, StoredIndex | None]":
    """The voice and its index, every name, shape and number of them checked; the index has the voice's dimensions.

    Raises CheckpointError, UnsafePickleError or IndexFileError.
    """
    import numpy as np

    from ultimate_rvc.rvc.infer.faiss_file import read_index
    from ultimate_rvc.rvc.synth.checkpoint import load_checkpoint
    from ultimate_rvc.rvc.synth.synthesizer import skeleton

    checkpoint = load_checkpoint(files.checkpoint)
    skeleton(checkpoint)
    if files.index is None:
        return checkpoint, None
    index = read_index(files.index, dimensions=checkpoint.config.feature_channels)
    if not all(np.isfinite(part).all() for part in (index.vectors, index.centroids)):
        raise IndexFileError(f"{files.index}: it holds numbers that are not finite; train the index again")
    return checkpoint, index


def verify(name: str) -> Verdict:
    """Whether the voice of that name can be used. Raises VoiceNotFound when there is none."""
    files = find_voice(name)
    return judge(files.name, files.checkpoint, lambda: read_strictly(files))


def verify_all(on_progress: OnProgress = silent) -> list[Verdict]:
    """A verdict for every folder of the library, those without a voice included."""
    verdicts, entries = [], list_entries()
    for number, entry in enumerate(entries, 1):
        verdicts.append(_verdict_on(entry))
        on_progress(Progress("verify voices", number, len(entries)))
    return verdicts


def judge(name: str, path: Path, read: Callable[[], Any]) -> Verdict:
    """The verdict on what `read()` reads: a UrvcError is the reason."""
    try:
        read()
    except UrvcError as error:
        return Verdict(name, path, str(error))
    return Verdict(name, path)


def fingerprint(path: Path) -> str:
    """The sha256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verdict_on(entry: VoiceEntry) -> Verdict:
    files = entry.files
    if files is None:
        return Verdict(entry.name, entry.folder, entry.problem)
    return judge(entry.name, files.checkpoint, lambda: read_strictly(files))


def _described(path: Path, index: "StoredIndex") -> IndexInfo:
    return IndexInfo(path, path.stat().st_size, len(index.vectors), index.dimensions, fingerprint(path))
