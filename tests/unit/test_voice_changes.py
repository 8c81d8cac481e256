"""Rename, delete, convert, verify: one step each, and a voice is a voice before and after."""

import json
from pathlib import Path

import pytest
import torch
from tiny.home import write_index
from tiny.shelf import Library, index_file, library_in, voice_file
from tiny.voices import tiny_checkpoint

from ultimate_rvc.errors import CheckpointError, OptionError, VoiceNotFound
from ultimate_rvc.rvc.synth.checkpoint import load_checkpoint, read_fields
from ultimate_rvc.voices import (
    convert,
    delete,
    find_voice,
    fingerprint,
    import_voice,
    inspect,
    list_entries,
    list_voices,
    rename,
    verify,
    verify_all,
    weigh,
)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    return library_in(tmp_path, monkeypatch)


@pytest.fixture
def anna(library: Library) -> Path:
    return import_voice([voice_file(library.outside), index_file(library.outside)]).folder


def test_inspection_tells_what_a_voice_is(library: Library, anna: Path) -> None:
    voice = inspect("anna")
    told = voice.sample_rate_hz, voice.has_pitch, voice.version, voice.vocoder, voice.speakers, voice.epoch
    assert told == (40_000, True, "v2", "HiFi-GAN", 1, 7)
    assert (voice.format, voice.bytes) == ("pth", (anna / "anna.pth").stat().st_size)
    assert voice.fingerprint == fingerprint(anna / "anna.pth") and len(voice.fingerprint) == 64
    assert (voice.index.vectors, voice.index.dimensions) == (200, 768)


def test_the_fingerprint_is_of_the_bytes_and_not_of_the_name(library: Library) -> None:
    one, same, other = (voice_file(library.outside, n, seed=s) for n, s in (("a", 0), ("b", 0), ("c", 1)))
    same.write_bytes(one.read_bytes())
    assert fingerprint(one) == fingerprint(same) != fingerprint(other)


def test_a_renamed_voice_keeps_its_files(library: Library, anna: Path) -> None:
    before = {Path(name).name: body for name, body in library.state().items()}
    assert rename("anna", "Anna") == library.voices / "Anna"
    assert rename("Anna", "Béa") == library.voices / "Béa"
    assert list_voices() == ["Béa"]
    assert {Path(name).name: body for name, body in library.state().items()} == before


@pytest.mark.parametrize("new", ["Ben", "BEN", "../x", "", "a/b", ".x"])
def test_a_name_that_is_taken_or_unfit_is_not_given(library: Library, anna: Path, new: str) -> None:
    import_voice([voice_file(library.outside, "Ben")])
    with pytest.raises(OptionError):
        rename("anna", new)
    assert list_voices() == ["anna", "Ben"]


@pytest.mark.parametrize("change", [delete, weigh, lambda name: rename(name, "x")])
@pytest.mark.parametrize("name", ["nobody", "..", ".", "../outside", ""])
def test_only_voices_of_the_library_are_changed(library: Library, anna: Path, change, name: str) -> None:
    with pytest.raises(VoiceNotFound):
        change(name)
    assert anna.is_dir() and library.outside.is_dir()


def test_a_deleted_voice_is_gone_with_everything_in_its_folder(library: Library, anna: Path) -> None:
    (anna / "note.txt").write_text("x")
    doomed = weigh("anna")
    assert (doomed.folder, doomed.files) == (anna, 3)
    assert delete("anna") == anna
    assert library.state() == {} and list_voices() == []


def test_a_folder_that_holds_no_voice_can_be_deleted(library: Library) -> None:
    (library.voices / "empty").mkdir(parents=True)
    delete("empty")
    assert list_entries() == []


def test_of_a_link_to_a_folder_the_link_is_deleted(library: Library, anna: Path) -> None:
    anna.rename(library.outside / "real")
    anna.symlink_to(library.outside / "real")
    assert list_voices() == ["anna"] and weigh("anna").files == 0
    delete("anna")
    assert not anna.is_symlink() and (library.outside / "real" / "anna.pth").is_file()


@pytest.mark.parametrize("options", [{}, {"half": True}, {"version": "v1", "pitch": False}, {"vocoder": "RefineGAN"}])
def test_conversion_keeps_every_bit_and_every_field(library: Library, options: dict) -> None:
    source = voice_file(library.outside, **options)
    before = read_fields(source)
    import_voice([source])
    path = convert("anna")
    after = read_fields(path)
    assert path.name == "anna.safetensors" and library.names() == {"anna.safetensors"}
    assert after.keys() == before.keys() and after["weight"].keys() == before["weight"].keys()
    for key, tensor in before["weight"].items():
        assert tensor.dtype == after["weight"][key].dtype and torch.equal(tensor, after["weight"][key])
    assert {k: v for k, v in after.items() if k != "weight"} == {k: v for k, v in before.items() if k != "weight"}
    assert load_checkpoint(path).config == load_checkpoint(source).config
    assert verify("anna").is_sound


