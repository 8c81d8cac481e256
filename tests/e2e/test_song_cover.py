"""`urvc generate song-cover` from the command line to the file, with a tiny voice in the real formats."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny import home as homes
from tiny import sounds

import ultimate_rvc
from ultimate_rvc.audio.file import load
from ultimate_rvc.cli.main import main
from ultimate_rvc.options import AUDIO_FORMATS

COVER = ["generate", "song-cover"]
# Encoders of lossy formats may add a block of padding at either end.
DURATION_TOLERANCE_S = 0.1
LONG_SONG_S = 20
MUCH_S = 120
# Less than the converted song, more than the probe that is written first.
FULL_BYTES = 128 * 1024


def _sing(*words: str) -> int:
    return main([*COVER, "--separator", "none", "--model", homes.VOICE, *words])


def test_a_song_becomes_a_cover(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _sing("--source", "song.wav") == 0
    out, err = capsys.readouterr()
    path = home / "audio" / "output" / "song (Tiny Ver).mp3"
    assert out == f"{path}\n"
    cover = load(path)
    assert cover.rate == 44_100 and cover.peak > 0.01
    assert cover.duration_s == pytest.approx(homes.SONG_S, abs=DURATION_TOLERANCE_S)
    for word in ("device: CPU", "pitch: ", "encoder: contentvec", "index: added_tiny.index", "elapsed: ", str(path)):
        assert word in err
    assert homes.written(home) == {
        "output/song (Tiny Ver).mp3",
        "intermediate/song/Converted vocals (Tiny Ver).wav",
        "intermediate/song/Effected vocals (Tiny Ver).wav",
    }


def test_upstreams_way_of_asking_gives_the_same_bytes(home: Path) -> None:
    options = ["--n-semitones", "-2", "--index-rate", "0.7", "--output-format", "WAV", "--output-sr", "48000"]
    assert _sing("--source", "song.wav", *options, "--output-name", "one") == 0
    words = [
        "cli",
        *COVER,
        "run-pipeline",
        "song.wav",
        homes.VOICE,
        "--separator",
        "none",
        *options,
        "--output-name",
        "two",
    ]
    assert main(words) == 0
    one, two = (home / "audio" / "output" / f"{name}.wav" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_stems_are_mixed(home: Path) -> None:
    words = ["--vocals", "song.wav", "--instrumentals", "music.wav", "--output-format", "wav", "--n-semitones", "3"]
    assert _sing(*words, "--main-gain", "-60") == 0
    assert "intermediate/song/Shifted instrumentals (+3).wav" in homes.written(home)
    cover = load(home / "audio" / "output" / "song (Tiny Ver).wav")
    assert cover.channels == 2
    loudest_hz = [float(np.abs(np.fft.rfft(side)).argmax() / cover.duration_s) for side in cover.samples]
    assert loudest_hz == pytest.approx([220 * 2**0.25, 277 * 2**0.25], abs=1)


@pytest.mark.parametrize("suffix", AUDIO_FORMATS)
def test_every_format_is_written(home: Path, suffix: str) -> None:
    assert _sing("--source", "song.wav", "--output-format", suffix) == 0
    cover = load(home / "audio" / "output" / f"song (Tiny Ver).{suffix}")
    assert cover.duration_s == pytest.approx(homes.SONG_S, abs=DURATION_TOLERANCE_S)
    assert cover.peak > 0.01


@pytest.mark.parametrize("name", sounds.UNUSUAL)
def test_unusual_rates_work(home: Path, name: str) -> None:
    source = sounds.UNUSUAL[name](home)
    assert _sing("--source", str(source), "--output-format", "wav") == 0
    cover = load(home / "audio" / "output" / f"{source.stem} (Tiny Ver).wav")
    assert cover.duration_s == pytest.approx(load(source).duration_s, abs=DURATION_TOLERANCE_S)


def _failed_in_one_line(home: Path, capsys: pytest.CaptureFixture[str], status: int, expected: int = 1) -> str:
    out, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert status == expected and out == "" and len(errors) == 1
    assert err.splitlines()[-1] == errors[0] and "Traceback" not in err
    assert homes.written(home) == set()
    return errors[0]


@pytest.mark.parametrize("name", sounds.UNUSABLE)
def test_unusable_audio_is_one_line(home: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    source = sounds.UNUSABLE[name](home)
    before = source.read_bytes()
    assert str(source) in _failed_in_one_line(home, capsys, _sing("--source", str(source)))
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--source", "nowhere.wav"], "nowhere.wav"),
        (["--source", "https://www.youtube.com/watch?v=x"], "forbids downloads"),
        (["--source", "song.wav", "--model", "Tny"], "known: Tiny"),
        (["--source", "song.wav", "--model", "../voices"], "../voices"),
        (["--source", "song.wav", "--sid", "7"], "7"),
        (["--source", "song.wav", "--embedder-model", "custom"], "custom"),
        (["--source", "song.wav", "--device", "abacus"], "abacus"),
        (["--source", "song.wav", "--output-name", ".."], "'..'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    assert expected in _failed_in_one_line(home, capsys, _sing(*words))


@pytest.mark.parametrize(("variable", "value"), [("RVC_BATCH_SIZE", "many"), ("URVC_CONSOLE_LOG_LEVEL", "LOUD")])
def test_a_wrong_variable_is_one_line_that_names_it(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert variable in _failed_in_one_line(home, capsys, _sing("--source", "song.wav"))


def test_an_unknown_preset_is_one_line_that_lists_those_that_exist(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("URVC_CONFIG", "turbo")
    message = _failed_in_one_line(home, capsys, _sing("--source", "song.wav"))
    assert "turbo" in message and "macos_optimized" in message


def test_an_output_folder_that_is_a_file_is_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "audio").touch()
    assert "cannot write into" in _failed_in_one_line(home, capsys, _sing("--source", "song.wav"))


def test_debug_shows_where_an_error_came_from(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _sing("--source", "nowhere.wav", "--debug") == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_engine_tells_what_it_loaded(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("URVC_CONSOLE_LOG_LEVEL", "INFO")
    assert _sing("--source", "song.wav") == 0
    assert f"Loaded {homes.INDEX_VECTORS} embeddings to cpu for GPU-accelerated retrieval" in capsys.readouterr().err


@pytest.mark.parametrize("level", ["WARNING", "INFO", "DEBUG"])
def test_profiling_prints_what_the_stages_cost_once(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.setenv("RVC_PROFILING", "1")
    monkeypatch.setenv("URVC_CONSOLE_LOG_LEVEL", level)
    assert _sing("--source", "song.wav") == 0
    assert capsys.readouterr().err.count("peak MB") == 1


def _urvc(*words: str, before: Callable[[], object] = lambda: None) -> subprocess.Popen:
    """The command in a process of its own; `before` is called there first."""
    environ = {**os.environ, "PYTHONPATH": str(Path(ultimate_rvc.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable,
        "-m",
        "ultimate_rvc.cli.main",
        *COVER,
        "--separator",
        "none",
        "--model",
        homes.VOICE,
        *words,
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environ, preexec_fn=before, text=True, errors="replace", **pipes)


def test_interrupted_in_the_middle_nothing_half_written_is_left(home: Path) -> None:
    source = sounds.write(home / "long.wav", sounds.voice_like(LONG_SONG_S, 16_000), 16_000)
    # A shell gives what it runs in the background a deaf ear for Ctrl-C.
    running = _urvc("--source", str(source), before=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    stages = []
    for line in running.stderr:
        stages.append(line)
        # The stage after the voice has been loaded is the conversion's first.
        if any("load voice" in stage for stage in stages[:-1]):
            break
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=MUCH_S)
    assert running.returncode == 130, err
    assert err.splitlines()[-1] == "Interrupted; nothing half-written was left"
    assert "Traceback" not in err and out == ""
    assert homes.written(home) == set()


def test_a_disk_that_fills_up_is_one_line_and_leaves_nothing_half_written(home: Path) -> None:
    full = (FULL_BYTES, FULL_BYTES)
    running = _urvc("--source", "song.wav", before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, full))
    out, err = running.communicate(timeout=MUCH_S)
    assert running.returncode == 1 and out == ""
    last = err.splitlines()[-1]
    assert last.startswith("Error: ") and "cannot be written" in last and "make room" in last
    assert "Traceback" not in err
    assert homes.written(home) == set()
