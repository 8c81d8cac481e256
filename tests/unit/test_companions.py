"""Encoders and estimators: listed, told, checked, deleted; the user's own encoder comes in read and whole."""

import hashlib
from pathlib import Path

import pytest
import torch
from tiny.encoders import write_encoder
from tiny.pitch import write_fcpe
from tiny.shelf import Library, library_in

from ultimate_rvc import weights
from ultimate_rvc.errors import CheckpointError, OptionError, UnsafePickleError, WeightsNotFound
from ultimate_rvc.voices.companions import (
    EMBEDDERS,
    PREDICTORS,
    delete_companion,
    import_encoder,
    inspect_companion,
    list_companions,
    verify_companion,
    verify_companions,
)

SMALL = {"hidden": 32, "layers": 2}


@pytest.fixture
def rvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """models/rvc with one known encoder and one estimator."""
    library: Library = library_in(tmp_path, monkeypatch)
    folder = library.voices.parent / "models" / "rvc"
    write_encoder(folder / "embedders" / "contentvec", **SMALL)
    (folder / "predictors").mkdir()
    write_fcpe(folder / "predictors" / "fcpe.pt")
    return folder


def here(kind: str) -> set[str]:
    return {one.name for one in list_companions(kind) if one.place and "site-packages" not in str(one.place)}


def test_what_is_here_is_listed_beside_what_is_not(rvc: Path) -> None:
    import_encoder(write_encoder(rvc.parent / "x" / "mine", **SMALL))
    assert here(EMBEDDERS) == {"contentvec", "mine"} and here(PREDICTORS) == {"fcpe"}
    assert {one.name for one in list_companions(EMBEDDERS)} >= {entry.name for entry in weights.ENCODERS}
    assert [one.name for one in list_companions(EMBEDDERS) if one.is_custom] == ["mine"]


def test_inspection_tells_size_shape_and_fingerprint(rvc: Path) -> None:
    told = inspect_companion(EMBEDDERS, "contentvec")
    body = (rvc / "embedders" / "contentvec" / "pytorch_model.bin").read_bytes()
    assert (told.bytes, told.fingerprint) == (len(body), hashlib.sha256(body).hexdigest())
    assert (told.details["hidden_size"], told.details["num_hidden_layers"]) == (32, 2)
    assert inspect_companion(PREDICTORS, "fcpe").place == rvc / "predictors" / "fcpe.pt"


def test_an_unknown_name_and_an_absent_one_are_told_apart(rvc: Path) -> None:
    with pytest.raises(OptionError, match="unknown; choose from contentvec"):
        inspect_companion(EMBEDDERS, "hubert")
    with pytest.raises(WeightsNotFound, match="urvc models fetch spin"):
        inspect_companion(EMBEDDERS, "spin")


def test_verification_reads_them_strictly(rvc: Path) -> None:
    assert [verdict.is_sound for verdict in verify_companions(EMBEDDERS)] == [True]
    assert verify_companion(PREDICTORS, "fcpe").is_sound
    file = rvc / "embedders" / "contentvec" / "pytorch_model.bin"
    held = torch.load(file, weights_only=True)
    held.pop("encoder.layer_norm.weight")
    torch.save(held, file)
    assert "1 missing: encoder.layer_norm.weight" in verify_companion(EMBEDDERS, "contentvec").reason
    (rvc / "predictors" / "fcpe.pt").write_bytes(b"<html>")
    assert "web page" in verify_companion(PREDICTORS, "fcpe").reason


def test_an_estimator_with_a_published_hash_is_compared_with_it(rvc: Path) -> None:
    (rvc / "predictors" / "fcpe.pt").rename(rvc / "predictors" / "rmvpe.pt")
    assert "not the file that its makers published" in verify_companion(PREDICTORS, "rmvpe").reason


def test_deletion_takes_the_folder_or_the_file_and_nothing_else(rvc: Path) -> None:
    delete_companion(EMBEDDERS, "contentvec")
    delete_companion(PREDICTORS, "fcpe")
    assert here(EMBEDDERS) == here(PREDICTORS) == set()
    assert [path.name for path in (rvc / "embedders").iterdir()] == []


def test_what_belongs_to_a_package_is_not_deleted(rvc: Path) -> None:
    pytest.importorskip("swift_f0", reason="swift-f0 is not installed")
    with pytest.raises(OptionError, match="part of a Python package"):
        delete_companion(PREDICTORS, "swift")


@pytest.mark.parametrize("fmt", ["bin", "safetensors"])
def test_an_own_encoder_is_copied_and_found_by_the_engine(rvc: Path, fmt: str) -> None:
    source = write_encoder(rvc.parent / "x" / "My HuBERT", fmt=fmt, **SMALL)
    (source / "optimizer.bin").write_bytes(b"x")
    place = import_encoder(source)
    assert weights.custom_encoder("My HuBERT") == place == rvc / "embedders" / "custom" / "My HuBERT"
    assert len(list(place.iterdir())) == 2 and source.is_dir()


def test_a_taken_or_unfit_name_is_refused(rvc: Path) -> None:
    source = write_encoder(rvc.parent / "x" / "mine", **SMALL)
    import_encoder(source)
    with pytest.raises(OptionError, match="already"):
        import_encoder(source, name="MINE")
    with pytest.raises(OptionError, match="cannot be"):
        import_encoder(source, name="../contentvec")
    with pytest.raises(OptionError, match="everybody knows"):
        import_encoder(source, name="contentvec", overwrite=True)
    import_encoder(source, name="MINE", overwrite=True)
    assert here(EMBEDDERS) == {"contentvec", "mine"}


class Evil:
    def __reduce__(self):
        return print, ("evil",)


def test_a_bad_encoder_stays_out_with_its_reason(rvc: Path) -> None:
    source = write_encoder(rvc.parent / "x" / "mine", **SMALL)
    torch.save({"a": Evil()}, source / "pytorch_model.bin")
    with pytest.raises(UnsafePickleError, match=r"^pytorch_model\.bin wants to run code"):
        import_encoder(source)
    (source / "pytorch_model.bin").unlink()
    with pytest.raises(WeightsNotFound, match=r"lacks pytorch_model\.bin"):
        import_encoder(source)
    (source / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
    with pytest.raises(CheckpointError, match="cut off"):
        import_encoder(source)
    with pytest.raises(OptionError, match="no folder"):
        import_encoder(source / "config.json")
    assert here(EMBEDDERS) == {"contentvec"}
