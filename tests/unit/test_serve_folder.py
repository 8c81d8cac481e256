"""The server's folder is gone when the server is, whichever way it went."""

from pathlib import Path

import pytest

from ultimate_rvc.errors import OutputError
from ultimate_rvc.serve.folder import Folder


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("URVC_TEMP_DIR", str(tmp_path / "temp"))
    return tmp_path / "temp"


def test_the_folder_is_this_users_alone_and_removed_at_the_end(temp: Path) -> None:
    with Folder() as folder:
        (folder / "job").mkdir()
        (folder / "job" / "upload").write_bytes(b"a song")
        assert folder.parent == temp and folder.stat().st_mode & 0o077 == 0
    assert list(temp.iterdir()) == []


def test_what_a_killed_server_left_is_removed_and_a_living_ones_is_kept(temp: Path) -> None:
    (temp / "serve-killed" / "job").mkdir(parents=True)
    (temp / "serve-killed" / "lock").touch()
    (temp / "serve-starting").mkdir()
    (temp / "mine").mkdir()
    with Folder() as first, Folder() as second:
        assert {path.name for path in temp.iterdir()} == {"serve-starting", "mine", first.name, second.name}


def test_a_place_that_cannot_be_written_is_said(temp: Path) -> None:
    temp.touch()
    with pytest.raises(OutputError, match="URVC_TEMP_DIR"), Folder():
        pass
