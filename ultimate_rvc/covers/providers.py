"""Where songs come from and what takes them apart: the one place in which both are plugged into covers."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ultimate_rvc.covers.checks import local_file
from ultimate_rvc.covers.stems import SeparationStep
from ultimate_rvc.errors import OptionError
from ultimate_rvc.progress import OnProgress

SONG_SUFFIXES = frozenset(
    {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma", ".mp4", ".webm", ".mka"}
)


def find_song(source: str, cookiefile: Path | None, on_progress: OnProgress) -> tuple[str, Path]:
    """The song's title and its file. Raises OptionError or AudioError for what is none."""
    path = local_file(source)
    return path.stem, path


def is_folder_of_songs(source: str | None) -> bool:
    """Whether the source is many songs rather than one."""
    return source is not None and Path(source).expanduser().is_dir()


def songs_in(folder: Path) -> Sequence[Path]:
    """The audio files of a folder, in the order in which people count: 2 before 10. Raises OptionError for none."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in SONG_SUFFIXES and path.is_file())
    songs = sorted((path for path in files if not path.name.startswith(".")), key=_natural)
    if not songs:
        raise OptionError(f"{folder} holds no audio files; choose a folder of songs, or a song")
    return songs


def separation_steps(separation: Any, device: str) -> Sequence[SeparationStep]:
    """The steps that take a song apart, in order; none for a source that is vocals already."""
    return ()


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    parts = re.findall(r"\d+|\D+", path.name.casefold())
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
