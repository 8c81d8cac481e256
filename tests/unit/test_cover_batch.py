"""A folder of songs: in order, with one engine, taken up where it stopped; and what the command line tells of it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny import sounds

from ultimate_rvc import pictures
from ultimate_rvc.audio.file import Audio
from ultimate_rvc.cli.main import main
from ultimate_rvc.covers import picture
from ultimate_rvc.covers.batch import make_covers
from ultimate_rvc.covers.cover import CoverRequest
from ultimate_rvc.covers.sources.find import songs_in
from ultimate_rvc.errors import OptionError, VoiceNotFound
from ultimate_rvc.options import MixOptions, OptimizationConfig, SeparationOptions
from ultimate_rvc.rvc.infer import infer

RATE_HZ = 40_000


class Singer:
    """Stands where `VoiceConverter` would; songs that are too loud make it fail in an unforeseen way."""

    optimization = OptimizationConfig(device="cpu")

    def __init__(self, *_: Any) -> None:
        self.songs = 0

    def load_voice(self, checkpoint: Path, index: Path | None) -> None:
        pass

    def check(self, options: Any) -> None:
        pass

    def ingredients(self, checkpoint: Path, options: Any) -> Any:
        return SimpleNamespace(settings={}, weights=())

    def convert(self, audio: Audio, options: Any) -> Any:
        if audio.peak > 0.9:
            raise ValueError("my ears")
        self.songs += 1
        return SimpleNamespace(audio=Audio(sounds.tone(330, 1, RATE_HZ), RATE_HZ), used={"device": "none"}, costs=())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A voice and a folder of songs, one of which is none."""
    for name in ("AUDIO", "MODELS", "VOICE_MODELS", "LOGS"):
        monkeypatch.setenv(f"URVC_{name}_DIR", str(tmp_path / name.lower()))
    (tmp_path / "voice_models" / "Anna").mkdir(parents=True)
    (tmp_path / "voice_models" / "Anna" / "anna.pth").touch()
    (tmp_path / "songs").mkdir()
    for name, hz in (("track 10", 330), ("track 2", 220), ("Track 1", 440)):
        sounds.write(tmp_path / "songs" / f"{name}.wav", sounds.tone(hz, 1, 44_100), 44_100)
    sounds.text_as_wav(tmp_path / "songs").rename(tmp_path / "songs" / "track 3.wav")
    (tmp_path / "songs" / "cover.jpg").touch()
    (tmp_path / "songs" / ".track 4.wav").touch()
    monkeypatch.setattr(infer, "VoiceConverter", Singer)
    monkeypatch.chdir(tmp_path)
    return tmp_path


REQUEST = CoverRequest("Anna", separation=SeparationOptions("none"), mix=MixOptions(output_format="wav"))


def _opening(engines: list[Singer]) -> Callable[[Any], Singer]:
    return lambda _: engines.append(Singer()) or engines[-1]


def _silent(_: Any) -> None:
    pass


def test_songs_come_in_the_order_in_which_people_count(home: Path) -> None:
    names = [path.stem for path in songs_in(home / "songs")]
    assert names == ["Track 1", "track 2", "track 3", "track 10"]


def test_one_failure_stops_nobody_and_the_engine_is_opened_once(home: Path) -> None:
    engines: list[Singer] = []
    heard: list[tuple[int, int, str]] = []
    told = lambda number, total, song: heard.append((number, total, song.stem))  # noqa: E731
    outcomes = make_covers(home / "songs", REQUEST, _opening(engines), _silent, told)
    assert [bool(outcome.error) for outcome in outcomes] == [False, False, True, False]
    assert "cannot be decoded" in outcomes[2].reason
    assert len(engines) == 1 and engines[0].songs == 3
    assert heard == [(1, 4, "Track 1"), (2, 4, "track 2"), (3, 4, "track 3"), (4, 4, "track 10")]


def test_what_nobody_foresaw_is_a_reason_too(home: Path) -> None:
    sounds.write(home / "songs" / "track 3.wav", sounds.tone(440, 1, 44_100, peak=0.99), 44_100)
    outcomes = make_covers(home / "songs", REQUEST, _opening([]))
    assert outcomes[2].reason == "unexpected ValueError: my ears" and outcomes[3].result


def test_a_stopped_folder_is_taken_up_where_it_stopped(home: Path) -> None:
    class Stopped(Singer):
        def convert(self, audio: Audio, options: Any) -> Any:
            if self.songs == 2:
                raise KeyboardInterrupt
            return super().convert(audio, options)

    with pytest.raises(KeyboardInterrupt):
        make_covers(home / "songs", REQUEST, Stopped)
    engines: list[Singer] = []
    outcomes = make_covers(home / "songs", REQUEST, _opening(engines))
    assert engines[0].songs == 1
    finished = [all(run.cached for run in one.result.stages) for one in outcomes if one.result]
    assert finished == [True, True, False]


def test_songs_that_are_called_alike_get_covers_of_their_own(home: Path) -> None:
    sounds.write(home / "songs" / "Track 2.flac", sounds.tone(262, 1, 44_100), 44_100)
    results = [outcome.result for outcome in make_covers(home / "songs", REQUEST, _opening([]))]
    names = {result.path.name for result in results if result}
    assert {"Track 2.flac (Anna Ver).wav", "track 2.wav (Anna Ver).wav"} < names and len(names) == 4


