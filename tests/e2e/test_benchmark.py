"""`urvc benchmark` from the command line to its tables, JSON, page and picture, on a tiny voice. No time is judged."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tiny import home as homes
from tiny.pitch import write_fcpe
from tiny.runners import write_checkout

import ultimate_rvc
from ultimate_rvc.cli.main import main

PARENT = str(Path(ultimate_rvc.__file__).parents[1])
MUCH_S = 120
SOON_S = 15
INDEX_VECTORS = 200
# Whoever runs the tests with more cores gains nothing from them on tiny layers.
QUIET = {"OMP_NUM_THREADS": "1", "RVC_DEVICE": "cpu"}


@dataclass(frozen=True)
class Run:
    """What one run left."""

    out: str
    err: str
    status: int
    folder: Path

    @property
    def found(self) -> dict[str, Any]:
        return json.loads((self.folder / "out" / "result.json").read_text())

    @property
    def page(self) -> str:
        return (self.folder / "out" / "page.md").read_text()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A furnished folder with a tiny pitch network, a checkout, and the variables that point into it."""
    folder = tmp_path_factory.mktemp("benchmark")
    variables = homes.furnish(folder)
    predictors = folder / "models" / "rvc" / "predictors"
    predictors.mkdir()
    write_fcpe(predictors / "fcpe.pt")
    write_checkout(folder / "checkout")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RVC_", "URVC_"))}
    return folder, {**kept, **variables, **QUIET, "PYTHONPATH": PARENT}


