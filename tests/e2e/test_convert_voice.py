"""`urvc generate convert-voice` from the command line to the file, with a tiny voice in the real formats."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny import home as homes

from ultimate_rvc.audio.file import load
from ultimate_rvc.cli.main import main

CONVERT = ["generate", "convert-voice"]
VOICE_RATE_HZ = 40_000


def test_a_track_is_converted_at_the_rate_of_the_voice(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = home / "out" / "song (Tiny Ver).wav"
    assert main([*CONVERT, "song.wav", str(target.parent), homes.VOICE, "--n-octaves", "-1", "--quiet"]) == 0
    assert capsys.readouterr() == (f"{target}\n", "")
    made = load(target)
    assert (made.rate, made.channels) == (VOICE_RATE_HZ, 1)
    assert made.duration_s == pytest.approx(homes.SONG_S, abs=0.05)
    assert not (home / "audio").exists()


def test_a_seed_repeats_a_track_and_another_changes_it(home: Path) -> None:
    def track(folder: str, *words: str) -> np.ndarray:
        assert main(["cli", *CONVERT, "song.wav", str(home / folder), homes.VOICE, *words]) == 0
        return load(home / folder / "song (Tiny Ver).wav").samples

    np.testing.assert_array_equal(track("a"), track("b", "--seed", "0"))
    assert np.abs(track("a") - track("c", "--seed", "1")).max() > 0.001


def test_the_twin_names_of_switches_do_the_same(home: Path) -> None:
    for folder, words in (("a", ["--split-voice", "--autotune-voice"]), ("b", ["--split-vocals", "--autotune-vocals"])):
        assert main([*CONVERT, "song.wav", str(home / folder), homes.VOICE, *words]) == 0
    name = "song (Tiny Ver).wav"
    assert (home / "a" / name).read_bytes() == (home / "b" / name).read_bytes()


def test_the_track_itself_is_never_written_over(home: Path) -> None:
    track = Path(shutil.copy("song.wav", home))
    before = track.read_bytes()
    assert main([*CONVERT, str(track), str(home), homes.VOICE]) == 0
    assert track.read_bytes() == before and (home / "song (Tiny Ver).wav").is_file()


@pytest.mark.parametrize(
    "words", [["nowhere.wav", "out", "Tiny"], ["song.wav", "out", "Nobody"], ["song.wav", "music.wav", "Tiny"]]
)
def test_what_cannot_be_done_is_one_line(home: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main([*CONVERT, *words]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines()[-1].startswith("Error: ") and "Traceback" not in err
    assert not Path("out").exists()
