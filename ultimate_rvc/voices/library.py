"""The voice library: a voice is a folder with one checkpoint and perhaps one retrieval index.

The layout is that of RVC's voice archives, once they are unpacked under one of `paths.voice_dirs()`. Folders whose
names begin with a dot are none of it: there voices are put together before they are moved into place. A voice that
comes with the program is found last, so that one's own of the same name goes before it, and is never changed.
"""

import difflib
import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ultimate_rvc import paths
from ultimate_rvc.errors import InputError, OptionError, VoiceNotFound
from ultimate_rvc.voices.staging import give_back_interrupted

logger = logging.getLogger(__name__)

MODEL_CARD = "MODEL_CARD.md"
CHECKPOINT_SUFFIXES = (".pth", ".safetensors")
INDEX_SUFFIX = ".index"
# What RVC training leaves beside the finished voice: the generator and discriminator at some step.
TRAINING_STATE = re.compile(r"[GD]_\d+$")
# Training writes a bare quantiser (trained_*) and the same one filled with the voice's vectors (added_*).
FILLED_INDEX_PREFIX = "added_"
EMPTY_INDEX_PREFIX = "trained_"
NAMES_SHOWN = 8


@dataclass(frozen=True)
class VoiceFiles:
    """Where a voice lies; `index` is None for a voice without retrieval."""

    name: str
    checkpoint: Path
    index: Path | None


@dataclass(frozen=True)
class VoiceEntry:
    """A row of the library, as far as it is known without reading a file; without `files`, `problem` says why."""

    name: str
    folder: Path
    files: VoiceFiles | None = None
    problem: str | None = None

    @property
    def is_shipped(self) -> bool:
        """Whether it is a demonstration that comes with the program."""
        return paths.is_shipped(self.folder)

    @property
    def format(self) -> str:
        """'pth' or 'safetensors'; nothing where there is no voice."""
        return self.files.checkpoint.suffix.lower().lstrip(".") if self.files else ""

    @property
    def checkpoint_bytes(self) -> int:
        """The checkpoint's size."""
        return self.files.checkpoint.stat().st_size if self.files else 0

    @property
    def index_bytes(self) -> int:
        """The index's size, 0 without one."""
        return self.files.index.stat().st_size if self.files and self.files.index else 0


def find_voice(name: str) -> VoiceFiles:
    """The voice of that name in the voice folders, or at that path if `name` is one (a folder or a checkpoint).

    Raises VoiceNotFound with the nearest names that exist, OptionError when a folder leaves several choices.
    """
    wanted = name.strip()
    folder = _named(wanted)
    if folder is not None:
        return voice_in(folder, wanted)
    path = Path(wanted).expanduser()
    if is_checkpoint(path):
        return _from_checkpoint(path)
    if wanted and not _is_plain(wanted) and path.is_dir():
        return voice_in(path, path.resolve().name)
    raise VoiceNotFound(_not_found(name))


def find_folder(name: str) -> Path:
    """The library's folder of that name, whatever is in it. Raises VoiceNotFound; a path is no name."""
    folder = _named(name.strip())
    if folder is None:
        raise VoiceNotFound(_not_found(name))
    return folder


def find_own_folder(name: str) -> Path:
    """As `find_folder`, to be changed. Raises OptionError for one that comes with the program."""
    folder = find_folder(name)
    require_own(folder)
    return folder


def require_own(folder: Path) -> None:
    """Raises OptionError for a voice's folder that comes with the program."""
    if paths.is_shipped(folder):
        raise OptionError(f"voice {folder.name!r} comes with the program ({folder}) and stays as it is")


def list_voices() -> list[str]:
    """Names that `find_voice` knows, sorted; folders without a checkpoint are left out."""
    return sorted({f.name for f in _folders() if any(map(is_checkpoint, f.iterdir()))}, key=str.casefold)


def list_entries() -> list[VoiceEntry]:
    """Every folder of the library by name, those that hold no voice with the reason; nothing is read."""
    entries, seen = [], {}
    for folder in _folders():
        if folder.name in seen and paths.is_shipped(folder):
            continue
        entries.append(_hidden(folder, seen[folder.name]) if folder.name in seen else _entry(folder))
        seen.setdefault(folder.name, folder)
    return sorted(entries, key=lambda entry: entry.name.casefold())


def voice_in(folder: Path, name: str) -> VoiceFiles:
    """The voice in a folder. Raises VoiceNotFound when it holds none, OptionError when it leaves several choices."""
    checkpoint, index = choose(folder.iterdir(), str(folder))
    if checkpoint is None:
        raise VoiceNotFound(f"voice {name!r}: {folder} holds no .pth or .safetensors file; put the voice's file there")
    return VoiceFiles(name, checkpoint, index)


