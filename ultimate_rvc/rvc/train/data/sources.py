"""What lies in a dataset's folder: recordings of speaker 0, and of other speakers in folders named by their numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ultimate_rvc.errors import InputError

# As many as the embedding of speakers has rows, in every voice that RVC tools begin with.
SPEAKERS = 109


@dataclass(frozen=True)
class Source:
    """A file of the dataset and who speaks in it; `speaker` is None in a folder whose name is no speaker's number."""

    path: Path
    speaker: int | None


def find_sources(dataset: Path) -> list[Source]:
    """Every file, in an order that depends on names alone; hidden ones are passed over.

    Raises InputError when there is no such folder.
    """
    if not dataset.is_dir():
        raise InputError(f"dataset {str(dataset)!r} is not a folder; 'urvc train populate-dataset' makes one")
    return list(_walk(dataset, 0))


def _walk(folder: Path, speaker: int | None) -> Iterator[Source]:
    entries = sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")), key=_order)
    yield from (Source(entry, speaker) for entry in entries if not entry.is_dir())
    for entry in entries:
        if entry.is_dir():
            yield from _walk(entry, speaker_of(entry))


def speaker_of(folder: Path) -> int | None:
    """The number that a folder is called by, 0..108; None for another name."""
    name = folder.name
    number = int(name) if name.isdecimal() else SPEAKERS
    return number if number < SPEAKERS else None


def _order(entry: Path) -> tuple[int, str]:
    """Numbered folders by their number."""
    return (int(entry.name) if entry.name.isdecimal() else -1, entry.name)
