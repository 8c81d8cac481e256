"""File names from titles: nothing in a song's or a voice's name can leave the folder or upset a file system."""

import os
import re
import unicodedata

from ultimate_rvc.errors import OptionError

# Separators, what Windows and network drives refuse, and control characters.
UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
# File systems allow 255; the rest is for the suffix and for the name that a file has while it is written.
LONGEST_NAME_BYTES = 200


def safe_name(title: str, longest_bytes: int = LONGEST_NAME_BYTES) -> str:
    """The title as a file name without suffix: unsafe characters become '_', no leading dot, not too long.

    Raises OptionError when nothing is left of it.
    """
    name = UNSAFE.sub("_", title).strip().lstrip(".").strip()
    if len(os.fsencode(name)) > longest_bytes:
        name = os.fsencode(name)[:longest_bytes].decode("utf-8", "ignore").strip()
    if not name:
        raise OptionError(f"{title!r} cannot name a file; use at least one letter or digit")
    return name


def same_file_name(one: str, other: str) -> bool:
    """Whether some file system takes the two for one: macOS and Windows ignore case, macOS composes accents."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
