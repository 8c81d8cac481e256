"""Where songs come from and what takes them apart: the one place in which both are plugged into covers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ultimate_rvc.covers.checks import local_file
from ultimate_rvc.covers.stems import SeparationStep
from ultimate_rvc.progress import OnProgress


def find_song(source: str, cookiefile: Path | None, on_progress: OnProgress) -> tuple[str, Path]:
    """The song's title and its file. Raises OptionError or AudioError for what is none."""
    path = local_file(source)
    return path.stem, path


def is_folder_of_songs(source: str | None) -> bool:
    """Whether the source is many songs rather than one."""
    return source is not None and Path(source).expanduser().is_dir()


def separation_steps(separation: Any, device: str) -> Sequence[SeparationStep]:
    """The steps that take a song apart, in order; none for a source that is vocals already."""
    return ()
