"""No name that comes from outside leads out of the folders that were configured."""

import os
from pathlib import Path

import pytest

from ultimate_rvc.errors import InputError, OptionError, VoiceNotFound
from ultimate_rvc.serve import places


@pytest.fixture
def audio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An audio folder with two songs, beside a secret."""
    for name in ("audio/song.wav", "audio/output/Mr. Blue: live.mp3", "audio/.hidden/song.wav", "secret.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"sound")
    monkeypatch.chdir(tmp_path)
    for variable in ("AUDIO", "TEMP", "MODELS", "VOICE_MODELS"):
        monkeypatch.setenv(f"URVC_{variable}_DIR", str(tmp_path / variable.lower()))
    return tmp_path / "audio"


@pytest.mark.parametrize("name", ["song.wav", "output/Mr. Blue: live.mp3"])
def test_a_file_in_the_folder_is_found(audio: Path, name: str) -> None:
    assert places.inside(audio, name) == audio.resolve() / name


OUTSIDE = (
    *("../secret.wav", "output/../../secret.wav", "/etc/passwd", "//etc/passwd", "~/secret.wav", "~root/x", ".", ".."),
    *("song.wav\0.mp3", "C:\\secret.wav", "C:secret.wav", "C:/secret.wav", "\\\\server\\share\\x", "..\\secret.wav"),
    *("output\\..\\..\\secret.wav", "output", "output/", "/", " ", "song.wav/", "song.wav/..", "missing.wav", ""),
    *(".hidden/song.wav", "output//x", "file:///etc/passwd", "http://example.org/x.wav", "%2e%2e/secret.wav", "．．/x"),
    "a" * 5000,
)


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_else_is_found_and_the_answer_does_not_tell_what_is_there(audio: Path, name: str) -> None:
    with pytest.raises(InputError) as refused:
        places.inside(audio, name)
    assert str(refused.value) == (
        f"no file {name!r} in the audio folder; give its name there, like 'song.wav', or upload it"
    )


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links on this system")
def test_links_that_lead_out_are_not_followed(audio: Path) -> None:
    (audio / "link.wav").symlink_to(audio.parent / "secret.wav")
    (audio / "folder").symlink_to(audio.parent)
    (audio / "loop").symlink_to(audio / "loop")
    (audio / "within.wav").symlink_to(audio / "song.wav")
    for name in ("link.wav", "folder/secret.wav", "loop", "loop/x"):
        with pytest.raises(InputError, match="no file"):
            places.inside(audio, name)
    assert places.inside(audio, "within.wav") == audio.resolve() / "song.wav"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipes_and_devices_are_no_files(audio: Path) -> None:
    os.mkfifo(audio / "pipe.wav")
    with pytest.raises(InputError, match="no file"):
        places.inside(audio, "pipe.wav")


def test_an_audio_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        places.inside(tmp_path / "nowhere", "song.wav")


def test_voices_are_known_by_their_listed_names_only(audio: Path) -> None:
    folder = audio.parent / "voice_models" / "Anna"
    folder.mkdir(parents=True)
    (folder / "anna.pth").touch()
    (audio.parent / "stray.pth").touch()
    assert places.listed_voice("Anna").checkpoint == folder / "anna.pth"
    for name in (str(folder), "stray.pth", "../voice_models/Anna", "anna", "", "Anna/", "./Anna", "Anna\0"):
        with pytest.raises(VoiceNotFound, match="GET /voices"):
            places.listed_voice(name)


@pytest.mark.parametrize("text", ["../x", "/x", "a/b", "a\\b", "C:x", "~", "..", "x\0", ".x"])
def test_texts_that_could_be_paths_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="plain name"):
        places.require_plain("output_name", text)


@pytest.mark.parametrize(
    ("filename", "title", "suffix"),
    [
        ("My Song.MP3", "My Song", ".mp3"),
        ("C:\\Users\\me\\song.wav", "song", ".wav"),
        ("../../etc/passwd", "passwd", ""),
        ("", "recording", ""),
        ("...", "recording", ""),
        (".wav", "wav", ""),
        ("a\0b.wav", "a_b", ".wav"),
        ("song.wav/../x", "x", ""),
        ("song.toolongsuffix", "song", ""),
        ("song.w/v", "v", ""),
        ("Lied " * 100 + ".flac", ("Lied " * 16).strip(), ".flac"),
    ],
)
def test_what_a_client_calls_its_file_becomes_a_harmless_title(filename: str, title: str, suffix: str) -> None:
    assert (places.title_of(filename), places.suffix_of(filename)) == (title, suffix)


def test_lines_for_clients_do_not_tell_where_files_lie(audio: Path) -> None:
    line = places.without_places(f"'{audio}/song.wav' in {audio} is\nno audio", audio.parent)
    assert line == "'song.wav' in audio is no audio"
