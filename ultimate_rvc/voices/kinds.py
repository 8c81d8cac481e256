"""What a file is by its first bytes: names lie, and downloads often have none."""

import re
import struct
import zipfile
from pathlib import Path

from ultimate_rvc.errors import ModelError

HEAD_BYTES = 512
TAR_MAGIC_AT = 257
# FAISS's four letters all begin so; see rvc/infer/faiss_file.py for the ones that can be read.
INDEX_HEADS = (b"Ix", b"Iw", b"IH", b"IB", b"Iv")
ZIP_HEADS = (b"PK\x03\x04", b"PK\x05\x06")
PICKLE_HEADS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
CHECKPOINT, SAFETENSORS, INDEX, ZIP, TAR = "a checkpoint", "safetensors", "an index", "a zip archive", "a tar archive"
SUFFIXES = {CHECKPOINT: ".pth", SAFETENSORS: ".safetensors", INDEX: ".index", ZIP: ".zip", TAR: ".tar.gz"}
ARCHIVES = (ZIP, TAR)
# Of a zip's directory: names and places of its members. A thousand of them need a tenth of this.
MOST_DIRECTORY_BYTES = 4 * 1024**2
# A checkpoint that somebody packed again is at most this many times smaller than its weights.
MOST_SWELLING = 20
END_RECORD, END64_LOCATOR = b"PK\x05\x06", b"PK\x06\x07"
END_RECORD_BYTES, END64_BYTES, LOCATOR_BYTES, LONGEST_COMMENT_BYTES = 22, 56, 20, 65_535
WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<[!?a-zA-Z][a-zA-Z-]{2}")
REFUSED = (
    (b"Rar!", "a rar archive; unpack it and import the folder"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it and import the folder"),
    (b"\xfd7zXZ", "an xz archive; unpack it and import the folder"),
    (b"BZh", "a bzip2 archive; unpack it and import the folder"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file that it points to; download the file itself"),
)


def kind_of(path: Path) -> str:
    """CHECKPOINT, SAFETENSORS, INDEX, ZIP or TAR; by its name where its bytes say nothing.

    Raises ModelError with the reason for anything else.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    _refuse(path, head)
    if head.startswith(ZIP_HEADS):
        return _zip_or_checkpoint(path)
    if head.startswith(b"\x1f\x8b") or head[TAR_MAGIC_AT:].startswith(b"ustar"):
        return TAR
    if head.startswith(PICKLE_HEADS):
        return CHECKPOINT
    if head.startswith(INDEX_HEADS):
        return INDEX
    return SAFETENSORS if _is_safetensors(path, head) else _by_name(path)


def _refuse(path: Path, head: bytes) -> None:
    if not head.strip(b"\0"):
        what = "empty" if not head else "all zeros at its start, as a broken download leaves it"
        raise ModelError(f"{path} is {what}; download it again")
    if WEB_PAGE.match(head):
        raise ModelError(f"{path} is a web page; download the file itself")
    for magic, what in REFUSED:
        if head.startswith(magic):
            raise ModelError(f"{path} is {what}")


def _zip_or_checkpoint(path: Path) -> str:
    refuse_long_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise ModelError(f"{path} is cut off or damaged; download it again") from error
    return CHECKPOINT if any(name.endswith("/data.pkl") for name in names) else ZIP


def refuse_long_directory(path: Path) -> None:
    """Raises ModelError for a zip whose list of members alone would fill the memory."""
    size = _directory_bytes(path)
    if size > MOST_DIRECTORY_BYTES:
        raise ModelError(f"{path} has a directory of {size:,} bytes; a voice's archive needs a few hundred")


def _directory_bytes(path: Path) -> int:
    """The largest size that the records at the file's end give; 0 without such a record."""
    with path.open("rb") as file:
        length = file.seek(0, 2)
        file.seek(max(0, length - LONGEST_COMMENT_BYTES - END_RECORD_BYTES - LOCATOR_BYTES - END64_BYTES))
        tail = file.read()
    end = tail.rfind(END_RECORD)
    if end < 0 or len(tail) - end < END_RECORD_BYTES:
        return 0
    locator = end - LOCATOR_BYTES
    if locator < END64_BYTES or not tail.startswith(END64_LOCATOR, locator):
        return struct.unpack_from("<L", tail, end + 12)[0]
    return struct.unpack_from("<Q", tail, locator - END64_BYTES + 40)[0]


def _is_safetensors(path: Path, head: bytes) -> bool:
    """A length, and so many bytes of JSON."""
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size


def _by_name(path: Path) -> str:
    for kind, suffix in SUFFIXES.items():
        if path.name.lower().endswith(suffix):
            return kind
    wanted = "a .pth, .safetensors or .index file, a .zip or .tar.gz of them, or a folder"
    raise ModelError(f"{path} is nothing that a voice is made of; give {wanted}")


def refuse_swollen(path: Path) -> None:
    """Raises ModelError for a checkpoint that is a zip of much more than its size: torch packs nothing."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        size = sum(info.file_size for info in archive.infolist())
    if size > MOST_SWELLING * path.stat().st_size:
        raise ModelError(f"{path} unpacks to {size:,} bytes from {path.stat().st_size:,}, which no voice does")
