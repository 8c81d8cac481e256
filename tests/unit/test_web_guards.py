"""What comes from a browser: no text becomes a path, no file of others is taken, no session finds another's."""

from pathlib import Path

import pytest

from ultimate_rvc.errors import InputError, OptionError, VoiceNotFound
from ultimate_rvc.web import guards
from ultimate_rvc.web.sessions import FORGOTTEN_AFTER_S, Sessions


@pytest.mark.parametrize(
    "given", ["/etc/passwd", "file:///etc/passwd", "song.wav", "~/song.wav", "ftp://x/y", "https://"]
)
def test_a_path_is_no_address(given: str) -> None:
    with pytest.raises(OptionError, match="https://"):
        guards.web_address(given)


def test_an_address_is_one() -> None:
    assert guards.web_address(" https://example.org/song ") == "https://example.org/song"


@pytest.mark.parametrize("name", ["../other", "/etc", "a/b", ".hidden", ""])
def test_a_training_has_a_plain_name(name: str) -> None:
    with pytest.raises(OptionError):
        guards.training_name(name)


def test_a_voice_is_one_of_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URVC_VOICE_MODELS_DIR", str(tmp_path / "voices"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "voice.pth").write_bytes(b"")
    for name in (str(outside), "../outside", "nobody"):
        with pytest.raises(VoiceNotFound):
            guards.known_voice(name)
    with pytest.raises(OptionError):
        guards.known_voice(None)


def test_only_what_was_uploaded_is_taken_in(tmp_path: Path) -> None:
    uploads, own = tmp_path / "uploads", tmp_path / "own"
    uploads.mkdir()
    (uploads / "My: song?.wav").write_bytes(b"sound")
    (tmp_path / "secret.wav").write_bytes(b"secret")
    (uploads / "link.wav").symlink_to(tmp_path / "secret.wav")
    taken = guards.taken_in(uploads / "My: song?.wav", uploads, own)
    assert taken is not None and taken.parent == own and taken.read_bytes() == b"sound"
    for path in (tmp_path / "secret.wav", uploads / ".." / "secret.wav", uploads / "link.wav", uploads / "missing.wav"):
        with pytest.raises(InputError):
            guards.taken_in(path, uploads, own)
    assert guards.taken_in(None, uploads, own) is None


def test_a_large_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "UPLOAD_MB", 0.000001)
    (tmp_path / "song.wav").write_bytes(b"sound")
    with pytest.raises(InputError, match="larger"):
        guards.taken_in(tmp_path / "song.wav", tmp_path, tmp_path / "own")


def test_a_session_is_found_by_its_key_alone(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    one, other = sessions.of(None), sessions.of("guessed")
    assert one is not other and one.key != other.key and one.folder != other.folder
    assert sessions.of(one.key) is one and sessions.find("guessed") is None and sessions.find(None) is None
    assert one.key not in str(one.folder)


def test_a_session_that_nobody_uses_is_forgotten_with_its_files(tmp_path: Path) -> None:
    now = [0.0]
    sessions = Sessions(tmp_path, lambda: now[0])
    old = sessions.of(None)
    (old.folder / "song.wav").write_bytes(b"sound")
    now[0] = FORGOTTEN_AFTER_S + 1
    sessions.of(None)
    assert sessions.find(old.key) is None and not old.folder.exists()
