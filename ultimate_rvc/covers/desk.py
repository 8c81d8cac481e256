"""Where a song is worked on: stages run or are found done, and what they gave gets a name that people can read."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ultimate_rvc import paths
from ultimate_rvc.audio.file import replacing
from ultimate_rvc.covers.cache.contents import Track
from ultimate_rvc.covers.cache.store import Cache
from ultimate_rvc.covers.cache.tasks import Result, Task
from ultimate_rvc.covers.checks import require_writable
from ultimate_rvc.covers.conversion import Studio
from ultimate_rvc.covers.names import safe_name
from ultimate_rvc.covers.stems import Separator
from ultimate_rvc.progress import Progress

CACHED = "cached"


@dataclass(frozen=True)
class StageRun:
    """A stage that was gone through: how long it took this time, and whether its result was there already."""

    stage: str
    seconds: float
    cached: bool


@dataclass
class Desk:
    """One song's results. `files` are their readable names, `used` the methods and devices behind them.

    `ahead_bytes` says what the stages still to come are expected to write.
    """

    song: str
    cache: Cache
    studio: Studio
    files: dict[str, Path] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    runs: list[StageRun] = field(default_factory=list)
    costs: tuple[Any, ...] = ()
    ahead_bytes: dict[str, float] = field(default_factory=dict)
    _fingerprints: dict[Separator, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where people find what lies between the song and its cover."""
        return paths.intermediate_dir() / safe_name(self.song)

    def do(self, task: Task) -> Result:
        """The task's result, with its stage told, timed and noted."""
        if not self.cache.holds(task):
            self._require_room()
        started = time.perf_counter()
        result = self.cache.obtain(task)
        self.ahead_bytes.pop(task.stage, None)
        self.used |= result.facts.get("used", {})
        self.runs.append(StageRun(task.stage, time.perf_counter() - started, result.cached))
        if result.cached:
            self.studio.on_progress(Progress(task.stage, 1, 1, CACHED))
        return result

    def fingerprint(self, separator: Separator) -> str:
        """What the separator's stems depend on besides the audio; asked for once, because it may read its weights."""
        if separator not in self._fingerprints:
            self._fingerprints[separator] = separator.fingerprint(self.studio.on_progress)
        return self._fingerprints[separator]

    @contextmanager
    def running(self, stage: str) -> Iterator[None]:
        """A stage whose result is not kept."""
        started = time.perf_counter()
        with self.studio.stage(stage):
            yield
        self.runs.append(StageRun(stage, time.perf_counter() - started, cached=False))

    def name(self, label: str, track: Track, file_name: str) -> Track:
        """Gives the track a name in the song's folder: the same file under two names, or a copy where that cannot be.

        Whatever had the name before is replaced.
        """
        target = self.folder / file_name
        if not (target.exists() and target.samefile(track.path)):
            with replacing(target) as temporary:
                _link(track.path, temporary)
        self.files[label] = target
        return track

    def _require_room(self) -> None:
        require_writable(self.cache.folder, int(sum(self.ahead_bytes.values())))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, target)
