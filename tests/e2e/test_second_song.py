"""A process that has sung once has everything that it needs to sing again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import home as homes

from ultimate_rvc.audio.file import load
from ultimate_rvc.options import ConversionOptions, OptimizationConfig, PitchOptions
from ultimate_rvc.rvc.infer.infer import VoiceConverter
from ultimate_rvc.rvc.infer.shelf import Shelf
from ultimate_rvc.voices import find_voice

KINDS = {"voice", "encoder", "embedder", "index", "pitch"}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of things that were loaded or built, in order."""
    kinds: list[str] = []
    get = Shelf.get

    def noted(shelf: Shelf, kind: str, key: Any, make: Callable[[], Any]) -> Any:
        return get(shelf, kind, key, lambda: kinds.append(kind) or make())

    monkeypatch.setattr(Shelf, "get", noted)
    return kinds


def test_the_second_song_loads_nothing_and_sounds_the_same(home: Path, made: list[str]) -> None:
    converter, voice = VoiceConverter(OptimizationConfig(device="cpu")), find_voice(homes.VOICE)
    options, songs = ConversionOptions(PitchOptions(f0_method=("swift",))), []
    for loaded in (KINDS, set()):
        made.clear()
        converter.load_voice(voice.checkpoint, voice.index)
        songs.append(converter.convert(load(Path("song.wav")), options).audio.samples)
        assert set(made) == loaded and len(made) == len(loaded)
    np.testing.assert_array_equal(*songs)
