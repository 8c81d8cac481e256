"""Jobs of the page: what was asked for becomes work on a board, and its files go to the session that asked.

Three boards, so that nobody waits for a training who wants a cover: what is made, the library, and trainings.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from ultimate_rvc.errors import UrvcError
from ultimate_rvc.names import safe_name
from ultimate_rvc.options import ServerOptions, from_environment
from ultimate_rvc.presets import preset_from_env
from ultimate_rvc.progress import OnProgress
from ultimate_rvc.serve.board import Board, QueueFull
from ultimate_rvc.serve.job import ENDED, JobView, Made, Order, State
from ultimate_rvc.voices.staging import without_folders
from ultimate_rvc.warm.engine import Engine
from ultimate_rvc.web.sessions import Session

MAKING, LIBRARY, TRAINING = "making", "library", "training"
BOARDS = (MAKING, LIBRARY, TRAINING)
# Ended jobs stay as long as their session does; a session shows the last of them.
LIMITS = ServerOptions(queue=50, keep=10_000, keep_minutes=24 * 60.0)
MOST_OF_ONE = 6
PATIENCE_S = 10.0
# Where a session's uploads are taken in.
UPLOADS, VOICES, RECORDINGS, TEXTS, ENCODERS = PLACES = ("uploads", "voices", "recordings", "texts", "encoders")


@dataclass(frozen=True)
class Outcome:
    """What a job has made: the main file if there is one, others by what they are, and what is told of it."""

    path: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    used: Mapping[str, str] = field(default_factory=dict)
    stages: tuple[Any, ...] = ()
    said: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    source: Path | None = None


@dataclass(frozen=True)
class Asked:
    """What somebody wants: `work` does it in the worker's thread; `again` is what the page needs to ask once more."""

    board: str
    kind: str
    title: str
    work: Callable[[OnProgress], Outcome]
    again: Any = None


@dataclass
class Task:
    """One job of a session."""

    key: str
    asked: Asked
    board: Board
    folder: Path
    outcome: Outcome | None = None

    @property
    def view(self) -> JobView | None:
        """How it stands; None once the board has forgotten it."""
        return self.board.look(self.key)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return (view := self.view) is None or view.state in ENDED

    @property
    def is_done(self) -> bool:
        """Whether it has made what was asked for."""
        return (view := self.view) is not None and view.state is State.DONE and self.outcome is not None

    def files(self) -> dict[str, Path]:
        """What can be fetched, by the name of the file."""
        if not self.is_done or not self.outcome:
            return {}
        every = [*([self.outcome.path] if self.outcome.path else []), *self.outcome.files.values()]
        return {path.name: path for path in every}


class Desk:
    """The boards, and the one engine that all covers are sung with."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.boards = {name: Board(LIMITS) for name in BOARDS}
        self.arguments: dict[str, Any] = {}
        self._engine: Engine | None = None
        self._opening = Lock()

    def start(self) -> None:
        """Starts the workers."""
        for name, board in self.boards.items():
            board.start(self.folder / "jobs" / name)

    def stop(self) -> None:
        """Cancels everything and removes what it left."""
        for board in self.boards.values():
            board.ask_to_stop()
        for board in self.boards.values():
            board.stop(PATIENCE_S)
        if self._engine and not self.at_work:
            self._engine.close()

    @property
    def at_work(self) -> bool:
        """Whether a worker is alive; after `stop`, whether its patience was not enough."""
        return any(board.at_work for board in self.boards.values())

    @property
    def preset(self) -> dict[str, Any]:
        """What URVC_CONFIG names."""
        return preset_from_env()

    @property
    def in_force(self) -> dict[str, Any]:
        """The engine's options as far as somebody has set them: RVC_* variables before the preset."""
        return {**self.preset, **from_environment(), **self.arguments}

    def engine(self) -> Engine:
        """Opened when it is first wanted, which imports torch. Raises DeviceError or OptionError."""
        with self._opening:
            if self._engine is None:
                self._engine = Engine(self.arguments, self.preset)
                self._engine.join(self)
            return self._engine

    def run_on(self, arguments: Mapping[str, Any]) -> Engine:
        """Another engine with these options; the old one is closed when its song is sung. Raises DeviceError."""
        with self._opening:
            new = Engine(arguments, self.preset)
            new.join(self)
            old, self._engine, self.arguments = self._engine, new, dict(arguments)
        if old:
            Thread(target=old.close, name="urvc-closing", daemon=True).start()
        return new

    def submit(self, session: Session, asked: Asked) -> Task:
        """Puts it into the queue. Raises QueueFull when one session wants too much at once."""
        if sum(not task.ended for task in session.tasks.values()) >= MOST_OF_ONE:
            raise QueueFull
        board = self.boards[asked.board]
        place = board.reserve()
        task = Task(place.id, asked, board, session.folder / place.id)

        def work(on_progress: OnProgress) -> Made:
            try:
                task.outcome = _gathered(asked.work(on_progress), task.folder)
            except UrvcError as error:
                # Whoever reads it knows the file by its name.
                raise without_folders(error, *(session.folder / place for place in PLACES)) from error
            return Made(place.folder, dict(task.outcome.used))

        session.tasks[task.key] = task
        board.submit(place, Order(asked.kind, "", asked.title, asked.title, work))
        return task

    def cancel(self, session: Session, key: str) -> None:
        """Stops a job of the session, or removes one that has ended."""
        task = session.tasks.get(key)
        if task is None:
            return
        if task.ended:
            session.tasks.pop(key)
            shutil.rmtree(task.folder, ignore_errors=True)
        if task.view:
            task.board.cancel(key)


def _gathered(outcome: Outcome, folder: Path) -> Outcome:
    """The same, with its files in the session's folder: others may soon write over those that they are taken from."""
    folder.mkdir(parents=True, exist_ok=True)
    path = outcome.path and _kept(outcome.path, folder, outcome.path.stem)
    files = {label: _kept(file, folder, f"{label} of {outcome.path.stem if outcome.path else file.stem}")
             for label, file in outcome.files.items()}  # fmt: skip
    return Outcome(path, files, outcome.used, outcome.stages, outcome.said, outcome.rows, outcome.source)


def _kept(file: Path, folder: Path, name: str) -> Path:
    target = folder / f"{safe_name(name)}{file.suffix}"
    if target.exists():
        return target
    try:
        os.link(file, target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(file, target)
    return target