def choose(files: Iterable[Path], where: str) -> tuple[Path | None, Path | None]:
    """The one checkpoint and the one index among the files. Raises OptionError when several are left.

    States of a training are passed over where a finished voice is, bare quantisers where a filled index is, and a .pth
    where the same voice is there as .safetensors.
    """
    files = sorted(files)
    checkpoints = [path for path in files if is_checkpoint(path)]
    finished = _without_twins([path for path in checkpoints if not TRAINING_STATE.match(path.stem)])
    choices = finished if len(finished) == 1 else checkpoints
    if len(choices) > 1:
        raise OptionError(_several("checkpoints", where, choices))
    return (choices[0] if choices else None), _index_among([path for path in files if is_index(path)], where)


def is_checkpoint(path: Path) -> bool:
    """Whether it is a file that is named as a voice's is."""
    # '._x.pth' is what macOS writes beside x.pth on foreign disks.
    return path.suffix.lower() in CHECKPOINT_SUFFIXES and not path.name.startswith(".") and path.is_file()


def is_index(path: Path) -> bool:
    """Whether it is a file that is named as an index is."""
    return path.suffix.lower() == INDEX_SUFFIX and not path.name.startswith(".") and path.is_file()


def _named(name: str) -> Path | None:
    """The first folder of that name in the voice folders."""
    if not _is_plain(name):
        return None
    places = paths.voice_dirs()
    if not any((place / name).is_dir() for place in places):
        give_back_interrupted(places)
    return next((place / name for place in places if (place / name).is_dir()), None)


def _is_plain(name: str) -> bool:
    """A name, not a path: it cannot lead out of the voice folders."""
    separators = {"/", os.sep, os.altsep or "/"}
    return bool(name) and not name.startswith(".") and "\0" not in name and not separators & set(name)


def _folders() -> list[Path]:
    """Every folder in the voice folders, in the order in which they are searched."""
    places = [place for place in paths.voice_dirs() if place.is_dir()]
    entries = (entry for place in places for entry in sorted(place.iterdir()))
    return [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]


def _entry(folder: Path) -> VoiceEntry:
    try:
        return VoiceEntry(folder.name, folder, voice_in(folder, folder.name))
    except InputError as error:
        return VoiceEntry(folder.name, folder, problem=str(error))


def _hidden(folder: Path, first: Path) -> VoiceEntry:
    return VoiceEntry(folder.name, folder, problem=f"hidden by {first}, which has the same name; rename one of them")


def _without_twins(checkpoints: list[Path]) -> list[Path]:
    """Without those .pth that lie there as .safetensors too: a conversion was interrupted or asked to keep both."""
    twins = {path.stem for path in checkpoints if path.suffix.lower() == ".safetensors"}
    kept = [path for path in checkpoints if path.suffix.lower() == ".safetensors" or path.stem not in twins]
    for path in set(checkpoints) - set(kept):
        logger.info("%s is passed over for the .safetensors beside it", path)
    return kept


def _from_checkpoint(path: Path) -> VoiceFiles:
    """A checkpoint that was named itself; beside other checkpoints, only an index that bears its name is its own."""
    others = [other for other in filter(is_checkpoint, path.parent.iterdir()) if other.stem != path.stem]
    indexes = sorted(filter(is_index, path.parent.iterdir()))
    own = [index for index in indexes if path.stem in index.stem] if others else indexes
    return VoiceFiles(path.stem, path, _index_among(own, str(path.parent)))


def _index_among(indexes: list[Path], where: str) -> Path | None:
    filled = [path for path in indexes if path.name.startswith(FILLED_INDEX_PREFIX)]
    maybe = [path for path in indexes if not path.name.startswith(EMPTY_INDEX_PREFIX)]
    for choices in (indexes, filled, maybe):
        if len(choices) == 1:
            return _said(choices[0], indexes, where)
    if indexes:
        raise OptionError(_several("indexes", where, indexes))
    return None


def _said(index: Path, indexes: list[Path], where: str) -> Path:
    if len(indexes) > 1:
        logger.info("Of %d indexes in %s, %s is used", len(indexes), where, index.name)
    return index


def _several(what: str, where: str, choices: list[Path]) -> str:
    names = ", ".join(path.name for path in choices[:NAMES_SHOWN]) + (", …" if len(choices) > NAMES_SHOWN else "")
    return f"{where} holds {len(choices)} {what} ({names}); keep one, or move the others to folders of their own"


def _not_found(name: str) -> str:
    known = list_voices()
    close = difflib.get_close_matches(name.casefold(), [voice.casefold() for voice in known], n=NAMES_SHOWN, cutoff=0.4)
    ranked = sorted(known, key=lambda voice: close.index(voice.casefold()) if voice.casefold() in close else len(close))
    shown = ", ".join(ranked[:NAMES_SHOWN]) + (", …" if len(ranked) > NAMES_SHOWN else "")
    looked = " and ".join(map(str, paths.voice_dirs()))
    return f"no voice {name!r}; {f'known: {shown}' if known else 'there are no voices yet'}; looked in {looked}"
