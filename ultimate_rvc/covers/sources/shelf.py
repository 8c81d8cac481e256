"""Songs that were fetched once: audio/intermediate/<title>/Song [<id>].<suffix>, beside a note of where they came from.

The note is written last, so a folder without one holds nothing that can be used. Folders of Ultimate RVC, which has
its song in `00_<title>.<suffix>`, are read too.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ultimate_rvc import paths
from ultimate_rvc.audio.file import replacing
from ultimate_rvc.covers.names import safe_name
from ultimate_rvc.covers.stems import StemName
from ultimate_rvc.download import holds_something

logger = logging.getLogger(__name__)

NOTE = "source.json"
SONG = "Song"
UPSTREAM_PREFIX = "00_"


@dataclass(frozen=True)
class Source:
    """A song that can be read: its name, its file, and what it came from (a path or an address).

    `stems` is what an earlier cover took it apart into; `path` is the first of them then.
    """

    name: str
    path: Path
    origin: str
    stems: Mapping[StemName, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Note:
    """What is known of a fetched song. `video` names it whatever address it was asked for by."""

    title: str
    file: str
    video: str
    addresses: tuple[str, ...]


def song_in(folder: Path) -> Source | None:
    """The song that a folder was made for, None where it is no such folder or its song is gone.

    The song itself, if it lies there; else its stems.
    """
    note = read_note(folder)
    if note:
        return Source(note.title, folder / note.file, note.addresses[0])
    old = next((path for path in sorted(folder.glob(f"{UPSTREAM_PREFIX}*")) if path.suffix != ".json"), None)
    return Source(old.stem.removeprefix(UPSTREAM_PREFIX), old, str(folder)) if old else _taken_apart(folder)


def _taken_apart(folder: Path) -> Source | None:
    """The stems that a cover of a file left there, None without vocals."""
    stems = {name: path for name in StemName if (path := folder / f"{name}.wav").is_file()}
    return Source(folder.name, stems[StemName.VOCALS], str(folder), stems) if StemName.VOCALS in stems else None


def fetched(address: str = "", video: str = "") -> Source | None:
    """The song that was fetched from this address before, or is this video."""
    for folder in _folders():
        note = read_note(folder)
        if note and (address in note.addresses or note.video == video):
            return Source(note.title, folder / note.file, address or note.addresses[0])
    return None


def read_note(folder: Path) -> Note | None:
    """The folder's note if there is one, and the file that it names is there too."""
    path = folder / NOTE
    if not path.is_file():
        return None
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        note = Note(known["title"], Path(known["file"]).name, known["video"], tuple(known["addresses"]))
        usable = bool(note.addresses) and holds_something(folder / note.file)
    except (OSError, ValueError, TypeError, KeyError) as error:
        logger.warning("%s is damaged (%s); its song is fetched again when it is asked for", path, error)
        usable = False
    return note if usable else None


def write_note(folder: Path, note: Note) -> None:
    """Makes the folder one that `song_in` and `fetched` find. Raises OutputError."""
    with replacing(folder / NOTE) as temporary:
        temporary.write_text(json.dumps(asdict(note), ensure_ascii=False, indent=1), encoding="utf-8")


def folder_for(title: str, video: str) -> Path:
    """Where a song of this title lies; with the video's name behind it where another one of this title lies there."""
    folder = paths.intermediate_dir() / safe_name(title)
    there = read_note(folder)
    return folder if there is None or there.video == video else folder.with_name(safe_name(f"{title} [{video}]"))


def _folders() -> Iterator[Path]:
    root = paths.intermediate_dir()
    return (Path(entry.path) for entry in os.scandir(root) if entry.is_dir()) if root.is_dir() else iter(())
