"""Results on disk: whole or not at all, made once, and checked before they are used.

audio/cache/KEY/manifest.json         what it is, what it depended on, the sha256 of each file
audio/cache/KEY/Vocals.wav            its files
audio/cache/.KEY.part/                being made; becomes KEY by one rename
audio/cache/locks/                    whoever makes a result holds its lock, which ends with the process
audio/cache/fingerprints/             hashes of weights and sources
"""

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ultimate_rvc.audio.file import replacing
from ultimate_rvc.covers.cache.contents import Fingerprints, Track, sha256_of, writing
from ultimate_rvc.covers.cache.tasks import Facts, Result, Task

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
KEY_DIGITS = 64
# Locks are shared by keys that begin alike, so that their files are never more than 16 ** 3.
LOCK_DIGITS = 3


class Damaged(Exception):
    """An entry that cannot be used, and why."""


@dataclass(frozen=True)
class Entry:
    """A result as it lies on disk."""

    folder: Path

    @property
    def manifest(self) -> Path:
        """Its last use is the file's time."""
        return self.folder / MANIFEST

    def read(self) -> dict[str, Any]:
        """The manifest. Raises Damaged."""
        try:
            found = json.loads(self.manifest.read_bytes())
            own, kinds = found["key"] == self.folder.name, (type(found["files"]), type(found["songs"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Damaged(f"its {MANIFEST} cannot be read") from error
        if not own or kinds != (dict, list):
            raise Damaged(f"its {MANIFEST} is another entry's")
        return found

    def result(self) -> Result:
        """What was kept, after every byte of it has been checked. Raises Damaged."""
        found = self.read()
        try:
            files = {role: self._checked(role, about) for role, about in found["files"].items()}
            return Result(files, dict(found["facts"]), float(found["seconds"]), cached=True)
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged(f"its {MANIFEST} is incomplete") from error

    def _checked(self, role: str, about: dict[str, str]) -> Track:
        path = self.folder / Path(about["file"]).name
        try:
            if sha256_of(path) == about["sha256"]:
                return Track(path, about["sha256"])
        except OSError as error:
            raise Damaged(f"{path.name} cannot be read") from error
        raise Damaged(f"{path.name} was changed")

    def used_for(self, song: str) -> None:
        """It has been used now, by this song. Raises OutputError."""
        found = self.read()
        with writing(self.manifest):
            if song in found["songs"]:
                os.utime(self.manifest)
            else:
                _write(self.folder, {**found, "songs": [*found["songs"], song]})


class Cache:
    """Keeps the results of tasks in one folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.fingerprints = Fingerprints(folder / "fingerprints")

    def obtain(self, task: Task) -> Result:
        """The task's result: the one that is kept, or a new one. Two that ask at once get the same one, made once.

        A kept one that is damaged is made again, with a warning. Raises OutputError, and whatever the work raises.
        """
        with self._locked(task):
            return self._kept(task) or self._made(task)

    def find(self, task: Task) -> Result | None:
        """The result if it is kept and whole; makes nothing."""
        return self._kept(task)

    def renew(self, task: Task) -> Result:
        """The result, made anew and kept in place of an older one."""
        with self._locked(task):
            return self._made(task)

    def holds(self, task: Task) -> bool:
        """Whether there is an entry for it, damaged or not."""
        return (self.folder / task.key / MANIFEST).is_file()

    @contextmanager
    def _locked(self, task: Task) -> Iterator[None]:
        from filelock import FileLock, Timeout

        path = self.folder / "locks" / f"{task.key[:LOCK_DIGITS]}.lock"
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            logger.warning("Another process works on %s too; waiting for what it makes", task.song)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _kept(self, task: Task) -> Result | None:
        entry = Entry(self.folder / task.key)
        if not entry.folder.exists():
            return None
        try:
            result = entry.result()
            if set(result.files) != set(task.gives):
                raise Damaged("its files are not those of this stage")
        except Damaged as damage:
            logger.warning("%s: what was kept of '%s' is made again, because %s", task.song, task.stage, damage)
            return None
        entry.used_for(task.song)
        return result

    def _made(self, task: Task) -> Result:
        """Written beside its place and put there by one rename; a process that ends in between leaves no entry."""
        part = self.folder / f".{task.key}.part"
        shutil.rmtree(part, ignore_errors=True)
        with writing(part):
            part.mkdir(parents=True)
        try:
            started = time.perf_counter()
            facts = task.work(part)
            result = Result(_named(part, task), facts, time.perf_counter() - started)
            with writing(part):
                _write(part, _manifest(task, result))
                return self._placed(part, task, result)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _placed(self, part: Path, task: Task, result: Result) -> Result:
        place = self.folder / task.key
        shutil.rmtree(place, ignore_errors=True)
        part.rename(place)
        files = {role: Track(place / track.path.name, track.sha256) for role, track in result.files.items()}
        return Result(files, result.facts, result.seconds)


def _write(folder: Path, manifest: Facts) -> None:
    with replacing(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1))


def _named(folder: Path, task: Task) -> dict[str, Track]:
    return {role: Track(folder / name, sha256_of(folder / name)) for role, name in task.gives.items()}


def _manifest(task: Task, result: Result) -> Facts:
    files = {role: {"file": track.path.name, "sha256": track.sha256} for role, track in result.files.items()}
    about = {"songs": [task.song], "label": task.label, "made": time.time(), "seconds": result.seconds}
    return {"key": task.key, **about, "files": files, "facts": result.facts, **task.ingredients}
