"""The board of jobs: a bounded queue, one worker, and results that do not stay for ever.

A job's id is its key: nobody can guess it, and nothing lists it.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from secrets import token_urlsafe
from threading import Condition, Thread

from ultimate_rvc.options import ServerOptions
from ultimate_rvc.serve.job import Job, JobView, Order, Place, State, remove

logger = logging.getLogger(__name__)

ID_BYTES = 24
TIDY_EVERY_S = 5.0


class QueueFull(Exception):
    """No more jobs may wait."""


class NoSuchJob(Exception):
    """No job has this id, or it was removed."""


class Board:
    """All jobs, and the thread that does one after the other in the order of their arrival."""

    def __init__(self, limits: ServerOptions, clock: Callable[[], float] = time.monotonic):
        self.limits, self.clock = limits, clock
        self._folder: Path | None = None
        self._jobs: dict[str, Job] = {}
        self._reserved: set[str] = set()
        self._changed = Condition()
        self._stopping = False
        self._worker = Thread(target=self._work, name="urvc-worker", daemon=True)

    def start(self, folder: Path) -> None:
        """Starts the worker; jobs get folders of their own in this one."""
        self._folder = folder
        self._worker.start()

    def stop(self, patience_s: float) -> None:
        """Cancels everything, waits for the worker, which may be in the middle of a span, and removes all files."""
        self.ask_to_stop()
        with self._changed:
            self._changed.notify_all()
        self._worker.join(patience_s)
        for job in list(self._jobs.values()):
            job.order.clean()
            self._forget(job)

    @property
    def at_work(self) -> bool:
        """Whether the worker is alive; after `stop`, whether its patience was not enough."""
        return self._worker.is_alive()

    def ask_to_stop(self) -> None:
        """Cancels everything; returns at once, and may be called from a signal's handler."""
        self._stopping = True
        for job in list(self._jobs.values()):
            job.cancel()

    @property
    def stopping(self) -> bool:
        return self._stopping

    def reserve(self) -> Place:
        """A place in the queue with its folder, before anything is uploaded. Raises QueueFull."""
        with self._changed:
            self._tidy()
            if self._waiting() + len(self._reserved) >= self.limits.queue or self._stopping or not self._folder:
                raise QueueFull
            key = token_urlsafe(ID_BYTES)
            place = Place(key, self._folder / key)
            self._reserved.add(place.id)
        place.folder.mkdir(parents=True)
        return place

    def release(self, place: Place) -> None:
        """Gives a place back that no order was made for."""
        with self._changed:
            self._reserved.discard(place.id)
        remove(place.folder)

    def submit(self, place: Place, order: Order) -> JobView:
        """Puts the order into its place."""
        with self._changed:
            self._reserved.discard(place.id)
            job = self._jobs[place.id] = Job(place, order, self.clock)
            self._changed.notify()
        return self._seen(job)

    def view(self, key: str) -> JobView:
        """How the job stands now. Raises NoSuchJob."""
        return self._seen(self._find(key))

    def look(self, key: str) -> JobView | None:
        """As `view`, None where there is no such job."""
        job = self._jobs.get(key)
        return job and self._seen(job)

    def result(self, key: str) -> Path | None:
        """The file that the job has made, None as long as there is none. Raises NoSuchJob."""
        return self._find(key).result

    def cancel(self, key: str) -> JobView:
        """Stops a job, or removes one that has ended, with its files. Raises NoSuchJob."""
        with self._changed:
            job = self._find(key)
            if job.ended:
                self._forget(job)
            job.cancel()
        return job.view

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each state."""
        states = [job.view.state for job in list(self._jobs.values())]
        return {state.value: states.count(state) for state in State}

    def _find(self, key: str) -> Job:
        with self._changed:
            self._tidy()
            if key not in self._jobs:
                raise NoSuchJob
            return self._jobs[key]

    def _seen(self, job: Job) -> JobView:
        if job.view.state is not State.QUEUED:
            return job.view
        others = list(self._jobs.values())
        return replace(job.view, ahead=sum(not other.ended for other in others[: others.index(job)]))

    def _waiting(self) -> int:
        return sum(job.view.state is State.QUEUED for job in self._jobs.values())

    def _work(self) -> None:
        while job := self._next():
            try:
                job.run()
            except OSError as error:  # its files could not be removed: no reason for the next job to wait for ever
                logger.error("What job %r needed cannot be removed", job.order.kind, exc_info=error)

    def _next(self) -> Job | None:
        """Waits for the next job; None when it is time to stop."""
        with self._changed:
            while not self._stopping:
                self._tidy()
                if job := next((job for job in self._jobs.values() if job.begin()), None):
                    return job
                self._changed.wait(TIDY_EVERY_S)
        return None

    def _tidy(self) -> None:
        """Removes ended jobs that are too old or too many, with their results."""
        ended = sorted((job for job in self._jobs.values() if job.ended), key=lambda job: job.ended_at)
        oldest = self.clock() - 60 * self.limits.keep_minutes
        surplus = len(ended) - self.limits.keep
        for number, job in enumerate(ended):
            if number < surplus or job.ended_at < oldest:
                self._forget(job)

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.view.id, None)
        remove(job.place.folder)
