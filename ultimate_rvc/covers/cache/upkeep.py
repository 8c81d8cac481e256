"""The cache as a whole: what lies in it, how it stays within its bounds, and what can be thrown away."""

import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ultimate_rvc import paths
from ultimate_rvc.covers.cache.store import KEY_DIGITS, MANIFEST, Damaged, Entry
from ultimate_rvc.errors import OutputError

DAY_S = 86_400.0
# What was used so lately may be in use: another process may be about to read it.
IN_USE_S = 3_600.0


@dataclass(frozen=True)
class Kept:
    """One entry as a person wants to see it; `damage` says why it cannot be used, where that is known."""

    folder: Path
    songs: tuple[str, ...]
    stage: str
    label: str
    size_bytes: int
    files: tuple[str, ...]
    used: float
    damage: str = ""

    def age_s(self, now: float | None = None) -> float:
        """Seconds since its last use."""
        return max(0.0, (time.time() if now is None else now) - self.used)


def entries(folder: Path) -> list[Kept]:
    """Everything that is kept, the least recently used first."""
    found = []
    for place in filter(_is_entry, _children(folder)):
        with suppress(FileNotFoundError):  # another process has just removed it
            found.append(_described(Entry(place)))
    return sorted(found, key=lambda kept: kept.used)


def verify(folder: Path) -> list[Kept]:
    """The entries that cannot be used, after reading every byte of all."""
    return [damaged for kept in entries(folder) if (damaged := _verified(kept)).damage]


def bound(folder: Path, limit_bytes: float) -> list[Kept]:
    """Removes the least recently used entries until the rest fits, and what killed processes left; returns them.

    What was used within the last hour stays, and so do notes without files, which weigh nothing.
    """
    remove_leftovers(folder)
    every = entries(folder)
    excess, removed = sum(kept.size_bytes for kept in every) - limit_bytes, []
    for kept in every:
        if excess <= 0 or kept.age_s() < IN_USE_S:
            break
        if kept.files:
            excess -= kept.size_bytes
            removed.append(kept)
    clear(removed)
    return removed


def clear(chosen: Iterable[Kept]) -> int:
    """Removes these entries and the readable names of their files; returns the bytes. Raises OutputError."""
    chosen = list(chosen)
    names = _readable_names() if any(kept.files for kept in chosen) else {}
    for kept in chosen:
        for file in kept.files:
            for name in names.get(_inode(kept.folder / file), ()):
                name.unlink(missing_ok=True)
        _remove(kept.folder)
    return sum(kept.size_bytes for kept in chosen)


def remove_leftovers(folder: Path) -> None:
    """What processes left that were killed at work, once it is a day old: nobody works at one result for so long."""
    for place in _children(folder):
        if place.name.startswith(".") and time.time() - place.stat().st_mtime > DAY_S:
            shutil.rmtree(place, ignore_errors=True)


def _children(folder: Path) -> list[Path]:
    return [place for place in folder.iterdir() if place.is_dir()] if folder.is_dir() else []


def _is_entry(place: Path) -> bool:
    return len(place.name) == KEY_DIGITS and set(place.name) <= set("0123456789abcdef")


def _described(entry: Entry) -> Kept:
    sizes = {file.name: file.stat().st_size for file in entry.folder.iterdir()}
    used = (entry.manifest if entry.manifest.exists() else entry.folder).stat().st_mtime
    try:
        about, damage = entry.read(), ""
    except Damaged as error:
        about, damage = {}, str(error)
    stage, label = (str(about.get(name, "")) for name in ("stage", "label"))
    songs, files = tuple(map(str, about.get("songs", ()))), tuple(sorted(sizes.keys() - {MANIFEST}))
    return Kept(entry.folder, songs, stage, label, sum(sizes.values()), files, used, damage)


def _verified(kept: Kept) -> Kept:
    try:
        Entry(kept.folder).result()
    except Damaged as damage:
        return replace(kept, damage=str(damage))
    return kept


def _readable_names() -> dict[tuple[int, int] | None, list[Path]]:
    """Files below audio/intermediate by inode: those that are entries' files have the entries' inodes."""
    names: dict[tuple[int, int] | None, list[Path]] = {}
    for name in paths.intermediate_dir().glob("*/*"):
        names.setdefault(_inode(name), []).append(name)
    return names


def _inode(file: Path) -> tuple[int, int] | None:
    with suppress(FileNotFoundError):
        state = file.stat()
        return state.st_dev, state.st_ino
    return None


def _remove(place: Path) -> None:
    """Renamed first, so that nobody meets half of it."""
    aside = place.with_name(f".{place.name}.gone")
    try:
        with suppress(FileNotFoundError):
            os.replace(place, aside)
    except OSError as error:
        raise OutputError(f"{place} cannot be removed: {error.strerror or error}") from error
    shutil.rmtree(aside, ignore_errors=True)
