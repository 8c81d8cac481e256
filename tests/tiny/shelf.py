"""A library with a place beside it for what is to come in."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tiny.home import write_index
from tiny.voices import write_voice


@dataclass(frozen=True)
class Library:
    """The voices' folder, and a folder for files from elsewhere."""

    voices: Path
    outside: Path

    def state(self) -> dict[str, bytes]:
        """Every file that is left there, locks aside, and its bytes."""
        files = (path for path in self.voices.rglob("*") if path.is_file() and path.suffix != ".lock")
        return {str(path.relative_to(self.voices)): path.read_bytes() for path in files}

    def names(self) -> set[str]:
        """The files' names without their folders."""
        return {Path(name).name for name in self.state()}


def library_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    """An empty one that all URVC_* variables lead to."""
    for name in ("VOICE_MODELS", "MODELS", "LOGS", "TEMP"):
        monkeypatch.setenv(f"URVC_{name}_DIR", str(folder / name.lower()))
    monkeypatch.setenv("URVC_NO_LOGGING", "1")
    monkeypatch.chdir(folder)
    (folder / "outside").mkdir()
    return Library(folder / "voice_models", folder / "outside")


def voice_file(folder: Path, name: str = "anna", **options) -> Path:
    """A tiny voice as a bare file."""
    path = write_voice(folder / f".{name}", name, **options)
    path = path.rename(folder / f"{name}.pth")
    return path


def index_file(folder: Path, name: str = "added_anna.index") -> Path:
    """An index of the tiny voice's width."""
    return write_index(folder / name)
