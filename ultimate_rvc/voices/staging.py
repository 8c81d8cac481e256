"""Changes of the library as single steps: what is new is put together in a folder of its own, then renamed into place.

    voices/.incoming-TOKEN/            one change in the making, on the same disk as the voices
    voices/.incoming-TOKEN/replaced/   what the new voice takes the place of, until it has it
    voices/.incoming-TOKEN.lock        held as long as the change is worked on
    voices/.library.lock               held for the moment of renaming

A process that is killed leaves such a folder; the next change finds that nobody holds its lock, gives back what was
replaced but not succeeded, and removes the rest.
"""

import logging
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ultimate_rvc.errors import OutputError, UrvcError

if TYPE_CHECKING:
    from filelock import BaseFileLock

logger = logging.getLogger(__name__)

PREFIX = ".incoming-"
REPLACED = "replaced"
TOKEN_BYTES = 6


@contextmanager
def workshop(voices: Path) -> Iterator[Path]:
    """A new folder inside the voices' folder, removed with everything that is left in it.

    Raises OutputError when it cannot be written.
    """
    from filelock import FileLock

    with _as_output_errors(voices):
        voices.mkdir(parents=True, exist_ok=True)
        sweep(voices)
        shop = voices / f"{PREFIX}{secrets.token_hex(TOKEN_BYTES)}"
        with FileLock(_lock_of(shop)):
            shop.mkdir()
            try:
                yield shop
            finally:
                _clear(shop)


def put_in_place(new: Path, target: Path) -> None:
    """Renames the folder `new`, which lies in a workshop, to `target`; what lay there goes into the workshop."""
    replaced = new.parent / REPLACED
    if target.is_symlink() or target.exists():
        replaced.mkdir(exist_ok=True)
        os.rename(target, replaced / target.name)
    os.rename(new, target)


def library_lock(voices: Path) -> "BaseFileLock":
    """What is held while names in this folder are looked at and changed."""
    from filelock import FileLock

    return FileLock(voices / ".library.lock")


def sweep(voices: Path) -> None:
    """Finishes what killed processes left: replaced voices without a successor come back, the rest goes."""
    from filelock import FileLock, Timeout

    for lock in voices.glob(f"{PREFIX}*.lock"):
        try:
            with FileLock(lock, timeout=0):
                _clear(lock.with_suffix(""))
        except Timeout:
            logger.debug("%s is being worked on", lock)


def give_back_interrupted(places: Iterable[Path]) -> None:
    """Sweeps the folders in which a killed process left a voice that was to be replaced."""
    for voices in places:
        if any(voices.glob(f"{PREFIX}*/{REPLACED}/*")):
            sweep(voices)


def without_folders(error: UrvcError, *folders: Path) -> UrvcError:
    """The same error, its files called by their names alone: these folders are gone when people read it."""
    told = str(error)
    for folder in folders:
        told = told.replace(f"{folder}{os.sep}", "")
    return type(error)(told)


def _lock_of(shop: Path) -> Path:
    return shop.with_name(shop.name + ".lock")


def _clear(shop: Path) -> None:
    replaced = shop / REPLACED
    for old in replaced.iterdir() if replaced.is_dir() else ():
        home = shop.parent / old.name
        if not home.exists():
            os.rename(old, home)
            logger.info("%s was given back: its successor did not come", home)
    if shop.is_dir():
        shutil.rmtree(shop)
    _lock_of(shop).unlink(missing_ok=True)


@contextmanager
def _as_output_errors(voices: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where, reason = error.filename or voices, error.strerror or error
        raise OutputError(f"{where}: {reason}; check the rights and the space of the disk") from error