def test_what_is_for_one_song_or_for_none_is_refused_first(home: Path) -> None:
    (home / "empty").mkdir()
    named = replace(REQUEST, mix=MixOptions(output_name="x"))
    for folder, request, kind, words in (
        ("songs", named, OptionError, "output_name"),
        ("songs", replace(REQUEST, instrumentals=home / "songs" / "track 2.wav"), OptionError, "instrumentals"),
        ("songs", replace(REQUEST, voice="Nobody"), VoiceNotFound, "Anna"),
        ("empty", REQUEST, OptionError, "no audio file"),
    ):
        with pytest.raises(kind, match=words):
            make_covers(home / folder, request, _opening([]))
    assert not (home / "audio").exists()


WORDS = ["generate", "song-cover", "--separator", "none", "--model", "Anna", "--output-format", "wav", "--source"]


def test_the_command_ends_with_a_table_and_says_by_its_status_that_one_failed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WORDS, "songs"]) == 1
    out, err = capsys.readouterr()
    assert [Path(line).name for line in out.splitlines()] == [
        "Track 1 (Anna Ver).wav",
        "track 2 (Anna Ver).wav",
        "track 10 (Anna Ver).wav",
    ]
    assert "song 3 of 4: track 3.wav" in err and "failed: 'songs/track 3.wav' cannot be decoded" in err
    assert "3 of 4 songs covered" in err
    (home / "songs" / "track 3.wav").unlink()
    assert main([*WORDS, "songs"]) == 0
    assert capsys.readouterr().err.count("(finished earlier)") == 3


def test_a_folder_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "songs", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [("error" in song, Path(song.get("song")).stem) for song in found["songs"]] == [
        (False, "Track 1"),
        (False, "track 2"),
        (True, "track 3"),
        (False, "track 10"),
    ]
    assert found["songs"][2]["error"]["type"] == "AudioError"


def test_a_cover_as_json_tells_files_stages_and_warnings(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "songs/track 2.wav", "--inst-gain", "3", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["path"].endswith("track 2 (Anna Ver).wav") and Path(found["path"]).is_file()
    assert [stage["stage"] for stage in found["stages"]] == ["read song", "convert vocals", "effects", "mix and save"]
    assert found["used"] == {"device": "none"} and "Converted vocals" in found["intermediates"]
    assert found["warnings"] == ["inst_gain has no effect: this cover has no instrumentals"]
    assert "1 warning:" in err


def test_an_error_as_json_has_its_kind_its_line_and_a_status(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "song-cover", "--json", "--model", "Anna", "--source", "nowhere.wav"]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["status"] == 1 and found["error"]["type"] == "AudioError"
    assert f"Error: {found['error']['message']}" in err


def test_stages_from_the_cache_are_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([*WORDS, "songs/track 2.wav"])
    assert main([*WORDS, "songs/track 2.wav", "--main-gain", "3"]) == 0
    err = capsys.readouterr().err
    assert "convert vocals: cached" in err and "cached: read song, convert vocals, effects" in err
    assert main([*WORDS, "songs/track 2.wav", "--no-cache"]) == 0
    assert "cached" not in capsys.readouterr().err


def test_the_cache_is_shown_verified_and_cleared(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for song in ("track 2", "Track 1"):
        main([*WORDS, f"songs/{song}.wav"])
    capsys.readouterr()
    assert main(["cache"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^track 2 +convert vocals +1 +0\.\d MB +0 min ago$", shown, re.MULTILINE)
    assert main(["cache", "verify"]) == 0
    next((home / "audio" / "cache").glob("*/result.wav")).write_bytes(b"damaged")
    assert main(["cache", "verify"]) == 1
    assert "result.wav was changed" in capsys.readouterr().out
    assert main(["cache", "clear", "--older-than", "1"]) == 0
    assert "removed: 0 entries" in capsys.readouterr().out
    assert main(["cache", "clear", "--song", "Nobody's"]) == 1
    assert "'track 2'" in capsys.readouterr().err
    assert main(["cache", "clear", "--song", "TRACK 2"]) == 0
    assert main(["cache", "clear"]) == 0
    capsys.readouterr()
    assert main(["cache"]) == 0 and "0 entries" in capsys.readouterr().out
    assert {path.name for path in (home / "audio" / "output").iterdir()} == {
        "track 2 (Anna Ver).wav",
        "Track 1 (Anna Ver).wav",
    }
    assert not list((home / "audio" / "intermediate").rglob("*.wav"))


def test_the_limit_may_come_from_a_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URVC_CACHE_LIMIT_GB", "-1")
    assert main([*WORDS, "songs/track 2.wav"]) == 2


@pytest.mark.skipif(pictures.importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib")
def test_a_picture_shows_both_waves_and_melodies(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "songs/track 2.wav", "--plot", "deep/cover.svg"]) == 0
    drawn = (home / "deep" / "cover.svg").read_text()
    assert "<svg" in drawn and "cover.svg" in capsys.readouterr().err


@pytest.mark.parametrize(("path", "words"), [("x.doc", "no picture"), ("x.png", "needs matplotlib")])
def test_a_picture_that_cannot_be_drawn_is_refused_first(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str, words: str
) -> None:
    if "needs" in words:
        monkeypatch.setattr(pictures.importlib.util, "find_spec", lambda _: None)
    assert main([*WORDS, "songs/track 2.wav", "--plot", path]) == 1
    assert words in capsys.readouterr().err and not (home / "audio").exists()


@pytest.mark.parametrize(("number", "name"), [(69, "A4"), (60, "C4"), (61, "C♯4"), (21, "A0")])
def test_notes_have_their_names(number: int, name: str) -> None:
    assert picture.note_name(number) == name


def test_a_melody_in_notes_has_holes_where_nothing_is_sung() -> None:
    import numpy as np

    notes = picture.note_number(np.array([440.0, 0.0, 880.0]))
    assert notes[0] == 69 and np.isnan(notes[1]) and notes[2] == 81
