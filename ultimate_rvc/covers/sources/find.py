"""What somebody means by a source: a file, an address on the web, or the folder of a song that was made before."""

import re
from pathlib import Path

from ultimate_rvc.covers.checks import WEB_ADDRESS
from ultimate_rvc.covers.sources import shelf, web
from ultimate_rvc.covers.sources.shelf import Source
from ultimate_rvc.errors import AudioError, OptionError
from ultimate_rvc.progress import OnProgress, silent

SUFFIXES = frozenset(
    {
        *(".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".m4b", ".aac", ".aif", ".aiff", ".wma", ".mka"),
        *(".mp4", ".mov", ".webm", ".mkv", ".3gp"),
    }
)
DIGITS = re.compile(r"(\d+)")


def resolve_source(text: str | Path, *, cookiefile: Path | None = None, on_progress: OnProgress = silent) -> Source:
    """The one song that is meant; from the web it is fetched, unless it was before.

    Raises OptionError for what names no single song, AudioError for a file that is not there, DownloadError for what
    cannot be fetched.
    """
    if WEB_ADDRESS.match(str(text)):
        return web.fetch_song(str(text), cookiefile, on_progress)
    path = Path(text).expanduser()
    if path.is_dir():
        return _song_folder(path)
    if not path.is_file():
        raise AudioError(f"{path}: no such file; give an audio file, a folder or an address that begins with https://")
    return Source(path.stem, path, str(path))


def songs_in(folder: str | Path) -> tuple[Path, ...]:
    """The audio files right in a folder, by name with numbers in the order of their value.

    Raises OptionError where there is none.
    """
    folder = Path(folder).expanduser()
    files = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and _is_visible_file(path)]
    if not files:
        raise OptionError(f"folder {folder} holds no audio file; put songs right into it")
    return tuple(sorted(files, key=_natural))


def is_folder_of_songs(text: str | Path) -> bool:
    """Whether the source is a folder for `songs_in` rather than one song's."""
    path = Path(text).expanduser()
    return not WEB_ADDRESS.match(str(text)) and path.is_dir() and shelf.song_in(path) is None


def _song_folder(folder: Path) -> Source:
    song = shelf.song_in(folder)
    if song is None:
        raise OptionError(f"folder {folder} holds neither a song nor its vocals; give the audio file itself")
    return song


def _is_visible_file(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_file()


def _natural(path: Path) -> tuple:
    """Text and numbers in turn: 'song 2' before 'song 10'."""
    parts = DIGITS.split(path.name.casefold())
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), path.name
