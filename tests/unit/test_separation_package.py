"""The adapter of audio-separator, held against a stand-in with the package's manners: no package is needed here."""

import logging
import random
import sys
import warnings
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from tiny import fake_audio_separator, sounds, web

from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.covers.separators import package
from ultimate_rvc.covers.separators.models import ModelSeparator
from ultimate_rvc.covers.separators.tasks import SPLIT_VOCALS, TAKE_REVERB_OFF, TAKE_VOCALS
from ultimate_rvc.covers.stems import StemName
from ultimate_rvc.device import Device
from ultimate_rvc.errors import DownloadError, ModelError, OptionError, WeightsNotFound

FILE = fake_audio_separator.FILE
# 32-bit floats through a wav file, scaled there and back.
TOLERANCE = 1e-6


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("URVC_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("URVC_TEMP_DIR", str(tmp_path / "temp"))
    return tmp_path


@pytest.fixture
def weights(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in is installed, and its model is on disk."""
    path = fake_audio_separator.install(monkeypatch)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    return path


def _separator(task=TAKE_VOCALS, model: str = FILE) -> ModelSeparator:
    return ModelSeparator(task, model, package.Settings("cpu"))


def _song(peak: float = 0.5) -> Audio:
    return Audio(np.stack([sounds.tone(hz, 0.2, 44_100, peak=peak) for hz in (300, 400)]), 44_100)


def test_stems_come_back_as_loud_as_they_are_in_the_song(weights: Path) -> None:
    for peak in (0.01, 0.5, 1.4):
        song = _song(peak)
        stems = _separator().separate(song)
        assert np.abs(stems[StemName.VOCALS].samples - 0.5 * song.samples).max() < TOLERANCE * peak


def test_models_lie_in_our_folder_whatever_the_packages_variable_says(
    weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUDIO_SEPARATOR_MODEL_DIR", str(tmp_path))
    assert _separator().separate(_song())[StemName.VOCALS].peak > 0


@pytest.mark.parametrize("late_samples", [0, 1, 700])
def test_a_stem_is_cut_to_the_songs_length(weights: Path, monkeypatch: pytest.MonkeyPatch, late_samples: int) -> None:
    fake_audio_separator.install(monkeypatch, late_samples=late_samples)
    assert _separator().separate(_song())[StemName.VOCALS].length == _song().length


def test_a_stem_of_quite_another_length_is_refused(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_audio_separator.install(monkeypatch, late_samples=44_100)
    with pytest.raises(ModelError, match="instead of 2 channels of 8820 samples"):
        _separator().separate(_song())


def test_what_the_package_changes_in_the_process_is_put_back(weights: Path) -> None:
    random.seed(7)
    state, filters = random.getstate(), list(warnings.filters)
    _separator().separate(_song())
    assert random.getstate() == state and warnings.filters == filters
    assert not logging.getLogger("audio_separator").handlers
    assert not logging.getLogger("audio_separator.separator.separator").handlers


def test_no_file_is_left(weights: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _separator().separate(_song())
    fake_audio_separator.install(monkeypatch, stems=())
    with pytest.raises(ModelError):
        _separator().separate(_song())
    assert list((home / "temp").iterdir()) == []


def test_its_bars_are_told_as_progress(weights: Path) -> None:
    told = []
    _separator().separate(_song(), told.append)
    assert [step.done for step in told if step.total == 4] == [0, 1, 2, 3]
    assert told[-1].done == told[-1].total


@pytest.mark.parametrize("name", ["vocals", "Lead_Vocals", "lead only"])
def test_the_main_vocals_are_known_by_any_name(weights: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    fake_audio_separator.install(monkeypatch, stems=("Instrumental", name))
    assert _separator(SPLIT_VOCALS).separate(_song())[StemName.MAIN_VOCALS].peak > 0


def test_a_model_for_something_else_is_refused_by_what_it_gives(weights: Path) -> None:
    with pytest.raises(ModelError, match="'Vocals' and 'Instrumental', nothing to take reverb off with"):
        _separator(TAKE_REVERB_OFF).separate(_song())


def test_taking_reverb_off_gives_dry_vocals_only(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_audio_separator.install(monkeypatch, stems=("Reverb", "No Reverb"))
    assert tuple(_separator(TAKE_REVERB_OFF).separate(_song())) == (StemName.DRY_VOCALS,)


def test_a_failure_inside_is_one_line_that_says_what_to_do(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def separate(self, path: str) -> None:
        raise RuntimeError("weight\nof a layer")

    fake_audio_separator.install(monkeypatch, separate=separate)
    with pytest.raises(ModelError, match=r"half.onnx failed \(weight of a layer\); choose another") as told:
        _separator().separate(_song())
    assert isinstance(told.value.__cause__, RuntimeError) and "\n" not in str(told.value)


def test_an_unknown_model_is_refused_with_a_way_to_see_the_known(weights: Path) -> None:
    with pytest.raises(OptionError, match="--list_models"):
        _separator(model="wishful.onnx").separate(_song())


def test_a_missing_model_is_fetched_from_the_second_place_when_the_first_has_none(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with web.serve(files={FILE: b"from afar"}) as site:
        path = fake_audio_separator.install(monkeypatch, site=site.base)
        told = []
        _separator().fingerprint(told.append)
    assert path.read_bytes() == b"from afar" and told[-1].stage == f"download {FILE}"


def test_a_download_that_stops_half_way_is_no_model(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("ultimate_rvc.download.FIRST_PAUSE_S", 0)
    with web.serve(files={FILE: bytes(1000)}, cuts=deque([10] * 99), ranges=False) as site:
        path = fake_audio_separator.install(monkeypatch, site=site.base)
        with pytest.raises(DownloadError, match="failed 5 times"):
            _separator().separate(_song())
    assert not path.exists()


def test_offline_a_missing_model_is_named_with_its_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fake_audio_separator.install(monkeypatch, site="http://127.0.0.1:9")
    with pytest.raises(WeightsNotFound) as told:
        _separator().fingerprint()
    assert str(path) in str(told.value) and "HF_HUB_OFFLINE" in str(told.value)


def test_without_the_package_one_line_says_how_to_install_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "audio_separator.separator", None)
    with pytest.raises(ModelError, match="install --separation"):
        _separator().separate(_song())


def test_the_fingerprint_follows_bytes_settings_and_task(weights: Path) -> None:
    first = _separator().fingerprint()
    assert first == _separator().fingerprint()
    others = {
        _separator(SPLIT_VOCALS).fingerprint(),
        ModelSeparator(TAKE_VOCALS, FILE, package.Settings("cpu", segment=512)).fingerprint(),
    }
    weights.write_bytes(b"Weights")
    assert len(others | {first, _separator().fingerprint()}) == 4


def test_more_memory_takes_more_segments_at_once() -> None:
    import torch

    def batch(kind: str, gigabytes: float) -> int:
        return package.batch_for(Device(torch.device(kind), kind, int(gigabytes * 1024**3)))

    assert [batch("cuda", size) for size in (2, 8, 24, 80)] == [1, 2, 6, 8] and batch("cpu", 64) == 1
