"""The command line itself: help without weight, one line per failure, levels of logging, reports."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

import ultimate_rvc
from ultimate_rvc.cli import failures, logs, screen
from ultimate_rvc.cli.main import main
from ultimate_rvc.errors import OptionError, UrvcError
from ultimate_rvc.progress import Progress

# The promise is 0.3 s of the command itself; a loaded machine gets a factor of ten.
HELP_LIMIT_S = 3.0
WITHOUT_HEAVY_IMPORTS = """
import sys
from ultimate_rvc.cli.main import main
status = main(["generate", "song-cover", "--help"])
heavy = {"torch", "numpy", "librosa", "transformers", "faiss", "rich"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else status)
"""


def test_help_needs_no_home_no_torch_and_writes_nothing(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(ultimate_rvc.__file__).parents[1])}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-B", "-c", WITHOUT_HEAVY_IMPORTS], cwd=tmp_path, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "--output-format" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert time.perf_counter() - started < HELP_LIMIT_S


@pytest.mark.parametrize("words", [["--help"], ["generate", "--help"], ["generate", "song-cover", "-h"]])
def test_the_word_cli_may_stand_first(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    plain = capsys.readouterr().out
    assert main(["cli", *words]) == 0
    assert capsys.readouterr().out == plain


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"urvc {ultimate_rvc.__version__}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nonsense"], "nonsense"),
        (["generate", "song-cover", "--nonsense"], "--nonsense"),
        (["generate", "song-cover", "--source", "x.wav"], "--model"),
        (["generate", "song-cover", "--model", "x"], "--source"),
        (["generate", "song-cover", "--source", "x", "--model", "y", "--f0-method", "z"], "crepe-tiny"),
        (["generate", "song-cover", "--source", "x", "--model", "y", "--index-rate", "2"], "0<=x<=1"),
        (["generate", "song-cover", "--source", "x", "--model", "y", "--output-sr", "8000"], "16000"),
        (["generate", "song-cover", "--index-rate", "0.5", "run-pipeline", "x", "y"], "run-pipeline"),
        (["generate", "convert-voice", "x"], "DIRECTORY"),
    ],
)
def test_a_wrong_command_line_is_one_line_with_a_hint(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1
    assert err.startswith("Error: ") and expected in err and "--help'" in err


@pytest.mark.parametrize(
    ("error", "words", "status"),
    [
        (UrvcError("voice is flat"), ["Error: voice is flat"], 1),
        (KeyError("f0"), ["unexpected KeyError", "--debug"], 1),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\nmore"), ["out of memory", "--batch-size"], 1),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), ["out of memory", "--batch-size"], 1),
        (MemoryError(), ["out of memory", "--batch-size"], 1),
        (KeyboardInterrupt(), ["Interrupted; nothing half-written was left"], 130),
        (click.Abort(), ["Interrupted"], 130),
    ],
)
def test_every_failure_has_one_line_and_a_status(
    error: BaseException, words: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failures.tell(error, debug=False) == status
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert all(word in err for word in words)


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise OptionError("no such thing")
    except OptionError as error:
        assert failures.tell(error, debug=True) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err and err.splitlines()[-1] == "Error: no such thing"


@pytest.fixture
def log_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("URVC_LOGS_DIR", str(tmp_path / "logs"))
    return tmp_path / "logs"


def test_what_the_engine_says_is_seen_at_info(
    log_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("URVC_CONSOLE_LOG_LEVEL", "info")
    said = "Loaded 5 embeddings to cpu for GPU-accelerated retrieval"
    with logs.attached():
        logging.getLogger("ultimate_rvc.rvc.infer").info(said)
    assert said in capsys.readouterr().err
    assert said in (log_folder / logs.FILE_NAME).read_text()


def test_the_console_is_silent_about_information_unless_asked(
    log_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logs.attached():
        logging.getLogger("ultimate_rvc.x").info("a detail")
        logging.getLogger("ultimate_rvc.x").warning("a warning")
    err = capsys.readouterr().err
    assert "a warning" in err and "a detail" not in err
    assert "a detail" in (log_folder / logs.FILE_NAME).read_text()


def test_logging_can_be_turned_off(log_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URVC_NO_LOGGING", "1")
    with logs.attached():
        logging.getLogger("ultimate_rvc.x").error("unheard")
    assert not log_folder.exists()


def test_logging_is_as_it_was_after_a_command(log_folder: Path) -> None:
    ours = logging.getLogger(logs.OURS)
    before = (ours.level, list(ours.handlers))
    with logs.attached():
        assert ours.handlers != before[1]
    assert (ours.level, list(ours.handlers)) == before


@pytest.mark.parametrize("variable", ["URVC_CONSOLE_LOG_LEVEL", "URVC_FILE_LOG_LEVEL", "URVC_NO_LOGGING"])
def test_a_wrong_setting_of_logging_is_an_error_that_names_it(
    log_folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "LOUD")
    with pytest.raises(OptionError, match=variable), logs.attached():
        pass


def test_a_log_folder_that_cannot_be_written_is_said_and_does_not_stop_the_work(
    log_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_folder.touch()
    with logs.attached():
        pass
    assert str(log_folder) in capsys.readouterr().err


REPORT = screen.Report(
    "Song cover",
    Path("/tmp/[red]x.mp3"),
    {"Converted vocals": Path("/tmp/c.wav")},
    {"device": "CPU", "pitch": "swift", "encoder": "contentvec", "index": "none"},
    (),
    83.4,
)


@pytest.mark.parametrize("kind", [screen.Lines, screen.Bars])
def test_a_report_names_what_was_used_and_every_file(kind: type, capsys: pytest.CaptureFixture[str]) -> None:
    with kind() as drawn:
        drawn.on_progress(Progress("convert", 0, 2))
        drawn.on_progress(Progress("convert", 2, 2))
    drawn.report(REPORT)
    out, err = capsys.readouterr()
    assert out == "/tmp/[red]x.mp3\n"
    assert all(word in err for word in ("convert", "pitch: swift", "1 min 23 s", "/tmp/[red]x.mp3", "/tmp/c.wav"))


def test_quiet_leaves_only_the_path(capsys: pytest.CaptureFixture[str]) -> None:
    with screen.open_screen(quiet=True) as drawn:
        drawn.on_progress(Progress("convert", 0, 2))
    drawn.report(REPORT)
    assert capsys.readouterr() == ("/tmp/[red]x.mp3\n", "")


def test_a_path_that_is_no_text_reaches_stdout_byte_for_byte(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    screen.hand_over(Path(os.fsdecode(b"/tmp/caf\xe9.mp3")))
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == b"/tmp/caf\xe9.mp3\n"


@pytest.mark.parametrize(("seconds", "text"), [(4.21, "4.2 s"), (200, "3 min 20 s"), (3725, "1 h 02 min")])
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert screen.duration(seconds) == text


def test_ctrl_c_is_told_whatever_a_library_made_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as cause:
            raise ImportError("numpy could not start") from cause
    except ImportError as error:
        assert failures.tell(error, debug=False) == 130
    assert "Interrupted" in capsys.readouterr().err
