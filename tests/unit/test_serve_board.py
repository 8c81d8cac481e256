"""Jobs wait their turn, can be stopped at any moment, and leave nothing behind."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tiny.serving import Labour, order, until

from ultimate_rvc.errors import AudioError
from ultimate_rvc.options import ServerOptions
from ultimate_rvc.progress import OnProgress, Progress
from ultimate_rvc.serve.board import Board, NoSuchJob, QueueFull
from ultimate_rvc.serve.job import JobView

STOP_S = 10.0


@dataclass
class Clock:
    """Time that passes when it is told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(tmp_path: Path, clock: Clock) -> Iterator[Board]:
    board = Board(ServerOptions(queue=3, keep=2, keep_minutes=1), clock)
    board.start(tmp_path)
    yield board
    board.stop(STOP_S)


def _submit(board: Board, work: Any, title: str = "song") -> JobView:
    place = board.reserve()
    (place.folder / "upload").write_bytes(b"an upload")
    return board.submit(place, order(work, place.folder / "result.wav", title))


def _ended(board: Board, job: JobView) -> JobView:
    return until(lambda: board.view(job.id), lambda view: view.state in ("done", "failed", "cancelled"))


def _nothing(_: OnProgress) -> None:
    pass


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_a_job_is_done_and_only_its_result_is_kept(board: Board, tmp_path: Path) -> None:
    job = _ended(board, _submit(board, _nothing))
    assert job.state == "done" and job.result == "song.wav" and job.used == {"device": "none"}
    assert board.result(job.id).read_bytes() == b"sound"
    assert _files(tmp_path) == {"result.wav"}


def test_jobs_are_done_in_the_order_of_their_arrival(board: Board) -> None:
    done, first = [], Labour()
    jobs = [_submit(board, first)]
    first.started.wait(STOP_S)
    jobs += [_submit(board, lambda _, name=name: done.append(name), name) for name in ("b", "c", "d")]
    assert [board.view(job.id).ahead for job in jobs] == [0, 1, 2, 3]
    first.may_end.set()
    until(lambda: len(done) == 3)
    assert done == ["b", "c", "d"]


def test_more_jobs_than_may_wait_are_refused_uploads_included(board: Board) -> None:
    first = Labour()
    _submit(board, first)
    first.started.wait(STOP_S)
    _submit(board, _nothing)
    places = [board.reserve(), board.reserve()]
    with pytest.raises(QueueFull):
        board.reserve()
    board.release(places[0])
    assert not places[0].folder.exists()
    board.release(board.reserve())
    first.may_end.set()


def test_cancelling_a_running_job_stops_it_at_its_next_report(board: Board, tmp_path: Path) -> None:
    work = Labour()
    job = _submit(board, work)
    work.started.wait(STOP_S)
    assert board.cancel(job.id).state == "cancelling"
    assert _ended(board, job).state == "cancelled"
    assert type(work.stopped_by).__name__ == "Cancelled"
    until(lambda: not list(tmp_path.iterdir()))
    assert board.result(job.id) is None


def test_a_library_that_turns_the_stop_into_its_own_error_is_stopped_too(board: Board) -> None:
    work = Labour()

    def wrapping(on_progress: OnProgress) -> None:
        try:
            work(on_progress)
        except Exception as error:
            raise AudioError("the library failed") from error

    job = _submit(board, wrapping)
    work.started.wait(STOP_S)
    board.cancel(job.id)
    ended = _ended(board, job)
    assert ended.state == "cancelled" and ended.error is None


def test_a_job_that_is_cancelled_in_its_last_moment_has_no_result(board: Board, tmp_path: Path) -> None:
    work = Labour()

    def deaf(_: OnProgress) -> None:
        work.started.set()
        work.may_end.wait(STOP_S)

    job = _submit(board, deaf)
    work.started.wait(STOP_S)
    board.cancel(job.id)
    work.may_end.set()
    assert _ended(board, job).state == "cancelled"
    until(lambda: not list(tmp_path.iterdir()))


def test_a_job_that_waits_never_starts_once_it_is_cancelled(board: Board) -> None:
    first, second = Labour(), Labour()
    _submit(board, first)
    first.started.wait(STOP_S)
    job = _submit(board, second)
    assert board.cancel(job.id).state == "cancelled"
    first.may_end.set()
    _ended(board, _submit(board, _nothing))
    assert not second.started.is_set()


