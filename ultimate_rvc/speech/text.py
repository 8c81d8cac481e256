"""The text that is to be spoken: given as it is or as a file, checked, and cut at the ends of sentences."""

import os
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ultimate_rvc.errors import InputError

# About an hour and a half at the usual speed.
LONGEST_TEXT = 100_000
UTF8_BYTES_PER_CHARACTER = 4
TEXT_SUFFIXES = (".txt", ".md", ".text")
# What a text that was typed in is called, as Ultimate RVC calls it.
UNTITLED = "Text"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n{2,}")


@dataclass(frozen=True)
class Script:
    """What is spoken, and what the result is named after."""

    text: str
    title: str


def read_script(source: str) -> Script:
    """The text in the file of that name, or else the source itself. Raises InputError for what cannot be spoken."""
    script = Script(_read(Path(source)), Path(source).stem) if os.path.isfile(source) else Script(source, UNTITLED)
    _refuse_lost_paths(source, script)
    text = CONTROL.sub(" ", script.text).strip()
    if not any(map(str.isalnum, text)):
        raise InputError(f"{_shown(source)} holds no words; give a text, or the path of a text file")
    if len(text) > LONGEST_TEXT:
        raise InputError(f"the text has {len(text)} characters; give at most {LONGEST_TEXT} at once")
    return Script(text, script.title)


def pieces(text: str, longest: int) -> Iterator[str]:
    """The text in order, in pieces of at most so many characters that end where a sentence does, if one does."""
    gathered = ""
    for sentence in _sentences(text, longest):
        if gathered and len(gathered) + 1 + len(sentence) > longest:
            yield gathered
            gathered = ""
        gathered = f"{gathered} {sentence}".strip()
    if gathered:
        yield gathered


def _sentences(text: str, longest: int) -> Iterator[str]:
    for sentence in SENTENCE_END.split(text):
        yield from textwrap.wrap(sentence, longest)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > UTF8_BYTES_PER_CHARACTER * LONGEST_TEXT:
            raise InputError(f"{path} has {path.stat().st_size} bytes; give at most {LONGEST_TEXT} characters at once")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _refuse_lost_paths(source: str, script: Script) -> None:
    """The name of a file that is not there would be spoken letter by letter."""
    if script.title != UNTITLED or script.text != source:
        return
    if os.path.isdir(source):
        raise InputError(f"{source} is a folder; give a text, or the path of a text file")
    if source.lower().endswith(TEXT_SUFFIXES) and len(source.split()) == 1:
        raise InputError(f"{source}: no such file; give a text, or the path of a text file")


def _shown(source: str) -> str:
    return repr(textwrap.shorten(source, 40, placeholder="…"))
