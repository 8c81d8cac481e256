"""The voice library: a voice is a folder with one checkpoint and perhaps one retrieval index.

The layout is that of RVC's voice archives, once they are unpacked under one of `paths.voice_dirs()`.
"""

import difflib
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ultimate_rvc import paths
from ultimate_rvc.errors import OptionError, VoiceNotFound

logger = logging.getLogger(__name__)

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


def find_voice(name: str) -> VoiceFiles:
    """The voice of that name in the voice folders, or at that path if `name` is one (a folder or a checkpoint).

    Raises VoiceNotFound with the nearest names that exist, OptionError when a folder leaves several choices.
    """
    wanted = name.strip()
    for folder in paths.voice_dirs() if _is_plain(wanted) else ():
        if (folder / wanted).is_dir():
            return _from_folder(folder / wanted, wanted)
    path = Path(wanted).expanduser()
    if _is_checkpoint(path):
        return _from_checkpoint(path)
    if wanted and not _is_plain(wanted) and path.is_dir():
        return _from_folder(path, path.resolve().name)
    raise VoiceNotFound(_not_found(name))


def list_voices() -> list[str]:
    """Names that `find_voice` knows, sorted; folders without a checkpoint are left out."""
    folders = [entry for place in paths.voice_dirs() if place.is_dir() for entry in place.iterdir() if entry.is_dir()]
    return sorted({folder.name for folder in folders if any(map(_is_checkpoint, folder.iterdir()))}, key=str.casefold)


def _is_plain(name: str) -> bool:
    """A name, not a path: it cannot lead out of the voice folders."""
    separators = {"/", os.sep, os.altsep or "/"}
    return bool(name) and name not in (".", "..") and "\0" not in name and not separators & set(name)


def _is_checkpoint(path: Path) -> bool:
    # '._x.pth' is what macOS writes beside x.pth on foreign disks.
    return path.suffix.lower() in CHECKPOINT_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _from_folder(folder: Path, name: str) -> VoiceFiles:
    checkpoints = sorted(filter(_is_checkpoint, folder.iterdir()))
    finished = [path for path in checkpoints if not TRAINING_STATE.match(path.stem)]
    choices = finished if len(finished) == 1 else checkpoints
    if not choices:
        raise VoiceNotFound(f"voice {name!r}: {folder} holds no .pth or .safetensors file; put the voice's file there")
    if len(choices) > 1:
        raise OptionError(_several("checkpoints", folder, choices))
    return VoiceFiles(name, choices[0], _index_among(_indexes(folder), folder))


def _from_checkpoint(path: Path) -> VoiceFiles:
    """A checkpoint that was named itself; beside other checkpoints, only an index that bears its name is its own."""
    others = [other for other in filter(_is_checkpoint, path.parent.iterdir()) if other.name != path.name]
    indexes = _indexes(path.parent)
    own = [index for index in indexes if path.stem in index.stem] if others else indexes
    return VoiceFiles(path.stem, path, _index_among(own, path.parent))


def _indexes(folder: Path) -> list[Path]:
    files = (path for path in folder.iterdir() if path.suffix.lower() == INDEX_SUFFIX and path.is_file())
    return sorted(path for path in files if not path.name.startswith("."))


def _index_among(indexes: list[Path], folder: Path) -> Path | None:
    filled = [path for path in indexes if path.name.startswith(FILLED_INDEX_PREFIX)]
    maybe = [path for path in indexes if not path.name.startswith(EMPTY_INDEX_PREFIX)]
    for choices in (indexes, filled, maybe):
        if len(choices) == 1:
            return _said(choices[0], indexes)
    if indexes:
        raise OptionError(_several("indexes", folder, indexes))
    return None


def _said(index: Path, indexes: list[Path]) -> Path:
    if len(indexes) > 1:
        logger.info("Of %d indexes in %s, %s is used", len(indexes), index.parent, index.name)
    return index


def _several(what: str, folder: Path, choices: list[Path]) -> str:
    names = ", ".join(path.name for path in choices)
    return f"{folder} holds {len(choices)} {what} ({names}); keep one, or move the others to folders of their own"


def _not_found(name: str) -> str:
    known = list_voices()
    close = difflib.get_close_matches(name.casefold(), [voice.casefold() for voice in known], n=NAMES_SHOWN, cutoff=0.4)
    ranked = sorted(known, key=lambda voice: close.index(voice.casefold()) if voice.casefold() in close else len(close))
    shown = ", ".join(ranked[:NAMES_SHOWN]) + (", …" if len(ranked) > NAMES_SHOWN else "")
    looked = " and ".join(map(str, paths.voice_dirs()))
    return f"no voice {name!r}; {f'known: {shown}' if known else 'there are no voices yet'}; looked in {looked}"
