"""One job: what was ordered, how it stands, and how it ends."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from threading import RLock, get_ident

from ultimate_rvc.errors import UrvcError
from ultimate_rvc.progress import OnProgress, Progress
from ultimate_rvc.serve.places import without_places

logger = logging.getLogger(__name__)

# What a client is told at most; a log of thousands would fill the memory.
WARNINGS_KEPT = 20
SEE_LOG = "the server's log has the traceback"


class Cancelled(Exception):
    """Raised out of a job's own report of progress: the way in which it is stopped."""


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True)
class JobView:
    """What a client sees of a job. `done` of `total` and `seconds_left` are of the present stage."""

    id: str
    kind: str
    voice: str
    title: str
    state: State = State.QUEUED
    ahead: int = 0
    stage: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None
    used: dict[str, str] = field(default_factory=dict)
    result: str | None = None


@dataclass(frozen=True)
class Made:
    """What a job has made."""

    path: Path
    used: dict[str, str]


@dataclass(frozen=True)
class Order:
    """What a client asked for, checked; `work` does it, `clean` removes what it left outside the job's folder."""

    kind: str
    voice: str
    title: str
    result_name: str
    work: Callable[[OnProgress], Made]
    clean: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Place:
    """A place in the queue, and the folder that belongs to it."""

    id: str
    folder: Path


class Job:
    """One order on its way. The worker changes it; everybody else looks at `view`."""

    def __init__(self, place: Place, order: Order, clock: Callable[[], float]):
        self.place, self.order, self.clock = place, order, clock
        self.view = JobView(place.id, order.kind, order.voice, order.title)
        self.result: Path | None = None
        self.ended_at = self._stage_at = 0.0
        self._lock = RLock()

    @property
    def ended(self) -> bool:
        return self.view.state in ENDED

    def change(self, **values: object) -> None:
        """A new view in the place of the old one, so that whoever holds that one sees no mixture."""
        with self._lock:
            self.view = replace(self.view, **values)  # type: ignore[arg-type]

    def begin(self) -> bool:
        """From queued to running; whether it was queued."""
        with self._lock:
            queued = self.view.state is State.QUEUED
            if queued:
                self.change(state=State.RUNNING)
        return queued

    def cancel(self) -> None:
        """Ends a job that waits, and asks a running one to stop at its next report."""
        with self._lock:
            if self.view.state is State.RUNNING:
                self.change(state=State.CANCELLING)
            waited = self.view.state is State.QUEUED
            if waited:
                self._end(State.CANCELLED)
        if waited:
            self._clear()

    def run(self) -> None:
        """Does the work, whatever comes of it; afterwards only a result is left of its files."""
        with _Notes(self):
            try:
                made = self.order.work(self.tell)
            except Exception as error:
                ending: dict[str, object] = self._bad_ending(error)
            else:
                self.result = made.path
                ending = {"state": State.DONE, "used": made.used, "result": self.order.result_name}
        self._clear()
        self._end(**ending)
        if self.view.state is not State.DONE:
            remove(self.place.folder)

    def tell(self, progress: Progress) -> None:
        """The listener of the work. Raises Cancelled when the job is to stop."""
        if self.view.state is State.CANCELLING:
            raise Cancelled
        now = self.clock()
        if progress.stage != self.view.stage or progress.done == 0:
            self._stage_at = now
        left = (progress.total - progress.done) * (now - self._stage_at) / progress.done if progress.done else None
        seconds_left = None if left is None else round(left, 1)
        self.change(stage=progress.stage, done=progress.done, total=progress.total, seconds_left=seconds_left)

    def _end(self, state: State, **values: object) -> None:
        with self._lock:
            # Whoever asked for an end in the last moment gets it.
            stopped = self.view.state is State.CANCELLING
            self.ended_at = self.clock()
            self.change(seconds_left=None, **({"state": State.CANCELLED} if stopped else {"state": state, **values}))

    def _bad_ending(self, error: Exception) -> dict[str, object]:
        # When it is to stop, any error is the stop: libraries turn what is raised inside them into their own.
        if isinstance(error, UrvcError) or self.view.state is State.CANCELLING:
            return {"state": State.FAILED, "error": self.line(str(error))}
        logger.error("A job of the kind %r failed", self.order.kind, exc_info=error)
        return {"state": State.FAILED, "error": f"unexpected {type(error).__name__}; {SEE_LOG}"}

    def _clear(self) -> None:
        """Removes what only the work needed; a result stays."""
        self.order.clean()
        for entry in list(self.place.folder.iterdir()) if self.place.folder.is_dir() else ():
            if entry != self.result:
                remove(entry)
        if not self.result:
            remove(self.place.folder)

    def line(self, message: str) -> str:
        """A message for the client."""
        return without_places(message, self.place.folder)


class _Notes(logging.Handler):
    """Takes down the warnings that are logged in this thread as long as the block lasts."""

    def __init__(self, job: Job):
        super().__init__(logging.WARNING)
        self._job, self._thread = job, get_ident()
        self._logger = logging.getLogger("ultimate_rvc")

    def __enter__(self) -> None:
        self._logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        known = self._job.view.warnings
        if record.thread == self._thread and record.levelno == logging.WARNING and len(known) < WARNINGS_KEPT:
            self._job.change(warnings=(*known, self._job.line(record.getMessage())))


def remove(path: Path) -> None:
    """Away with a file or folder; what cannot be removed is said in the log."""
    if path.is_dir():
        shutil.rmtree(path, onerror=lambda _, name, why: logger.warning("%s cannot be removed: %s", name, why[1]))
    else:
        path.unlink(missing_ok=True)
