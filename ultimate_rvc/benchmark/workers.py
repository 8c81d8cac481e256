"""Processes that are measured, from the side of the one that measures: one worker each, a crew that takes turns."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from ultimate_rvc.errors import MeasurementError, OptionError

HERE = Path(__file__).parent
SERVER, RUNNERS = HERE / "server.py", HERE / "runners"
PACKAGE_PARENT = HERE.parents[1]
# Settings of the user that would make one configuration into another.
OPTIMIZATION_VARIABLES = "RVC_"


@dataclass(frozen=True)
class Program:
    """What a worker runs: a runner's file, the interpreter, where its packages lie, and more variables."""

    runner: Path
    python: Path = Path(sys.executable)
    package_parent: Path = PACKAGE_PARENT
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The user's own without RVC_*, the package first on the module path."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OPTIMIZATION_VARIABLES)}
        places = [str(self.package_parent), *filter(None, [kept.get("PYTHONPATH")])]
        return {**kept, **self.variables, "PYTHONPATH": os.pathsep.join(places)}


@dataclass(frozen=True)
class Answer:
    """What a request gave, how long it took there, and the most memory that the process held so far."""

    value: Any
    seconds: float
    peak_bytes: int


class Worker:
    """One process. Raises OptionError for what it refuses to do, MeasurementError when it fails or ends."""

    def __init__(self, program: Program):
        self._born = time.perf_counter()
        # Lives as long as the worker.
        self.words = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        command = [str(program.python), "-P", str(SERVER), str(program.runner)]
        try:
            self.process = subprocess.Popen(
                command,
                env=program.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.words,
                bufsize=0,
                # Ctrl-C is for the process that measures; it ends the others.
                start_new_session=True,
            )
        except OSError as error:
            self.words.close()
            raise OptionError(f"{program.python} cannot be started: {error.strerror or error}") from error

    @property
    def age_s(self) -> float:
        """Since the process was started."""
        return time.perf_counter() - self._born

    def ask(self, do: str, **fields: Any) -> Answer:
        """One request and its answer."""
        answer = self._exchange(json.dumps({"do": do, **fields}))
        if error := answer.get("error"):
            raise (OptionError if error["kind"] == "refused" else MeasurementError)(error["message"])
        return Answer(**answer)

    def _exchange(self, request: str) -> dict[str, Any]:
        try:
            self.process.stdin.write(f"{request}\n".encode())  # type: ignore[union-attr]
        except OSError as error:
            raise MeasurementError(self._last_words()) from error
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise MeasurementError(self._last_words())
        return json.loads(line)

    def _last_words(self) -> str:
        """Why it is gone, as far as it said so."""
        status = self.process.wait()
        self.words.seek(0)
        said = [line.strip() for line in self.words if line.strip()]
        cause = signal.Signals(-status).name if status < 0 else f"status {status}"
        return f"the process ended with {cause}: {said[-1] if said else 'without a word'}"

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.words):
            pipe.close()  # type: ignore[union-attr]


class Crew:
    """Workers by name, kept warm as long as there is room; the one that waited longest makes place for another.

    `hire` starts a worker and makes it ready for its first turn.
    """

    def __init__(self, hire: Callable[[str], Worker], room: int):
        self.hire, self.room = hire, max(1, room)
        self._workers: dict[str, Worker] = {}

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, where: TracebackType | None) -> None:
        for name in list(self._workers):
            self.dismiss(name)

    def worker(self, name: str) -> Worker:
        """The worker of that name, ready."""
        if name not in self._workers:
            while len(self._workers) >= self.room:
                self.dismiss(next(iter(self._workers)))
            self._workers[name] = self.hire(name)
        self._workers[name] = self._workers.pop(name)  # the last to work is the last to leave
        return self._workers[name]

    def dismiss(self, name: str) -> None:
        """Ends the worker of that name, if there is one."""
        if worker := self._workers.pop(name, None):
            worker.close()
