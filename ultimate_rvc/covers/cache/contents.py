"""What files hold: the hash of their bytes, whatever they are called; and sound written so that its hash means it."""

import hashlib
import json
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ultimate_rvc.audio.file import Audio, check_samples, replacing
from ultimate_rvc.errors import InputError, OutputError

BLOCK_BYTES = 1 << 20
BLOCK_FRAMES = 1 << 16
FLOAT_BYTES = 4
# A file that was just written may be written again without its time changing: some file systems count in seconds.
SETTLED_S = 2.0
# Chunk sizes of a wav are 32-bit numbers.
LARGEST_WAV_BYTES = 2**32 - 2**10
IEEE_FLOAT, FORMAT_BYTES, HEADER_BYTES = 3, 16, 36


@dataclass(frozen=True)
class Track:
    """A file and the sha256 of its bytes."""

    path: Path
    sha256: str


def sha256_of(path: Path) -> str:
    """The hash of the file's bytes. Raises OSError."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            found.update(block)
    return found.hexdigest()


class Fingerprints:
    """Hashes of files that seldom change, remembered in a folder by place, size, time and inode.

    The weights of one cover are some 600 MB and take about 0.5 s to read where the processor hashes in hardware, and
    2 s where it does not.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def of(self, path: Path) -> str:
        """The sha256 of the file's bytes. Raises InputError when it cannot be read."""
        try:
            stamp = _stamp(path)
            return self._remembered(path, stamp) or self._found(path, stamp)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}") from error

    def track(self, path: Path) -> Track:
        """The file with its hash."""
        return Track(path, self.of(path))

    def _note(self, path: Path) -> Path:
        return self.folder / f"{hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:32]}.json"

    def _remembered(self, path: Path, stamp: list[int]) -> str | None:
        try:
            noted = json.loads(self._note(path).read_bytes())
            return noted["sha256"] if noted["stamp"] == stamp else None
        except (OSError, ValueError, KeyError, TypeError):
            return ""  # nothing that can be read was noted

    def _found(self, path: Path, stamp: list[int]) -> str:
        found = sha256_of(path)
        if time.time() - path.stat().st_mtime > SETTLED_S and _stamp(path) == stamp:
            with replacing(self._note(path)) as note:
                note.write_text(json.dumps({"path": str(path.absolute()), "stamp": stamp, "sha256": found}))
        return found


def _stamp(path: Path) -> list[int]:
    state = path.stat()
    return [state.st_size, state.st_mtime_ns, state.st_ino]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises OutputError, with the reason and what to do, for any OSError of the block."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{path} cannot be written: {reason}; make room there, or set URVC_AUDIO_DIR") from error


def write_exactly(audio: Audio, path: Path) -> None:
    """The samples as they are, as a float32 wav; the same samples always give the same bytes.

    (libsndfile would write the time of day into the file.) Raises AudioError for samples that are no numbers, or
    OutputError.
    """
    check_samples(audio, path.name)
    with writing(path), path.open("wb") as file:
        file.write(_header(audio))
        for start in range(0, audio.length, BLOCK_FRAMES):
            block = audio.samples[:, start : start + BLOCK_FRAMES]  # [C, n]
            file.write(np.ascontiguousarray(block.T, "<f4").tobytes())


def _header(audio: Audio) -> bytes:
    """RIFF up to the samples; RF64 with its 64-bit sizes (EBU Tech 3306) where 32 bits are too few."""
    frame_bytes = FLOAT_BYTES * audio.channels
    data_bytes = frame_bytes * audio.length
    layout = (IEEE_FLOAT, audio.channels, audio.rate, audio.rate * frame_bytes, frame_bytes, 8 * FLOAT_BYTES)
    shape = b"fmt " + struct.pack("<IHHIIHH", FORMAT_BYTES, *layout)
    if data_bytes <= LARGEST_WAV_BYTES:
        sizes = struct.pack("<I", HEADER_BYTES + data_bytes)
        return b"RIFF" + sizes + b"WAVE" + shape + b"data" + struct.pack("<I", data_bytes)
    unknown, long_sizes = b"\xff" * 4, struct.pack("<QQQI", HEADER_BYTES + 36 + data_bytes, data_bytes, audio.length, 0)
    return b"RF64" + unknown + b"WAVE" + b"ds64" + struct.pack("<I", 28) + long_sizes + shape + b"data" + unknown
