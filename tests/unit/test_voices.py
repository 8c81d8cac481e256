"""Voices are found by name or by path, and every doubt is an error that says what to do."""

from pathlib import Path

import pytest

from ultimate_rvc.errors import OptionError, VoiceNotFound
from ultimate_rvc.voices import VoiceFiles, find_voice, list_voices


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("URVC_VOICE_MODELS_DIR", str(tmp_path / "voices"))
    monkeypatch.setenv("URVC_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "voices").mkdir()
    return tmp_path / "voices"


def _put(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_a_voice_is_a_folder_with_a_checkpoint_and_perhaps_an_index(library: Path) -> None:
    with_index = _put(library / "Anna", "anna.pth", "added_IVF9_Flat.index", "notes.txt")
    without = _put(library / "Ben", "model.safetensors")
    assert find_voice("Anna") == VoiceFiles("Anna", with_index / "anna.pth", with_index / "added_IVF9_Flat.index")
    assert find_voice("Ben") == VoiceFiles("Ben", without / "model.safetensors", None)


def test_the_second_folder_of_voices_is_searched_too(library: Path) -> None:
    folder = _put(library.parent / "models" / "rvc" / "voice_models" / "Cleo", "c.pth")
    assert find_voice("Cleo").checkpoint == folder / "c.pth"


def test_an_unknown_voice_names_the_close_ones_first_and_where_it_looked(library: Path) -> None:
    for name in ("Aaron", "Michael", "Zoe"):
        _put(library / name, "v.pth")
    with pytest.raises(VoiceNotFound) as caught:
        find_voice("micheal")
    message = str(caught.value)
    assert message.index("Michael") < message.index("Aaron") < message.index("Zoe")
    assert str(library) in message and "\n" not in message


def test_no_voices_at_all_is_said(library: Path) -> None:
    with pytest.raises(VoiceNotFound, match="no voices yet"):
        find_voice("Anna")


@pytest.mark.parametrize("name", ["../secret", "..", ".", "", "a\0b", "Anna/../../secret", "/nowhere/at/all"])
def test_a_name_does_not_lead_out_of_the_voice_folders(library: Path, name: str) -> None:
    _put(library / "Anna", "v.pth")
    _put(library.parent / "secret", "s.pth")
    with pytest.raises(VoiceNotFound):
        find_voice(name)


def test_a_path_to_a_folder_or_a_checkpoint_is_a_voice(library: Path) -> None:
    folder = _put(library.parent / "elsewhere" / "Dora", "d.pth", "d.index")
    assert find_voice(str(folder)) == VoiceFiles("Dora", folder / "d.pth", folder / "d.index")
    assert find_voice(str(folder / "d.pth")) == VoiceFiles("d", folder / "d.pth", folder / "d.index")


def test_a_checkpoint_among_others_takes_only_the_index_that_bears_its_name(library: Path) -> None:
    folder = _put(library.parent / "flat", "eva.pth", "finn.pth", "gus.pth", "added_eva.index", "added_finn.index")
    assert find_voice(str(folder / "finn.pth")).index == folder / "added_finn.index"
    assert find_voice(str(folder / "gus.pth")).index is None


def test_two_checkpoints_are_an_error_that_lists_them(library: Path) -> None:
    _put(library / "Anna", "one.pth", "two.pth")
    with pytest.raises(OptionError, match=r"one\.pth, two\.pth"):
        find_voice("Anna")


def test_checkpoints_of_the_training_and_hidden_files_are_passed_over(library: Path) -> None:
    folder = _put(library / "Anna", "anna.pth", "G_2333333.pth", "D_2333333.pth", "._anna.pth", "._x.index")
    assert find_voice("Anna") == VoiceFiles("Anna", folder / "anna.pth", None)


def test_a_folder_without_a_checkpoint_is_not_a_voice(library: Path) -> None:
    _put(library / "Anna", "readme.txt")
    assert list_voices() == []
    with pytest.raises(VoiceNotFound, match=r"no \.pth"):
        find_voice("Anna")


@pytest.mark.parametrize(
    ("indexes", "chosen"),
    [
        (("added_a.index", "trained_a.index"), "added_a.index"),
        (("added_a.index", "a.index"), "added_a.index"),
        (("a.index", "trained_a.index"), "a.index"),
    ],
)
def test_of_two_indexes_the_filled_one_is_taken_and_said(
    library: Path, caplog: pytest.LogCaptureFixture, indexes: tuple[str, ...], chosen: str
) -> None:
    _put(library / "Anna", "a.pth", *indexes)
    with caplog.at_level("INFO"):
        assert find_voice("Anna").index.name == chosen
    assert chosen in caplog.text


def test_indexes_that_leave_a_choice_are_an_error(library: Path) -> None:
    _put(library / "Anna", "a.pth", "added_1.index", "added_2.index")
    with pytest.raises(OptionError, match=r"added_1\.index, added_2\.index"):
        find_voice("Anna")


def test_voices_are_listed_once_in_the_order_of_the_alphabet(library: Path) -> None:
    for name in ("zoe", "Anna", "Ben"):
        _put(library / name, "v.pth")
    _put(library.parent / "models" / "rvc" / "voice_models" / "Ben", "v.pth")
    assert list_voices() == ["Anna", "Ben", "zoe"]
