"""Who is who: a browser gets a key that nobody can guess, and behind it a folder and jobs that are its own.

The key travels as a cookie of this site alone, so that a page that was loaded again finds its jobs.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from threading import Lock
from typing import Any

COOKIE = "urvc_session"
KEY_BYTES = 24
# After so long without a sign of life a session's files are removed.
FORGOTTEN_AFTER_S = 12 * 3600.0
MOST_SESSIONS = 1000


@dataclass
class Session:
    """One browser: its folder, and what it has asked for, by key and in the order of asking."""

    key: str
    folder: Path
    tasks: dict[str, Any] = field(default_factory=dict)
    seen_at: float = 0.0

    @property
    def mark(self) -> str:
        """Tells its songs from those of others, and gives nothing of the key away."""
        return self.folder.name

    def file(self, job: str, name: str) -> Path | None:
        """A file that one of its jobs has made, by the names that the job gave its files; None for anything else."""
        task = self.tasks.get(job)
        return task.files().get(name) if task else None


class Sessions:
    """All sessions of this server, below one folder."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic):
        self.folder, self._clock = folder, clock
        self._known: dict[str, Session] = {}
        self._lock = Lock()

    def of(self, key: str | None) -> Session:
        """The session of that key; a new one, with a key of its own, where there is none."""
        with self._lock:
            self._forget_old()
            session = self._known.get(key or "") or self._new()
            session.seen_at = self._clock()
        return session

    def find(self, key: str | None) -> Session | None:
        """The session of that key, if there is one."""
        return self._known.get(key or "")

    def _new(self) -> Session:
        key = token_urlsafe(KEY_BYTES)
        folder = self.folder / token_urlsafe(6)
        folder.mkdir(parents=True)
        session = self._known[key] = Session(key, folder)
        return session

    def _forget_old(self) -> None:
        """Those that nobody has used for long; above a number, the oldest that have asked for nothing."""
        oldest = self._clock() - FORGOTTEN_AFTER_S
        old = [one for one in self._known.values() if one.seen_at < oldest and not _at_work(one)]
        if len(self._known) - len(old) >= MOST_SESSIONS:
            idle = sorted((one for one in self._known.values() if not one.tasks), key=lambda one: one.seen_at)
            old += [one for one in idle if one not in old][: len(self._known) - MOST_SESSIONS + 1]
        for session in old:
            del self._known[session.key]
            shutil.rmtree(session.folder, ignore_errors=True)


def _at_work(session: Session) -> bool:
    return any(not task.ended for task in session.tasks.values())
