"""Who decides: an argument goes before a variable, a variable before a preset, a preset before the default."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ultimate_rvc.cli.main import main
from ultimate_rvc.covers.cover import CoverRequest
from ultimate_rvc.options import OptimizationConfig

PRESET = """
index_rate: 0.55
f0_method: [swift, crepe]
clean: true
output_sr: 48000
batch_size: 3
use_fp16: true
"""


class Asked:
    """What the last command asked for: the cover, and the engine's configuration."""

    def __init__(self) -> None:
        self.request: CoverRequest | None = None
        self.config: OptimizationConfig | None = None

    def make_cover(self, request: CoverRequest, open_converter: Any, on_progress: Any) -> Any:
        self.request = request
        open_converter(on_progress)
        return SimpleNamespace(path=Path("x"), used={}, costs=(), intermediates={})

    def voice_converter(self, config: OptimizationConfig, _: Any) -> None:
        self.config = config


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()
    monkeypatch.setattr("ultimate_rvc.covers.cover.make_cover", asked.make_cover)
    monkeypatch.setattr("ultimate_rvc.rvc.infer.infer.VoiceConverter", asked.voice_converter)
    for name, value in (("CONFIG_DIR", str(tmp_path)), ("NO_LOGGING", "1")):
        monkeypatch.setenv(f"URVC_{name}", value)
    monkeypatch.setenv("RVC_DEVICE", "cpu")
    (tmp_path / "mine.yaml").write_text(PRESET)
    return asked


def _sing(*words: str) -> None:
    assert main(["generate", "song-cover", "run-pipeline", *words, "song.wav", "Anna"]) == 0


def test_without_a_preset_the_defaults_hold(asked: Asked) -> None:
    _sing()
    assert asked.request == CoverRequest("Anna", "song.wav")
    assert asked.config == OptimizationConfig.for_cpu()


@pytest.mark.parametrize("way", ["argument", "variable"])
def test_a_preset_changes_defaults(asked: Asked, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("URVC_CONFIG", "mine" if way == "variable" else "")
    _sing(*(["--config", "mine"] if way == "argument" else []))
    assert asked.request.singing.voice.index_rate == 0.55
    assert asked.request.singing.voice.clean is True
    assert asked.request.singing.pitch.f0_method == ("swift", "crepe")
    assert asked.request.mix.output_sr == 48_000
    assert (asked.config.batch_size, asked.config.use_fp16) == (3, True)


def test_an_argument_goes_before_the_preset(asked: Asked) -> None:
    words = ["--index-rate", "0.1", "--f0-method", "RMVPE", "--no-clean-vocals", "--batch-size", "2", "--no-use-fp16"]
    _sing("--config", "mine", *words)
    assert asked.request.singing.voice.index_rate == 0.1
    assert asked.request.singing.voice.clean is False
    assert asked.request.singing.pitch.f0_method == ("rmvpe",)
    assert (asked.config.batch_size, asked.config.use_fp16) == (2, False)


def test_a_variable_goes_before_the_preset_and_behind_the_argument(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RVC_BATCH_SIZE", "5")
    _sing("--config", "mine")
    assert asked.config.batch_size == 5
    _sing("--config", "mine", "--batch-size", "2")
    assert asked.config.batch_size == 2


def test_the_presets_argument_goes_before_its_variable(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URVC_CONFIG", "no_such_preset")
    assert main(["generate", "song-cover", "--source", "song.wav", "--model", "Anna", "--config", "mine"]) == 0
    assert asked.request.singing.voice.index_rate == 0.55


def test_negative_numbers_are_values(asked: Asked) -> None:
    _sing("--n-octaves", "-1", "--n-semitones", "-3", "--main-gain=-6")
    assert asked.request.singing.pitch.semitones == -15
    assert asked.request.mix.main_gain == -6


def test_several_pitch_methods_can_be_named(asked: Asked) -> None:
    _sing("--f0-method", "swift", "--f0-method", "Crepe-Tiny")
    assert asked.request.singing.pitch.f0_method == ("swift", "crepe-tiny")
