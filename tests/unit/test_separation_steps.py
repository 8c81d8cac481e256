"""From options to separations: which models, in which order, and what is refused or replaced."""

import logging
from pathlib import Path

import pytest

from ultimate_rvc.covers.separators import package
from ultimate_rvc.covers.separators.models import ModelSeparator
from ultimate_rvc.covers.separators.presets import BEST_ON_CPU, PRESETS
from ultimate_rvc.covers.separators.steps import steps_for, sung
from ultimate_rvc.covers.stems import SeparationStep, StemName
from ultimate_rvc.errors import ModelError, OptionError
from ultimate_rvc.options import SEPARATORS, SeparationOptions


@pytest.fixture
def with_network(with_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if audio-separator were installed, and models may be fetched."""
    monkeypatch.delenv("HF_HUB_OFFLINE")


@pytest.fixture
def with_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """As if audio-separator were installed; the folder in which its models lie, an empty one."""
    monkeypatch.setattr(package, "installed", lambda: True)
    monkeypatch.setenv("URVC_MODELS_DIR", str(tmp_path))
    return tmp_path / "audio_separator"


def _steps(**options) -> tuple[SeparationStep, ...]:
    return steps_for(SeparationOptions(**options), "cpu")


def _models(steps: tuple[SeparationStep, ...]) -> list[str]:
    return [step.separator.model for step in steps if isinstance(step.separator, ModelSeparator)]


def test_every_separator_has_a_preset() -> None:
    assert set(PRESETS) | {"auto"} == set(SEPARATORS)


def test_upstreams_models_come_in_upstreams_order(with_network: None) -> None:
    steps = _steps(separator="upstream")
    models = ["UVR-MDX-NET-Voc_FT.onnx", "UVR_MDXNET_KARA_2.onnx", "Reverb_HQ_By_FoxJoy.onnx"]
    assert _models(steps) == models
    assert [step.takes for step in steps] == [StemName.SONG, StemName.VOCALS, StemName.MAIN_VOCALS]
    assert sung(steps) is StemName.DRY_VOCALS


def test_a_step_takes_only_what_an_earlier_one_gives(with_network: None) -> None:
    for separator in SEPARATORS:
        have = {StemName.SONG}
        for step in _steps(separator=separator, dereverb=None if separator in ("classical", "auto") else True):
            assert step.takes in have
            have |= set(step.separator.gives)


def test_vocals_need_no_step() -> None:
    assert _steps(separator="none") == () and sung(()) is StemName.SONG


def test_main_and_backup_of_what_already_is_vocals(with_network: None) -> None:
    (step,) = _steps(separator="none", split_backup=True)
    assert step.takes is StemName.SONG and step.separator.gives == (StemName.MAIN_VOCALS, StemName.BACKUP_VOCALS)


def test_models_of_ones_own_go_before_the_presets(with_network: None) -> None:
    steps = _steps(separator="demucs", separator_model="a.ckpt", karaoke_model="b.ckpt", dereverb_model="c.onnx")
    assert _models(steps) == ["a.ckpt", "b.ckpt", "c.onnx"]


def test_what_is_switched_off_is_not_done(with_network: None) -> None:
    assert len(_steps(separator="upstream", split_backup=False, dereverb=False)) == 1


def test_classical_cannot_part_backup_vocals_and_says_so(with_network: None) -> None:
    assert len(_steps(separator="classical")) == 1
    with pytest.raises(OptionError, match="'classical' cannot part main and backup vocals"):
        _steps(separator="classical", split_backup=True)
    assert len(_steps(separator="classical", karaoke_model="b.ckpt")) == 2


def test_without_the_package_auto_is_classical_and_says_what_is_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(package, "installed", lambda: False)
    with caplog.at_level(logging.WARNING):
        (step,) = _steps()
    assert step.separator.name.startswith("classical")
    (told,) = caplog.messages
    assert "install --separation" in told and "backup vocals" in told


def test_offline_auto_takes_the_model_that_is_on_disk(with_package: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not _models(_steps()) and "HF_HUB_OFFLINE" in caplog.text
    with_package.mkdir()
    best = PRESETS[BEST_ON_CPU].vocals
    (with_package / best).write_bytes(b"weights")
    caplog.clear()
    assert _models(_steps()) == [best]
    assert "Left out: part main and backup vocals" in caplog.text


def test_with_a_network_auto_is_a_model(with_network: None) -> None:
    assert _models(_steps())[0] == PRESETS[BEST_ON_CPU].vocals


def test_without_the_package_a_named_separator_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "installed", lambda: False)
    with pytest.raises(ModelError, match="install --separation"):
        _steps(separator="mdx")


@pytest.mark.parametrize(
    "options",
    [
        {"separator": "none", "separator_model": "a.onnx"},
        {"split_backup": False, "karaoke_model": "a.onnx"},
        {"dereverb": False, "dereverb_model": "a.onnx"},
        {"separator": "wishful"},
        {"segment_size": -1},
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(options: dict) -> None:
    with pytest.raises(OptionError):
        SeparationOptions(**options)


def test_a_model_is_named_not_pathed(with_package: Path) -> None:
    with pytest.raises(OptionError, match="is a path"):
        _steps(separator="mdx", separator_model="../outside.onnx")
