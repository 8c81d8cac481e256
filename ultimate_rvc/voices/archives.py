"""Voice archives from strangers: only what a voice is made of comes out, into one flat folder, within bounds.

The bounds are held against what really comes out, block by block, because a header may say anything: 10 GB of zeros
fit into a zip of 10 MB. A member whose name would lead out of the folder, a link or a device condemns the archive.
"""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from ultimate_rvc.errors import ModelError
from ultimate_rvc.names import safe_name
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.voices.kinds import ZIP, kind_of

BLOCK_BYTES = 1024 * 1024
WANTED_SUFFIXES = (".pth", ".safetensors", ".index")
ARCHIVE_SUFFIXES = (".zip", ".rar", ".7z", ".gz", ".tar")
ENCRYPTED = 1
# macOS puts a second tree of notes beside the first.
MAC_NOTES = "__MACOSX"
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError)


@dataclass(frozen=True)
class Bounds:
    """What an archive may be. Voices are 55 to 450 MB, indexes up to 1.5 GB, and neither compresses even to a half."""

    members: int = 1000
    unpacked_bytes: int = 4 * 1024**3
    ratio: int = 20
    # Below this the ratio does not matter.
    small_bytes: int = 16 * 1024**2

    def allowed_bytes(self, archive_bytes: int) -> int:
        """How much may come out of an archive of that size."""
        return min(self.unpacked_bytes, max(self.small_bytes, self.ratio * archive_bytes))


@dataclass(frozen=True)
class Member:
    """An entry of an archive, before anything of it was unpacked."""

    name: str
    size: int
    is_file: bool
    is_folder: bool
    is_locked: bool
    open: Callable[[], BinaryIO]

    @property
    def parts(self) -> tuple[str, ...]:
        """Its path; both slashes separate, whatever system wrote it."""
        return PurePosixPath(self.name.replace("\\", "/")).parts

    @property
    def is_note(self) -> bool:
        """Whether an operating system put it there."""
        return MAC_NOTES in self.parts or any(last.startswith(".") for last in self.parts[-1:])

    @property
    def is_wanted(self) -> bool:
        """Whether a voice is made of such files."""
        return self.is_file and not self.is_note and self.name.lower().endswith(WANTED_SUFFIXES)


@dataclass(frozen=True)
class Unpacked:
    """The files that came out, in the archive's order, and the names of those that stayed in."""

    files: tuple[Path, ...]
    left_in: tuple[str, ...]

    @property
    def inner_archives(self) -> tuple[str, ...]:
        """Archives inside the archive, which are not opened."""
        return tuple(name for name in self.left_in if name.lower().endswith(ARCHIVE_SUFFIXES))


def unpack(archive: Path, into: Path, *, bounds: Bounds | None = None, on_progress: OnProgress = silent) -> Unpacked:
    """Writes the checkpoints and indexes of a .zip or .tar(.gz) into the folder `into`, under their last names.

    Raises ModelError with the reason when the archive is unsafe, too large, locked or damaged.
    """
    bounds = bounds or Bounds()
    into.mkdir(parents=True, exist_ok=True)
    purse = _Purse(archive, bounds.allowed_bytes(archive.stat().st_size))
    with _readable(archive, purse) as members:
        files, left_in = [], []
        for count, member in enumerate(members, 1):
            _refuse(archive, member, count, bounds)
            if member.is_wanted:
                files.append(_write(member, _free_name(into, member.parts[-1]), purse, on_progress))
            elif member.is_file and not member.is_note:
                left_in.append("/".join(member.parts))
    return Unpacked(tuple(files), tuple(left_in))


class _Purse:
    """How many bytes may still come out of an archive."""

    def __init__(self, archive: Path, allowed_bytes: int) -> None:
        self.archive, self.allowed_bytes, self.spent_bytes = archive, allowed_bytes, 0

    def spend(self, size: int) -> None:
        self.spent_bytes += size
        self.refuse_above(self.spent_bytes)

    def refuse_above(self, size: int) -> None:
        """Raises ModelError when so many bytes are too many."""
        if size > self.allowed_bytes:
            packed = self.archive.stat().st_size
            raise ModelError(
                f"{self.archive} unpacks to more than {_megabytes(self.allowed_bytes)} from {_megabytes(packed)}, "
                "which no voice does; it may be made to fill the disk"
            )


