"""Processes that are measured: they answer, and whatever goes wrong in one of them is said in one line."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny.runners import write_runner

from ultimate_rvc.benchmark.workers import PACKAGE_PARENT, Crew, Program, Worker
from ultimate_rvc.errors import MeasurementError, OptionError

MASTER = """
import sys
from pathlib import Path
from ultimate_rvc.benchmark.workers import Program, Worker
worker = Worker(Program(Path(sys.argv[1])))
worker.ask("add", a=1, b=1)
print(worker.process.pid, flush=True)
worker.ask("wait")
"""
MEGABYTE = 1024 * 1024
SOON_S = 10.0


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(write_runner(tmp_path), variables={"A_SETTING": "on"})


@pytest.fixture
def worker(program: Program) -> Iterator[Worker]:
    one = Worker(program)
    yield one
    one.close()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_request_is_answered_with_its_time(worker: Worker) -> None:
    answer = worker.ask("add", a=2, b=3)
    assert answer.value == 5 and 0 <= answer.seconds < SOON_S


def test_the_peak_of_memory_is_the_processs_own(worker: Worker) -> None:
    before = worker.ask("add", a=0, b=0).peak_bytes
    after = worker.ask("keep", bytes=64 * MEGABYTE).peak_bytes
    assert 64 * MEGABYTE <= after - before < 128 * MEGABYTE


def test_what_a_library_prints_is_no_answer(worker: Worker) -> None:
    assert worker.ask("talk").value is None
    assert worker.ask("add", a=1, b=1).value == 2


def test_what_is_refused_on_purpose_is_an_option_error_in_one_line(worker: Worker) -> None:
    with pytest.raises(OptionError, match=r"^not on this machine$"):
        worker.ask("refuse")


def test_what_fails_is_a_measurement_error_and_the_worker_lives_on(worker: Worker) -> None:
    with pytest.raises(MeasurementError, match="ZeroDivisionError: nothing to divide by"):
        worker.ask("fail")
    assert worker.ask("add", a=1, b=1).value == 2


@pytest.mark.parametrize(("way", "said"), [("die", "SIGKILL: last words"), ("leave", "status 3: without a word")])
def test_a_worker_that_ends_says_how(worker: Worker, way: str, said: str) -> None:
    with pytest.raises(MeasurementError, match=said):
        worker.ask(way)
    with pytest.raises(MeasurementError, match="ended"):
        worker.ask("add", a=1, b=1)


def test_a_program_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot be started"):
        Worker(Program(write_runner(tmp_path), python=tmp_path / "python"))


def test_our_own_package_is_the_one_that_is_imported(worker: Worker) -> None:
    assert Path(worker.ask("where").value).parents[1] == PACKAGE_PARENT


def test_settings_of_the_user_do_not_change_a_configuration(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RVC_WITHOUT", "tiles")
    worker = Worker(program)
    there = worker.ask("environment").value
    worker.close()
    assert "RVC_WITHOUT" not in there and there["A_SETTING"] == "on"


def test_a_worker_that_is_killed_in_the_middle_of_its_work_is_reported(program: Program) -> None:
    worker = Worker(program)
    threading.Timer(0.2, worker.process.kill).start()
    with pytest.raises(MeasurementError, match="SIGKILL"):
        worker.ask("wait")
    worker.close()
    assert not _is_alive(worker.process.pid)


def test_a_crew_keeps_as_many_as_there_is_room_for(program: Program) -> None:
    hired: list[str] = []

    def hire(name: str) -> Worker:
        hired.append(name)
        return Worker(program)

    with Crew(hire, room=2) as crew:
        first = crew.worker("a")
        assert crew.worker("b") is not first and crew.worker("a") is first
        crew.worker("c")  # b has waited longest
        assert crew.worker("a") is first and hired == ["a", "b", "c"]
        pids = [crew.worker(name).process.pid for name in ("a", "b")]
    assert not any(map(_is_alive, pids))


def test_an_error_ends_every_worker(program: Program) -> None:
    with pytest.raises(KeyboardInterrupt), Crew(lambda _: Worker(program), room=4) as crew:
        pids = [crew.worker(name).process.pid for name in "abc"]
        raise KeyboardInterrupt
    assert not any(map(_is_alive, pids))


def test_a_worker_whose_master_is_gone_ends_in_the_middle_of_its_work(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(PACKAGE_PARENT)}
    command = [sys.executable, "-c", MASTER, str(write_runner(tmp_path))]
    master = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    pid = int(master.stdout.readline())
    master.send_signal(signal.SIGKILL)
    master.communicate()
    until = time.monotonic() + SOON_S
    while _is_running(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _is_running(pid)


def _is_running(pid: int) -> bool:
    """Alive, and not merely waiting for somebody to take note of its end."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")
