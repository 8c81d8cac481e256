"""What comes from a browser, before anything is done with it: no text becomes a path, no file is too large."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from ultimate_rvc.errors import InputError, OptionError, OutputError, VoiceNotFound
from ultimate_rvc.rvc.train.experiment import plain_name
from ultimate_rvc.serve.places import suffix_of, title_of
from ultimate_rvc.voices import VoiceFiles, find_voice, list_voices

ADDRESS = re.compile(r"https?://[^\s/]+", re.IGNORECASE)
SOUNDS = ("audio", "video", ".opus", ".mka", ".wma", ".m4b")
VOICES = (".pth", ".pt", ".safetensors", ".index", ".zip", ".gz", ".tgz", ".tar")
ENCODERS = (".json", ".safetensors", ".bin")
UPLOAD_MB = 500
BYTES_PER_MB = 1_000_000


def web_address(given: str) -> str:
    """The address. Raises OptionError for anything that does not begin with http:// or https://: a path is none."""
    address = given.strip()
    if not ADDRESS.match(address):
        raise OptionError(f"{address!r:.80} is no address; it must begin with https:// (upload a file of your own)")
    return address


def known_voice(name: str | None) -> VoiceFiles:
    """The voice of that name in the library. Raises OptionError for none, VoiceNotFound."""
    if not name:
        raise OptionError("no voice is chosen; choose one, or import one first under 'Voices'")
    if name not in list_voices():
        raise VoiceNotFound(f"no voice {name!r:.80}; it may have been renamed or deleted, so load the page again")
    return find_voice(name)


def training_name(given: str | None) -> str:
    """The name of a training or a dataset. Raises OptionError for a path and for none."""
    return plain_name(given or "")


def taken_in(upload: str | Path | None, uploads: Path, folder: Path) -> Path | None:
    """What was uploaded, in a folder of its session's own under its own title; None where nothing was.

    Raises InputError for a file that was not uploaded here, OutputError when the disk is full.
    """
    if not upload:
        return None
    path = Path(upload).resolve()
    if not path.is_relative_to(uploads.resolve()) or not path.is_file():
        raise InputError(f"{Path(upload).name!r:.80} was not uploaded here; choose the file again")
    if path.stat().st_size > UPLOAD_MB * BYTES_PER_MB:
        raise InputError(f"{path.name!r:.80} is larger than {UPLOAD_MB} MB; choose a smaller file")
    target = folder / f"{title_of(path.name)}{suffix_of(path.name)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    except OSError as error:
        raise OutputError(f"the upload cannot be kept ({error.strerror}); the disk may be full") from error
    return target


def all_taken_in(given: Iterable[str] | None, uploads: Path, folder: Path) -> list[Path]:
    """As `taken_in`, for several."""
    return [path for upload in given or () if (path := taken_in(upload, uploads, folder))]