def _begin(place: tuple[Path, dict[str, str]], *words: str) -> subprocess.Popen:
    folder, environ = place
    command = [sys.executable, "-m", "ultimate_rvc.cli.main", "benchmark", "--source", "song.wav"]
    command += ["--model", homes.VOICE, "--f0-method", "fcpe", "--seconds", "1", "--rounds", "1", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    deaf = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    return subprocess.Popen(command, cwd=folder, env=environ, text=True, **pipes, **deaf)


@pytest.fixture(scope="module")
def done(place: tuple[Path, dict[str, str]]) -> Iterator[Run]:
    """One run of everything there is, as small as it can be."""
    words = ["--no-stem", "--index-sizes", str(INDEX_VECTORS), "--against", "checkout"]
    for name in ("ultimate-rvc", "reference", "none", "all-on"):
        words += ["--only", name]
    words += ["--json", "out/result.json", "--report", "out/page.md", "--picture", "out/picture.png"]
    running = _begin(place, *words)
    out, err = running.communicate(timeout=MUCH_S)
    yield Run(out, err, running.returncode, place[0])


def test_a_run_succeeds_and_says_what_it_wrote(done: Run) -> None:
    assert done.status == 0, done.err
    for name in ("result.json", "page.md", "picture.png"):
        assert f"written: out/{name}" in done.err


def test_the_machine_is_named(done: Run) -> None:
    for word in ("chip", "memory", "torch", "device", "MPS", "built in: ", "CUDA"):
        assert word in done.out
    assert done.found["machine"]["device"].startswith("CPU")


def test_every_configuration_took_its_turn_in_a_process_of_its_own(done: Run) -> None:
    cells = {cell["contender"]: cell for cell in done.found["cells"]}
    assert list(cells) == ["Ultimate RVC", "reference", "none", "all on"]
    for cell in cells.values():
        assert (cell["status"], cell["reason"], cell["scene"]) == ("measured", "", "voice 1 s")
        assert len(cell["seconds"]) == 1 and cell["median_s"] == cell["seconds"][0] > 0
        assert cell["load_s"] > 0 and cell["first_s"] > 0 and cell["first_of_s"] == 1
        assert cell["peak_bytes"] > 50e6


def test_stages_are_told_apart_and_fill_the_turn(done: Run) -> None:
    ours = next(cell for cell in done.found["cells"] if cell["contender"] == "all on")
    assert {"highpass", "pitch", "embed", "retrieve", "synthesize"} <= set(ours["stages"])
    assert 0 < sum(ours["stages"].values()) <= ours["staged_s"]


def test_errors_are_against_the_same_line_without_speedups(done: Run) -> None:
    cells = {cell["contender"]: cell["deviation"] for cell in done.found["cells"]}
    assert cells["none"] is None and cells["Ultimate RVC"] is None
    assert cells["all on"]["against"] == "none" and cells["all on"]["max_abs"] < 1e-3
    assert cells["reference"]["against"] == "Ultimate RVC"


def test_the_checkout_is_the_one_that_was_measured(done: Run) -> None:
    assert done.found["settings"]["against"] == "Ultimate RVC 0.6.0"
    assert "beside it" in done.page and "Ultimate RVC 0.6.0" in done.page
    missing = [name for name in ("torchaudio", "torchcrepe") if importlib.util.find_spec(name) is None]
    assert all(name in done.out for name in missing) and ("stand in" in done.out) == bool(missing)


def test_retrieval_is_held_against_faiss(done: Run) -> None:
    searches = {search["who"]: search for search in done.found["searches"]}
    assert set(searches) == {"FAISS", "here"}
    assert all(search["vectors"] == INDEX_VECTORS and search["median_s"] > 0 for search in searches.values())
    assert searches["here"]["max_abs"] < 1e-4


def test_starts_are_measured(done: Run) -> None:
    starts = {start["command"]: start for start in done.found["starts"]}
    assert set(starts) == {"urvc --help", "urvc generate song-cover"}
    assert all(start["status"] == "measured" and start["median_s"] > 0 for start in starts.values()), starts


def test_the_page_has_a_row_for_each_configuration_and_the_command(done: Run) -> None:
    for name in ("Ultimate RVC", "reference", "none", "all on"):
        assert f"\n| {name} | 1 | " in done.page
    assert "urvc benchmark --source song.wav" in done.page and "](picture.png)" in done.page
    assert str(done.folder) not in done.page


def test_the_picture_is_one(done: Run) -> None:
    pytest.importorskip("matplotlib")
    assert (done.folder / "out" / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_left_behind(done: Run) -> None:
    made = {path.name for path in (done.folder / "temp" / "benchmark").rglob("*")}
    assert made == set()
    assert homes.written(done.folder) == set()


def test_an_interrupt_ends_every_process(place: tuple[Path, dict[str, str]]) -> None:
    running = _begin(place, "--no-stem", "--no-starts", "--index-sizes", "none", "--only", "all-on")
    until = time.monotonic() + SOON_S
    while not (workers := _children(running.pid)) and time.monotonic() < until:
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=SOON_S)
    assert running.returncode == 130 and err.splitlines()[-1].startswith("Interrupted"), err
    assert "Traceback" not in err
    assert len(workers) == 1 and not any(map(_is_there, workers))


def _children(pid: int) -> list[int]:
    """Processes that this one has started to be measured."""
    out = subprocess.run(["ps", "-ax", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True).stdout
    rows = [line.split(None, 2) for line in out.splitlines()]
    return [int(one) for one, parent, words in rows if int(parent) == pid and words.endswith("line.py")]


def _is_there(pid: int) -> bool:
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--source", "nowhere.wav"], "nowhere.wav"),
        (["--model", "Tny"], "known: Tiny"),
        (["--seconds", "0"], "1 or more"),
        (["--rounds", "0"], "1 or more"),
        (["--index-sizes", "many"], "'many' is no list of numbers"),
        (["--index-sizes", "3"], "100 or more"),
        (["--device", "abacus"], "abacus"),
        (["--only", "turbo"], "all on"),
        (["--against", "voices"], "no Ultimate RVC checkout"),
        (["--against", PARENT], "no Ultimate RVC checkout"),
        (["--against", "checkout", "--against-python", "song.wav"], "song.wav is no program"),
        (["--against", "checkout", "--f0-method", "swift"], "no pitch method 'swift'"),
        (["--picture", "picture.doc"], ".png"),
        (["--json", "song.wav/result.json"], "cannot write into"),
    ],
    ids=lambda words: "-".join(words) if isinstance(words, list) else "",
)
def test_bad_input_is_one_line(
    place: tuple[Path, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    folder, environ = place
    monkeypatch.chdir(folder)
    for name in [name for name in environ if name.startswith(("RVC_", "URVC_", "OMP_"))]:
        monkeypatch.setenv(name, environ[name])
    given = ["benchmark", "--source", "song.wav", "--model", homes.VOICE, "--seconds", "1", "--no-starts", *words]
    assert main(given) in (1, 2)
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("Error: ") and said in err
