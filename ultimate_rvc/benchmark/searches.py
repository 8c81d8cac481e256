"""Retrieval alone, at several sizes of the index: this package's search beside FAISS, as RVC tools use it."""

import tempfile
from pathlib import Path

import numpy as np

from ultimate_rvc.benchmark.materials import random_index, workplace
from ultimate_rvc.benchmark.results import FAILED, Search
from ultimate_rvc.benchmark.workers import RUNNERS, Crew, Program, Worker
from ultimate_rvc.errors import MeasurementError, OptionError
from ultimate_rvc.progress import OnProgress, Progress

# One span of 40 s has as many content frames.
QUERIES = 2_000
FAISS, HERE = "FAISS", "here"
FEWEST_VECTORS = 100
# A turn takes milliseconds: more of them cost nothing.
TURNS_OF_A_ROUND = 5


def measure(vectors: int, device: str, rounds: int, on_progress: OnProgress) -> list[Search]:
    """Both ways of searching one index, turns taken."""
    found = {who: Search(who, vectors, QUERIES) for who in (FAISS, HERE)}
    turns, stage = rounds * TURNS_OF_A_ROUND, f"index of {vectors:,}"
    workplace().mkdir(parents=True, exist_ok=True)
    # Not where the system has its temporary files, which may be memory: this one takes 600 MB for 200,000 vectors.
    with tempfile.TemporaryDirectory(dir=workplace()) as folder:
        index = random_index(Path(folder) / "random.index", vectors)
        with Crew(lambda who: _hire(found[who], index, device), room=len(found)) as crew:
            for number in range(turns):
                on_progress(Progress(stage, number, turns))
                for search in found.values():
                    _take_turn(crew, search, Path(folder))
        _compare(found, Path(folder))
    on_progress(Progress(stage, turns, turns))
    return list(found.values())


def _hire(search: Search, index: Path, device: str) -> Worker:
    worker = Worker(Program(RUNNERS / "search.py"))
    try:
        opening = {"index": str(index), "device": device, "queries": search.queries, "vectors": search.vectors}
        search.load_s = worker.ask("open", who=search.who, **opening).seconds
        worker.ask("turn")
    except BaseException:
        worker.close()
        raise
    return worker


def _take_turn(crew: Crew, search: Search, folder: Path) -> None:
    if search.reason:
        return
    try:
        worker = crew.worker(search.who)
        answer = worker.ask("turn")
        search.seconds.append(answer.seconds)
        search.peak_bytes = answer.peak_bytes
        if len(search.seconds) == 1:
            worker.ask("save", path=str(folder / f"{search.who}.npy"))
    except (OptionError, MeasurementError) as error:
        search.status, search.reason = FAILED, str(error)


def _compare(found: dict[str, Search], folder: Path) -> None:
    """The largest difference of a feature."""
    files = [folder / f"{who}.npy" for who in (FAISS, HERE)]
    if all(file.is_file() for file in files):
        theirs, ours = map(np.load, files)
        found[HERE].max_abs = float(np.abs(theirs - ours).max())
