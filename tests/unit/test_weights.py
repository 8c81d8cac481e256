"""Weights are found under the names and in the folders that people have, and fetched only when they may be."""

import pytest
from tiny.encoders import write_encoder
from tiny.web import serve

from ultimate_rvc import download as downloading
from ultimate_rvc import options, paths, weights
from ultimate_rvc.errors import DownloadError, OptionError, WeightsNotFound


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("URVC_MODELS_DIR", str(tmp_path))
    for name in (*weights.OFFLINE_SWITCHES, "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(downloading, "FIRST_PAUSE_S", 0.0)


@pytest.fixture
def hub(monkeypatch):
    with serve() as site:
        monkeypatch.setenv("HF_ENDPOINT", site.base + "/")
        yield site


def put(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_every_named_encoder_has_an_entry():
    assert {*options.EMBEDDERS} - {"custom"} == {entry.name for entry in weights.ENCODERS}


def test_nothing_is_found_where_nothing_is():
    assert [weights.find(name) for name in weights.CATALOGUE] == [None] * len(weights.CATALOGUE)


@pytest.mark.parametrize("folder", ["chinese_hubert_base", "chinese-hubert-base"])
def test_folders_are_found_in_both_spellings(folder):
    at = write_encoder(paths.embedders_dir() / folder, hidden=48, layers=1)
    assert weights.find("chinese-hubert-base") == weights.ensure("chinese-hubert-base") == at


@pytest.mark.parametrize("fmt", ["bin", "safetensors"])
def test_either_kind_of_weights_makes_an_encoder(fmt):
    at = write_encoder(paths.embedders_dir() / "spin", hidden=48, layers=1, fmt=fmt)
    assert weights.find("spin") == at


@pytest.mark.parametrize("lost", ["config.json", "pytorch_model.bin"])
def test_half_an_encoder_is_not_found(lost):
    at = write_encoder(paths.embedders_dir() / "spin", hidden=48, layers=1)
    (at / lost).write_bytes(b"")
    assert weights.find("spin") is None
    (at / lost).unlink()
    assert weights.find("spin") is None


def test_predictors_are_files():
    at = put(paths.predictors_dir() / "rmvpe.pt")
    assert weights.find("rmvpe") == weights.ensure("rmvpe") == at


def test_an_unknown_name_is_an_error_that_lists_the_known():
    with pytest.raises(OptionError, match=r"'hubert'.*contentvec.*rmvpe"):
        weights.find("hubert")


def test_a_missing_encoder_is_fetched_from_the_mirror(hub):
    at = f"{weights.RESOURCES}/embedders/japanese_hubert_base/"
    hub.files = {at + "config.json": b"{}", at + "pytorch_model.bin": b"numbers"}
    seen = []
    folder = weights.ensure("japanese-hubert-base", seen.append)
    assert folder == paths.embedders_dir() / "japanese_hubert_base" == weights.find("japanese-hubert-base")
    assert (folder / "pytorch_model.bin").read_bytes() == b"numbers"
    assert [progress.stage for progress in seen] == [
        "download japanese-hubert-base/config.json",
        "download japanese-hubert-base/pytorch_model.bin",
    ]


def test_only_what_is_missing_is_fetched(hub):
    hub.files = {f"{weights.RESOURCES}/embedders/spin-v2/pytorch_model.bin": b"numbers"}
    put(paths.embedders_dir() / "spin-v2" / "config.json", b"mine")
    assert (weights.ensure("spin-v2") / "config.json").read_bytes() == b"mine"
    assert len(hub.asked) == 1


def test_rmvpe_is_held_against_its_published_hash(hub):
    hub.files = {f"{weights.RVC_MAKERS}/rmvpe.pt": b"something else"}
    with pytest.raises(DownloadError, match="6d62215f"):
        weights.ensure("rmvpe")
    assert weights.find("rmvpe") is None


def test_a_failed_download_leaves_no_encoder(hub):
    hub.files = {f"{weights.RESOURCES}/embedders/spin/config.json": b"{}"}
    with pytest.raises(DownloadError, match=r"404.*pytorch_model\.bin yourself"):
        weights.ensure("spin")
    assert weights.find("spin") is None


@pytest.mark.parametrize("switch", weights.OFFLINE_SWITCHES)
def test_offline_says_what_where_and_how(hub, monkeypatch, switch):
    monkeypatch.setenv(switch, "1")
    with pytest.raises(WeightsNotFound) as caught:
        weights.ensure("contentvec")
    told = str(caught.value)
    folder = paths.embedders_dir() / "contentvec"
    for part in (switch, str(folder), f"{weights.RESOURCES}/embedders/contentvec/pytorch_model.bin", "config.json"):
        assert part in told
    assert "\n" not in told and not hub.asked


def test_offline_uses_what_is_here(monkeypatch):
    monkeypatch.setenv("URVC_OFFLINE", "yes")
    at = put(paths.predictors_dir() / "fcpe.pt")
    assert weights.ensure("fcpe") == at


def test_a_switch_that_is_neither_on_nor_off_is_an_error(monkeypatch):
    monkeypatch.setenv("URVC_OFFLINE", "perhaps")
    with pytest.raises(OptionError, match="URVC_OFFLINE is 'perhaps'"):
        weights.ensure("fcpe")


def test_a_custom_encoder_goes_by_name_or_by_path(tmp_path):
    named = write_encoder(paths.embedders_dir() / "custom" / "mine", hidden=48, layers=1)
    anywhere = write_encoder(tmp_path / "elsewhere", hidden=48, layers=1)
    assert weights.custom_encoder("mine") == named
    assert weights.custom_encoder(str(anywhere)) == anywhere


def test_an_unknown_custom_encoder_is_an_error_that_lists_what_is_there():
    with pytest.raises(WeightsNotFound, match=r"'mine'.*none is there yet"):
        weights.custom_encoder("mine")
    write_encoder(paths.embedders_dir() / "custom" / "theirs", hidden=48, layers=1)
    with pytest.raises(WeightsNotFound, match=r"'mine'.*there are theirs"):
        weights.custom_encoder("mine")


def test_an_incomplete_custom_encoder_names_what_it_lacks():
    put(paths.embedders_dir() / "custom" / "mine" / "config.json")
    with pytest.raises(WeightsNotFound, match=r"put pytorch_model\.bin \(or model\.safetensors\) there"):
        weights.custom_encoder("mine")