def test_a_job_that_has_ended_is_removed_by_a_second_cancel(board: Board, tmp_path: Path) -> None:
    job = _ended(board, _submit(board, _nothing))
    assert board.cancel(job.id).state == "done"
    assert list(tmp_path.iterdir()) == []
    for ask in (board.view, board.result, board.cancel):
        with pytest.raises(NoSuchJob):
            ask(job.id)


def test_old_results_are_removed(board: Board, tmp_path: Path, clock: Clock) -> None:
    job = _ended(board, _submit(board, _nothing))
    clock.now += 59
    board.view(job.id)
    clock.now += 2
    with pytest.raises(NoSuchJob):
        board.view(job.id)
    assert list(tmp_path.iterdir()) == []


def test_the_oldest_results_make_room_for_new_ones(board: Board, tmp_path: Path, clock: Clock) -> None:
    jobs = []
    for _ in range(3):
        clock.now += 1
        jobs.append(_ended(board, _submit(board, _nothing)))
    with pytest.raises(NoSuchJob):
        board.view(jobs[0].id)
    assert [board.view(job.id).state for job in jobs[1:]] == ["done", "done"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_known_error_is_told_in_one_line_without_places(board: Board, tmp_path: Path) -> None:
    def failing(_: OnProgress) -> None:
        raise AudioError(f"'{next(tmp_path.iterdir())}/song.wav' is\nempty")

    job = _ended(board, _submit(board, failing))
    assert job.state == "failed" and job.error == "'song.wav' is empty"
    until(lambda: not list(tmp_path.iterdir()))


def test_an_unknown_error_is_told_plainly_and_logged(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    def failing(_: OnProgress) -> None:
        raise ZeroDivisionError("secret")

    job = _ended(board, _submit(board, failing))
    assert job.error == "unexpected ZeroDivisionError; the server's log has the traceback"
    assert "secret" in caplog.text and "Traceback" in caplog.text
    assert _ended(board, _submit(board, _nothing)).state == "done"


def test_a_job_tells_its_own_warnings(board: Board) -> None:
    logger = logging.getLogger("ultimate_rvc.somewhere")
    work = Labour()

    def warning(on_progress: OnProgress) -> None:
        logger.warning("skipped %d spans", 3)
        logger.info("too quiet to tell")
        work(on_progress)

    job = _submit(board, warning)
    work.started.wait(STOP_S)
    logger.warning("of another thread")
    work.may_end.set()
    assert _ended(board, job).warnings == ("skipped 3 spans",)


def test_the_time_that_is_left_follows_from_the_pace(board: Board, clock: Clock) -> None:
    seen = []

    def spans(on_progress: OnProgress) -> None:
        for done in range(4):
            on_progress(Progress("convert", done, 4))
            seen.append(board.view(job.id).seconds_left)
            clock.now += 2

    place = board.reserve()
    job = JobView(place.id, "convert", "Tiny", "song")
    board.submit(place, order(spans, place.folder / "result.wav"))
    assert _ended(board, job).seconds_left is None
    assert seen == [None, 6.0, 4.0, 2.0]


def test_stopping_ends_every_job_and_removes_everything(tmp_path: Path) -> None:
    board = Board(ServerOptions())
    board.start(tmp_path)
    first, second = Labour(), Labour()
    for work in (first, second):
        _submit(board, work)
    first.started.wait(STOP_S)
    board.stop(STOP_S)
    assert type(first.stopped_by).__name__ == "Cancelled" and not second.started.is_set()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(QueueFull):
        board.reserve()


def test_stopping_does_not_wait_for_ever_and_removes_what_the_work_left(tmp_path: Path) -> None:
    board, cleaned, work = Board(ServerOptions()), [], Labour()
    board.start(tmp_path)

    def deaf(_: OnProgress) -> None:
        work.started.set()
        work.may_end.wait(STOP_S)

    place = board.reserve()
    board.submit(place, replace(order(deaf, place.folder / "x"), clean=lambda: cleaned.append(True)))
    work.started.wait(STOP_S)
    board.stop(0.05)
    assert board.at_work and cleaned and list(tmp_path.iterdir()) == []
    work.may_end.set()
    until(lambda: not board.at_work)


def test_ids_cannot_be_guessed(board: Board) -> None:
    keys = [board.reserve().id for _ in range(3)]
    assert len(set(keys)) == 3 and all(len(key) >= 32 for key in keys)
