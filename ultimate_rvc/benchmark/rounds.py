"""Turns: in each round every configuration converts the scene once, warm, in a process of its own.

Rounds go forth and back, so that a machine that slows down or speeds up treats all alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ultimate_rvc.benchmark.contenders import NONE, REFERENCE, THEIRS
from ultimate_rvc.benchmark.deviation import between
from ultimate_rvc.benchmark.results import FAILED, NOT_HERE, Cell
from ultimate_rvc.benchmark.scenes import RATE_HZ, Scene
from ultimate_rvc.benchmark.workers import Answer, Crew, Program, Worker
from ultimate_rvc.errors import MeasurementError, OptionError
from ultimate_rvc.progress import OnProgress, Progress

# A first call of this length shows the code the way that it is to go. Graphs and caches of a card are made for each
# length, so there the first call is a whole one.
WARM_UP_S = 10.0
# What each result is compared with: errors of a speed-up with the same line without any, strict parity with the
# project that it is parity with.
COMPARED_WITH = {REFERENCE: THEIRS}


@dataclass(frozen=True)
class Stage:
    """One scene with its signal on disk, and how it is played.

    `profiled`: stages are measured in the turns themselves; `compared`: errors are wanted.
    """

    scene: Scene
    wav: Path
    folder: Path
    rounds: int
    patience_s: float
    room: int
    profiled: bool
    compared: bool = True


@dataclass(frozen=True)
class Player:
    """Who takes turns: its name, its program, and what its runner needs to be opened."""

    name: str
    program: Program
    opening: Mapping[str, Any]


def measure(stage: Stage, players: Sequence[Player], on_progress: OnProgress) -> list[Cell]:
    """Cells of one scene, in the players' order. A player that fails is out; the others go on."""
    cells = {player.name: Cell(player.name, stage.scene.name) for player in players}
    by_name = {player.name: player for player in players}
    done, total = 0, stage.rounds * len(players)
    with Crew(lambda name: _hire(by_name[name], cells[name], stage), stage.room) as crew:
        for number in range(stage.rounds):
            for player in players[:: 1 if number % 2 == 0 else -1]:
                on_progress(Progress(stage.scene.name, done, total))
                _take_turn(crew, cells[player.name], stage)
                done += 1
            if number == 0:
                _compare(cells, stage)
    on_progress(Progress(stage.scene.name, total, total))
    return list(cells.values())


def _hire(player: Player, cell: Cell, stage: Stage) -> Worker:
    """A worker that has loaded everything and made its first call."""
    worker = Worker(player.program)
    try:
        cell.remark = worker.ask("open", **player.opening).value
        loaded_s = worker.age_s
        worker.ask("take", scene=str(stage.wav), rate_hz=RATE_HZ)
        whole = not stage.profiled or stage.scene.seconds <= WARM_UP_S
        excerpt_s = None if whole else WARM_UP_S
        first = worker.ask("turn", profile=False, excerpt_s=excerpt_s)
    except BaseException:
        worker.close()
        raise
    if cell.load_s is None:
        cell.load_s, cell.first_s, cell.first_of_s = loaded_s, first.seconds, excerpt_s or stage.scene.seconds
    return worker


def _take_turn(crew: Crew, cell: Cell, stage: Stage) -> None:
    """One turn more, unless the player is out or its time is up; what went wrong is written into its cell."""
    if cell.reason or _is_over(cell, stage):
        return
    try:
        worker = crew.worker(cell.contender)
        _note(cell, worker.ask("turn", profile=stage.profiled))
        if len(cell.seconds) == 1:
            _look_closer(worker, cell, stage)
    except (OptionError, MeasurementError) as error:
        crew.dismiss(cell.contender)
        cell.status, cell.reason = (NOT_HERE if isinstance(error, OptionError) else FAILED), str(error)


def _look_closer(worker: Worker, cell: Cell, stage: Stage) -> None:
    """Once for each cell: its samples, and its stages where they cost time to measure."""
    if stage.compared:
        worker.ask("save", path=str(_samples(stage, cell.contender)))
    if not stage.profiled:
        _note_stages(cell, worker.ask("turn", profile=True))


def _is_over(cell: Cell, stage: Stage) -> bool:
    return bool(cell.seconds) and sum(cell.seconds) + cell.seconds[-1] > stage.patience_s


def _note(cell: Cell, answer: Answer) -> None:
    cell.seconds.append(answer.seconds)
    cell.peak_bytes = max(cell.peak_bytes, answer.peak_bytes)
    cell.card_bytes = max(cell.card_bytes, answer.value["card_bytes"])
    if cell.staged_s is None or abs(answer.seconds - cell.median_s) <= abs(cell.staged_s - cell.median_s):
        _note_stages(cell, answer)


def _note_stages(cell: Cell, answer: Answer) -> None:
    if answer.value["stages"]:
        cell.stages, cell.staged_s = answer.value["stages"], answer.seconds


def _samples(stage: Stage, name: str) -> Path:
    return stage.folder / f"{name}.npy".replace(" ", "_")


def _compare(cells: Mapping[str, Cell], stage: Stage) -> None:
    """Errors of what the first round gave; the files are not needed any more."""
    files = {name: _samples(stage, name) for name in cells if _samples(stage, name).is_file()}
    for name in files:
        other = COMPARED_WITH.get(name, NONE)
        if other in files and name not in (other, THEIRS):
            cells[name].deviation = between(files[name], files[other], other)
    for file in files.values():
        file.unlink()
