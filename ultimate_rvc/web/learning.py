"""The steps of a training as jobs. Each runs in a process of its own: it can be stopped, and gives its memory back."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Timer
from typing import Any

from ultimate_rvc import paths
from ultimate_rvc.errors import UrvcError
from ultimate_rvc.progress import OnProgress, Progress
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.metrics import FILE
from ultimate_rvc.web.desk import TRAINING, Asked, Outcome
from ultimate_rvc.web.guards import training_name

# A step that is told to stop first saves what it has.
PATIENCE_S = 120.0


def step(name: str, training: str, shown: Mapping[str, Any], **about: Any) -> Asked:
    """One of `steps.STEPS`, for the training of that name. Raises OptionError for a name that is a path."""
    order = {"step": name, "training": training_name(training), "shown": _as_json(shown), **about}
    return Asked(TRAINING, name, order["training"], lambda on_progress: _run(order, on_progress))


def _run(order: Mapping[str, Any], on_progress: OnProgress) -> Outcome:
    command = [sys.executable, "-P", "-m", "ultimate_rvc.web.steps"]
    tree = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([tree, os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(order))
        process.stdin.close()
        try:
            for line in process.stdout:
                ending = _heard(json.loads(line), on_progress)
                if ending is not None:
                    return ending
        except BaseException:
            _stop(process)
            raise
    raise UrvcError(f"the step {order['step']!r} ended without a word (status {process.returncode}); try it again")


def _heard(told: Mapping[str, Any], on_progress: OnProgress) -> Outcome | None:
    """One line of the process: progress, an error, or how it ended."""
    if "stage" in told:
        on_progress(Progress(**told))
        return None
    if "error" in told:
        raise UrvcError(told["error"])
    return Outcome(said=tuple(told["said"]), rows=tuple(map(tuple, told.get("rows", ()))))


def _stop(process: subprocess.Popen) -> None:
    """Asks it to end, which lets a training save; after a while, ends it."""
    process.send_signal(signal.SIGTERM)
    last = Timer(PATIENCE_S, process.kill)
    last.start()
    for _ in process.stdout or ():  # what it still says must be read, or it waits for ever
        continue
    process.wait()
    last.cancel()


def curves(training: str) -> list[Mapping[str, Any]]:
    """The figures that a training has noted so far, a record for each line; nothing for a training that is not there.

    Raises OptionError for a name that is a path.
    """
    path = Experiment.named(training_name(training)).folder / "eval" / FILE
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    # Behind the last line's end another may be half-written.
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def trainings() -> list[str]:
    """Names of the trainings that there are."""
    return _folders(paths.training_dir())


def datasets() -> list[str]:
    """Names of the datasets that there are."""
    return _folders(paths.datasets_dir())


def _folders(root: Path) -> list[str]:
    there = root.iterdir() if root.is_dir() else ()
    return sorted(each.name for each in there if each.is_dir() and not each.name.startswith("."))


def _as_json(shown: Mapping[str, Any]) -> dict[str, Any]:
    kinds: Sequence[type] = (str, int, float, bool, list, type(None))
    return {key: value for key, value in shown.items() if isinstance(value, tuple(kinds))}
