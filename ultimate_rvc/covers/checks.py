"""What can be known to fail is found before the long work starts."""

import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ultimate_rvc.errors import AudioError, InputError, OptionError, OutputError

WEB_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# Enough for a disk to show that it is full.
PROBE_BYTES = 64 * 1024


def local_file(source: str | Path) -> Path:
    """The source as the path of a file that is there.

    Raises OptionError for kinds of sources that cannot be used yet, AudioError for a file that is missing.
    """
    if WEB_ADDRESS.match(str(source)):
        raise OptionError(f"{source}: songs from the web are not supported yet; download it and give the file's path")
    path = Path(source).expanduser()
    if path.is_dir():
        raise OptionError(f"{path} is a folder; song folders are not supported yet, so give an audio file")
    if not path.is_file():
        raise AudioError(f"{path}: no such file; give the path of an audio file")
    return path


def require_file(path: Path | None) -> None:
    """Raises InputError unless the file is there; no path is fine."""
    if path is not None and not path.is_file():
        raise InputError(f"{path}: no such file")


def require_apart(targets: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Raises OptionError if a file would be written over one that is read."""
    kept = {path.resolve() for path in inputs}
    for target in targets:
        if target.resolve() in kept:
            raise OptionError(f"{target} is an input and would be written over; choose another output name or folder")


def require_writable(folder: Path, needed_bytes: int = 0) -> None:
    """Proves that files can be written there, or into what is there of the path to it.

    Makes no folder, so that a run that fails leaves none. Raises OutputError with the reason.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as probe:
            probe.write(bytes(PROBE_BYTES))
        free_bytes = shutil.disk_usage(there).free
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror or error}; choose another folder") from error
    if free_bytes < needed_bytes:
        raise OutputError(
            f"{folder} has {free_bytes / 1e6:.0f} MB free and at least {needed_bytes / 1e6:.0f} MB are needed"
        )
