"""Voice archives as uploaders make them, and as nobody should."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

ZEROS_BLOCK = bytes(1024 * 1024)


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    """A zip of these members; names are written as they are, `../` included."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return path


def zipped_special(path: Path, name: str, kind: int, target: str = "/etc/passwd") -> Path:
    """A zip whose one member is a link, a device or a pipe by its Unix mode."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, target)
    return path


def zipped_zeros(path: Path, name: str, size: int) -> Path:
    """A zip with so many zeros in a member, written in blocks."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w", force_zip64=True) as file:
        for _ in range(size // len(ZEROS_BLOCK)):
            file.write(ZEROS_BLOCK)
    return path


def locked(path: Path) -> Path:
    """The zip with the flag on every member that says that it is encrypted."""
    data = bytearray(path.read_bytes())
    for magic, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(magic)
        while place >= 0:
            data[place + flags_at] |= 1
            place = data.find(magic, place + 4)
    path.write_bytes(data)
    return path


def tarred(path: Path, files: Mapping[str, bytes], mode: str = "w:gz") -> Path:
    """A tar archive of these members."""
    with tarfile.open(path, mode) as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return path


def tarred_special(path: Path, name: str, kind: bytes) -> Path:
    """A tar archive whose one member is a link or a device."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(info)
    return path


LINK, DEVICE, PIPE = stat.S_IFLNK, stat.S_IFBLK, stat.S_IFIFO
