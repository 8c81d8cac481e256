"""`urvc generate speech …` from the command line to the file, with a tiny voice and an engine that answers at once."""

import json
import os
import sys
from pathlib import Path

import pytest
from tiny import home as homes
from tiny import speakers

from ultimate_rvc.audio.file import load, read_metadata
from ultimate_rvc.cli.main import main

SPEECH = ["generate", "speech"]
PIPELINE = [*SPEECH, "run-pipeline"]


@pytest.fixture
def bench(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home, with espeak-ng on PATH and without edge-tts."""
    speakers.write_program(home / "bin", "espeak-ng")
    monkeypatch.setenv("PATH", str(home / "bin"), prepend=os.pathsep)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setitem(sys.modules, "edge_tts", None)
    return home


def test_a_text_is_spoken_into_the_speech_folder(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SPEECH, "run-edge-tts", "hello", "--engine", "system", "--voice", "da", "--quiet"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path.parent == bench / "audio" / "speech" and path.name.startswith("Text (da) ") and path.suffix == ".wav"
    assert load(path).duration_s == pytest.approx(0.5, abs=0.001)


def test_different_texts_keep_their_files(bench: Path) -> None:
    for text in ("one", "two", "one"):
        assert main([*SPEECH, "run-edge-tts", text, "--engine", "system"]) == 0
    assert len(homes.written(bench)) == 2


def test_the_pipeline_writes_what_upstream_names(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*PIPELINE, "hello there", homes.VOICE, "--engine", "system"]) == 0
    out, err = capsys.readouterr()
    path = bench / "audio" / "output" / "Text (Spoken by Tiny).mp3"
    assert out == f"{path}\n" and "spoken by: espeak-ng, en-us" in err
    assert load(path).rate == 44_100 and len(homes.written(bench)) == 3
    said = read_metadata(path)
    assert (said["title"], said["artist"]) == ("hello there", "Tiny")
    assert json.loads(said["comment"])["spoken by"] == "espeak-ng"


def test_a_file_names_the_result(bench: Path) -> None:
    (bench / "My notes.txt").write_text("hello")
    words = ["--engine", "system", "--output-format", "flac", "--output-sr", "48000", "--no-clean-speech"]
    assert main([*PIPELINE, str(bench / "My notes.txt"), homes.VOICE, *words]) == 0
    assert load(bench / "audio" / "output" / "My notes (Spoken by Tiny).flac").rate == 48_000
    assert main([*PIPELINE, "x", homes.VOICE, *words, "--output-name", "Mine.flac"]) == 0
    assert (bench / "audio" / "output" / "Mine.flac").is_file()


def test_gain_and_effects_reach_the_file(bench: Path) -> None:
    def peak(*words: str) -> tuple[float, int]:
        name = f"a{len(words)}{words[-1:] and words[-1]}"
        rest = ["--engine", "system", "--output-format", "wav", "--output-name", name, "--no-clean-speech"]
        assert main([*PIPELINE, "hello", homes.VOICE, *rest, *words]) == 0
        made = load(bench / "audio" / "output" / f"{name}.wav")
        return made.peak, made.channels

    plain, louder, wide = peak(), peak("--output-gain", "6"), peak("--effects", "--reverb-width", "1")
    assert louder[0] == pytest.approx(min(2 * plain[0], 0.8913), rel=0.01)
    assert (plain[1], wide[1]) == (1, 2) and wide[0] != plain[0]


@pytest.mark.parametrize(
    "words",
    [
        [*PIPELINE, "hello", "Nobody", "--engine", "system"],
        [*PIPELINE, "...", homes.VOICE, "--engine", "system"],
        [*PIPELINE, "hello", homes.VOICE, "--engine", "edge"],
        [*PIPELINE, "hello", homes.VOICE, "--engine", "system", "--tts-voice", "nobody"],
        [*PIPELINE, "hello", homes.VOICE, "--bitrate", "128", "--output-format", "wav"],
        [*SPEECH, "run-edge-tts", "no-such-file.txt"],
        [*SPEECH, "list-edge-tts-voices", "--engine", "edge"],
    ],
)
def test_a_failure_is_one_line_and_leaves_nothing(
    bench: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(words) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines()[-1].startswith("Error: ") and "Traceback" not in err
    assert homes.written(bench) == set()


def test_voices_are_listed_by_the_filters(
    bench: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed(*words: str) -> list[str]:
        assert main([*SPEECH, "list-edge-tts-voices", *words]) == 0
        return [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]

    assert listed("--engine", "system", "--locale", "en") == ["en-gb", "en-us"]
    monkeypatch.setitem(sys.modules, "edge_tts", speakers.fake_edge_tts())
    assert listed("--locale", "GB") == ["en-GB-RyanNeural"]
    assert listed("--content-category", "news", "--offset", "1") == ["da-DK-JeppeNeural"]
    assert listed("--voice-personality", "Cold") == [] and len(listed("--limit", "2")) == 2