def test_text_that_looks_like_a_number_stays_text(library: Library) -> None:
    fields = tiny_checkpoint() | {"sr": "40000", "info": "true", "remark": "0.5 of it", "steps": 12, "loss": 0.25}
    torch.save(fields, library.outside / "anna.pth")
    import_voice([library.outside / "anna.pth"])
    told = {key: value for key, value in read_fields(convert("anna")).items() if key not in ("weight", "config")}
    assert told == {key: value for key, value in fields.items() if key not in ("weight", "config")}


def test_a_field_that_would_be_lost_stops_the_conversion(library: Library) -> None:
    torch.save(tiny_checkpoint() | {"optimizer": torch.zeros(3)}, library.outside / "anna.pth")
    import_voice([library.outside / "anna.pth"])
    before = library.state()
    with pytest.raises(CheckpointError, match="'optimizer' is a Tensor"):
        convert("anna")
    assert library.state() == before


@pytest.mark.parametrize("change", [lambda weight: weight + 1e-7, lambda weight: weight.half(), lambda weight: -weight])
def test_a_conversion_that_changed_a_bit_is_not_kept(
    library: Library, anna: Path, monkeypatch: pytest.MonkeyPatch, change
) -> None:
    from ultimate_rvc.rvc.synth import checkpoint

    before, save = library.state(), checkpoint.save_safetensors

    def change_one(fields: dict, path: Path) -> None:
        key = "enc_p.proj.bias"
        save(fields | {"weight": fields["weight"] | {key: change(fields["weight"][key])}}, path)

    monkeypatch.setattr(checkpoint, "save_safetensors", change_one)
    with pytest.raises(CheckpointError, match="without a loss: weight"):
        convert("anna")
    assert library.state() == before


def test_weights_that_are_views_of_others_are_converted(library: Library) -> None:
    fields = tiny_checkpoint()
    weight = fields["weight"]["enc_p.emb_phone.weight"]
    fields["weight"]["enc_p.emb_phone.weight"] = weight.t().contiguous().t()
    torch.save(fields, library.outside / "anna.pth")
    import_voice([library.outside / "anna.pth"])
    assert torch.equal(read_fields(convert("anna"))["weight"]["enc_p.emb_phone.weight"], weight)


def test_a_conversion_that_kept_both_files_leaves_one_voice(library: Library, anna: Path) -> None:
    path = convert("anna", keep=True)
    assert library.names() == {"anna.pth", "anna.safetensors", "added_anna.index"}
    assert find_voice("anna").checkpoint == path
    with pytest.raises(OptionError, match="already"):
        convert("anna")


def test_verification_gives_each_voice_one_reason(library: Library, anna: Path) -> None:
    for name in ("cut", "foreign", "empty", "page"):
        (library.voices / name).mkdir()
    whole = (anna / "anna.pth").read_bytes()
    (library.voices / "cut" / "v.pth").write_bytes(whole[: len(whole) // 2])
    (library.voices / "page" / "v.pth").write_bytes(b"<html>")
    torch.save(tiny_checkpoint("v1"), library.voices / "foreign" / "v.pth")
    write_index(library.voices / "foreign" / "added.index")
    verdicts = {verdict.name: verdict for verdict in verify_all()}
    assert {name for name, verdict in verdicts.items() if verdict.is_sound} == {"anna"}
    reasons = {"cut": "cut off", "page": "web page", "foreign": "768 dimensions", "empty": "holds no"}
    for name, reason in reasons.items():
        assert reason in verdicts[name].reason and "\n" not in verdicts[name].reason


def test_an_index_with_numbers_that_are_none_is_bad(library: Library, anna: Path) -> None:
    data = bytearray((anna / "added_anna.index").read_bytes())
    data[-2000:-1996] = b"\x00\x00\xc0\x7f"
    (anna / "added_anna.index").write_bytes(data)
    assert "not finite" in verify("anna").reason


def test_a_voice_with_a_weight_that_is_no_number_is_bad(library: Library, anna: Path) -> None:
    fields = tiny_checkpoint()
    fields["weight"]["enc_p.proj.bias"][0] = float("nan")
    torch.save(fields, anna / "anna.pth")
    assert "not finite: enc_p.proj.bias" in verify("anna").reason


def test_entries_say_what_is_wrong_with_a_folder(library: Library, anna: Path) -> None:
    twin = library.voices.parent / "models" / "rvc" / "voice_models"
    for folder in (twin / "anna", twin / "Zoe", library.voices / ".incoming-x"):
        folder.mkdir(parents=True)
        voice_file(folder, "v")
    (library.voices / "none").mkdir()
    entries = [(entry.name, entry.format, (entry.problem or "").split(" ")[0]) for entry in list_entries()]
    assert entries == [("anna", "pth", ""), ("anna", "", "hidden"), ("none", "", "voice"), ("Zoe", "pth", "")]


def test_a_safetensors_voice_of_another_tool_reads_the_same(library: Library) -> None:
    from safetensors.torch import save_file

    fields = tiny_checkpoint()
    notes = {"version": "v2", "f0": "1", "sr": "40k", "config": json.dumps(fields["config"])}
    save_file(fields["weight"], library.outside / "Kim.SAFETENSORS", notes)
    assert import_voice([library.outside / "Kim.SAFETENSORS"]).voice.sample_rate_hz == 40_000
