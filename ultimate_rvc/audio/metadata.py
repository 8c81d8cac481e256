"""What a file says about itself: title, artist (the voice), album, the settings as a comment, and what wrote it.

Kept as ID3 in mp3, as Vorbis comments in flac and ogg, as iTunes items in m4a and as LIST INFO in wav. A bare aac
stream has no place for it. Nothing here depends on the day or the machine: the same sound gives the same bytes.
"""

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ultimate_rvc import __version__
from ultimate_rvc.errors import AudioError, OptionError

logger = logging.getLogger(__name__)

FIELDS = ("title", "artist", "album", "comment", "encoder")
ENCODER = f"Ultimate RVC {__version__}"
# libsndfile drops all of a wav's INFO when it passes about 4 kB.
LONGEST_BYTES = 500
LONGEST_COMMENT_BYTES = 2_000
CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
# libsndfile writes itself behind the name of the program that uses it.
LIBRARY = re.compile(r" \(libsndfile-[\w.]+\)$")


def describe(title: str, voice: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of something that this voice sings; the comment is the settings as JSON."""
    comment = json.dumps(dict(settings), ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return {"title": title, "artist": voice, "comment": comment}


def checked(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """What can be written of it, with the encoder: no control characters, texts of a length that every format holds.

    Nothing for None. Raises OptionError for a name that is not in FIELDS.
    """
    if metadata is None:
        return {}
    unknown = sorted(set(metadata) - set(FIELDS))
    if unknown:
        raise OptionError(f"no format holds {', '.join(unknown)}; there are {', '.join(FIELDS)}")
    texts = {name: _fitted(name, text) for name, text in {"encoder": ENCODER, **metadata}.items()}
    return {name: text for name, text in texts.items() if text}


def read_metadata(path: Path | str) -> dict[str, str]:
    """What the file says about itself, of FIELDS; empty where it says nothing. Raises AudioError."""
    import av

    try:
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            # The file's own word goes before what an mp3's stream says of the library that laid it out.
            found = [*(stream.metadata for stream in container.streams.audio[:1]), container.metadata]
    except (av.FFmpegError, OSError, ValueError) as error:
        raise AudioError(f"{str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    said = {name.lower(): text for each in found for name, text in each.items()}
    # A Vorbis comment calls the program that wrote the file its software; the encoder is the library.
    said["encoder"] = LIBRARY.sub("", said.get("software") or said.get("encoder", ""))
    return {name: said[name] for name in FIELDS if said.get(name)}


def _fitted(name: str, text: str) -> str:
    text = CONTROL.sub(" ", text).strip()
    raw = text.encode("utf-8", "replace")
    if name != "comment":
        return raw[:LONGEST_BYTES].decode("utf-8", "ignore").strip()
    if len(raw) > LONGEST_COMMENT_BYTES:
        # Half a comment may be no JSON any more.
        logger.warning("The comment has %d bytes and is left out: a file holds %d", len(raw), LONGEST_COMMENT_BYTES)
        return ""
    return raw.decode("utf-8")