@contextmanager
def _readable(archive: Path, purse: _Purse) -> Iterator[Iterator[Member]]:
    """The archive's members; whatever a damaged one raises becomes a ModelError."""
    try:
        with (_zip_members if kind_of(archive) == ZIP else _tar_members)(archive, purse) as members:
            yield members
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno:  # the disk's, not the archive's
            raise
        raise ModelError(f"{archive} is damaged or cut off ({_line(error)}); download it again") from error


@contextmanager
def _zip_members(path: Path, purse: _Purse) -> Iterator[Iterator[Member]]:
    with zipfile.ZipFile(path) as archive:
        purse.refuse_above(sum(info.file_size for info in archive.infolist() if _zip_member(archive, info).is_wanted))
        yield (_zip_member(archive, info) for info in archive.infolist())


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    kind = stat.S_IFMT(info.external_attr >> 16)
    plain = kind in (0, stat.S_IFREG)
    return Member(
        name=info.filename,
        size=info.file_size,
        is_file=plain and not info.is_dir(),
        is_folder=info.is_dir() and kind in (0, stat.S_IFDIR),
        is_locked=bool(info.flag_bits & ENCRYPTED),
        open=lambda: archive.open(info),
    )


@contextmanager
def _tar_members(path: Path, purse: _Purse) -> Iterator[Iterator[Member]]:
    import gzip

    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        # Members that are passed over are unpacked too, so the stream itself is counted.
        stream: Any = _Counted(gzip.GzipFile(fileobj=file) if packed else file, purse)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            yield (_tar_member(archive, info) for info in archive)


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    return Member(
        name=info.name,
        size=info.size,
        is_file=info.isreg(),
        is_folder=info.isdir(),
        is_locked=False,
        open=lambda: archive.extractfile(info),  # type: ignore[return-value, arg-type]
    )


class _Counted:
    """A stream that may give so many bytes and no more."""

    def __init__(self, stream: Any, purse: _Purse) -> None:
        self._stream, self._purse, self._given = stream, purse, 0

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._given += len(block)
        self._purse.refuse_above(self._given)
        return block


def _refuse(archive: Path, member: Member, count: int, bounds: Bounds) -> None:
    if count > bounds.members:
        raise ModelError(f"{archive} has more than {bounds.members} members; a voice is one or two files")
    if _leads_out(member):
        raise ModelError(f"{archive} wants to write outside of its folder ({member.name!r}); do not use it")
    if not (member.is_file or member.is_folder):
        raise ModelError(f"{archive} holds a link or a device ({member.name!r}); do not use it")
    if member.is_locked and member.is_wanted:
        raise ModelError(f"{archive} is locked with a password; unpack it yourself and import the folder")


def _leads_out(member: Member) -> bool:
    """Whether its name is absolute, on another drive, or climbs."""
    drive = len(member.name) > 1 and member.name[1] == ":"
    return drive or member.name.startswith(("/", "\\")) or ".." in member.parts or not member.parts


def _write(member: Member, target: Path, purse: _Purse, on_progress: OnProgress) -> Path:
    done, stage = 0, f"unpack {target.name}"
    purse.refuse_above(purse.spent_bytes + member.size)  # what it says of itself is refused before a byte is written
    with member.open() as source, target.open("xb") as file:
        while block := source.read(BLOCK_BYTES):
            purse.spend(len(block))
            file.write(block)
            done += len(block)
            on_progress(Progress(stage, done, max(done, member.size)))
    return target


def _free_name(folder: Path, name: str) -> Path:
    """A path for a file of that name; the second of the same name gets a number."""
    stem, suffix = safe_name(Path(name).stem), Path(name).suffix.lower()
    names = (f"{stem}{suffix}", *(f"{stem}_{number}{suffix}" for number in range(2, Bounds.members + 2)))
    return next(folder / name for name in names if not (folder / name).exists())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
