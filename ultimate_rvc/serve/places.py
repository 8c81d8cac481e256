"""Names that come from outside never become paths unchecked."""

import os
import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from ultimate_rvc import paths
from ultimate_rvc.covers.names import safe_name
from ultimate_rvc.errors import InputError, OptionError, VoiceNotFound
from ultimate_rvc.voices import VoiceFiles, find_voice, list_voices

# A suffix is for people; what a file is, its content says.
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")
LONGEST_TITLE_BYTES = 80
NAMELESS = "recording"


def inside(folder: Path, name: str) -> Path:
    """The file of that name ('song.wav', 'output/song.mp3') in the folder or below it, with no link leading out of it.

    Raises InputError, the same for what is not there and for what lies elsewhere.
    """
    found = _resolved(folder, name) if _stays_below(name) else None
    if found is None:
        raise InputError(f"no file {name!r} in the audio folder; give its name there, like 'song.wav', or upload it")
    return found


def _stays_below(name: str) -> bool:
    """Whether it is relative on every system: no drive, no backslash, no part that is hidden or leads upwards."""
    windows, parts = PureWindowsPath(name), name.split("/")
    leads_away = windows.drive or windows.root or "\\" in name or "\0" in name
    return not leads_away and not any(part.startswith((".", "~")) or not part.strip() for part in parts)


def _resolved(folder: Path, name: str) -> Path | None:
    try:
        root = folder.resolve(strict=True)
        path = (root / PurePosixPath(name)).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):  # missing, too long, a loop of links
        path = root = folder
    return path if path != root and path.is_relative_to(root) and path.is_file() else None


def listed_voice(name: str) -> VoiceFiles:
    """The voice, by a name that the library lists and by nothing else. Raises VoiceNotFound."""
    if name not in list_voices():
        raise VoiceNotFound(f"no voice {name!r}; GET /voices lists those that there are")
    return find_voice(name)


def title_of(filename: str) -> str:
    """The song's title from the name that a client gave its file."""
    stem = PurePosixPath(PureWindowsPath(filename).name).stem
    try:
        return safe_name(stem, LONGEST_TITLE_BYTES)
    except OptionError:  # nothing is left of it
        return NAMELESS


def suffix_of(filename: str) -> str:
    """The suffix that a client gave its file, '' where it is unusual."""
    suffix = PurePosixPath(filename).suffix
    return suffix.lower() if SUFFIX.fullmatch(suffix) else ""


def require_plain(option: str, text: str) -> None:
    """Raises OptionError unless a text can only be a name, never a path."""
    if "/" in text or not _stays_below(text):
        raise OptionError(f"{option} is {text!r}; over HTTP it must be a plain name, not a path")


def require_custom_encoder(name: str) -> None:
    """Raises OptionError unless an encoder of that name lies in the folder of custom ones."""
    if not (paths.embedders_dir() / "custom" / name).is_dir():
        raise OptionError(f"custom_embedder_model is {name!r}; no custom encoder of that name is installed")


def without_places(message: str, own: Path) -> str:
    """A line for clients: where files lie on this machine is left out of it."""
    roots = (own, paths.temp_dir(), paths.audio_dir(), paths.models_dir(), *paths.voice_dirs())
    forms = {str(form) for root in roots for form in (root, root.resolve())}
    for form in sorted(forms, key=len, reverse=True):
        message = message.replace(f"{form}{os.sep}", "").replace(form, Path(form).name)
    return " ".join(message.split())
