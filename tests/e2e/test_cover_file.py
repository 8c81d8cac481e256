"""What the options say of a cover's file is in the file."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny import home as homes

from ultimate_rvc import __version__
from ultimate_rvc.audio.file import load, read_metadata
from ultimate_rvc.cli.main import main

COVER = ["generate", "song-cover", "--source", "Song", "--vocals", "song.wav", "--instrumentals", "music.wav"]
NAME = "Song (Tiny Ver)"


def cover(home: Path, suffix: str, *words: str) -> Path:
    assert main([*COVER, "--model", homes.VOICE, "--output-format", suffix, "--quiet", *words]) == 0
    return home / "audio" / "output" / f"{NAME}.{suffix}"


def test_a_cover_says_what_it_is(home: Path) -> None:
    said = read_metadata(cover(home, "flac", "--n-semitones", "2", "--main-gain", "1.5"))
    assert (said["title"], said["artist"], said["encoder"]) == ("Song", "Tiny", f"Ultimate RVC {__version__}")
    assert json.loads(said["comment"]) == {"main_gain": 1.5, "n_semitones": 2, "output_format": "flac"}


def test_the_bitrate_is_that_of_the_file(home: Path) -> None:
    small = cover(home, "mp3", "--bitrate", "64").stat().st_size
    assert small * 8 / homes.SONG_S / 1_000 == pytest.approx(64, rel=0.15)


def test_both_ways_of_keeping_the_peak_reach_the_file(home: Path) -> None:
    limited, turned = (load(cover(home, "wav", "--inst-gain", "15", each)) for each in ("--limiter", "--no-limiter"))
    assert limited.peak < 0.8914 and turned.peak == pytest.approx(0.8913, abs=1e-3)
    assert not np.allclose(limited.samples, turned.samples, atol=0.01)
