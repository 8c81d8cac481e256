"""Every word of the page in the reader's language: English stands in the code, others in languages/CODE.yaml.

{labels: {"Record.field": {label, help}}, choices: {"Record.field": {value: words}}, phrases: {"English phrase": "…"},
lines: {"{} is empty; …": "… {0} …"}}, lines being what the engine says. What is missing stays English.
"""

import re
from collections.abc import Mapping
from dataclasses import Field
from functools import lru_cache
from pathlib import Path
from typing import Any

ENGLISH = "en"
# Code in an address and of a file, the language's own name, and the tags of browsers that mean it.
LANGUAGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    ENGLISH: ("English", ("en",)),
    "zh-TW": ("中文", ("zh",)),
}
PARTS = ("labels", "choices", "phrases", "lines")
FOLDER = Path(__file__).parent / "languages"


def text(english: str, language: str, *values: Any) -> str:
    """The phrase in that language, with the values in the places of its {}."""
    phrase = _known(language)["phrases"].get(english, english)
    return phrase.format(*values) if values else phrase


def line_text(line: str, language: str) -> str:
    """What the engine says, in that language where it has words for it; what stood in the places of {} stays."""
    for english, words in _known(language)["lines"].items():
        if found := _pattern(english).fullmatch(line):
            return words.format(*found.groups())
    return line


@lru_cache
def _pattern(english: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(map(re.escape, english.split("{}"))), re.DOTALL)


def label_of(record: type, spec: Field, language: str) -> str:
    """What a field is called: in English as on the command line."""
    return _about(record, spec, language).get("label") or spec.name.replace("_", " ").capitalize()


def help_of(record: type, spec: Field, language: str) -> str:
    """What a field is for."""
    return _about(record, spec, language).get("help") or spec.metadata["help"]


def choices_of(record: type, spec: Field, language: str) -> list[tuple[str, Any]]:
    """What a field's choices are called, and what they are."""
    words = _found("choices", record, spec, language)
    return [(str(words.get(value, value)), value) for value in spec.metadata["choices"]]


def stage_text(stage: str, language: str) -> str:
    """A stage as the engine reports it; of one that names a file, 'read NAME', the words around the name."""
    known, (verb, _, name) = _known(language)["phrases"], stage.partition(" ")
    if stage in known or f"{verb} {{}}" not in known:
        return text(stage, language)
    return text(f"{verb} {{}}", language, name)


def chosen_language(accepted: str | None, asked: str | None = None) -> str:
    """The language that was asked for, if there is one of that code, else the best for an Accept-Language header."""
    if asked in LANGUAGES:
        return asked
    for tag in _by_weight(accepted or ""):
        for code, (_, tags) in LANGUAGES.items():
            if tag.split("-")[0] in tags:
                return code
    return ENGLISH


def _by_weight(accepted: str) -> list[str]:
    """'zh-TW,en;q=0.8' → its tags, those that are liked most first."""
    weighed = []
    for part in accepted.split(","):
        tag, _, quality = part.strip().partition(";")
        weighed.append((tag.strip().lower(), _weight(quality)))
    return [tag for tag, weight in sorted(weighed, key=lambda pair: -pair[1]) if tag and weight > 0]


def _weight(quality: str) -> float:
    try:
        return float(quality.strip().removeprefix("q=")) if quality.strip() else 1.0
    except ValueError:
        return 0.0


def _about(record: type, spec: Field, language: str) -> Mapping[str, str]:
    return _found("labels", record, spec, language)


def _found(part: str, record: type, spec: Field, language: str) -> Mapping[Any, str]:
    """What is known of a field, under its own record or one that the record is made from."""
    known = _known(language)[part]
    return next((known[key] for each in record.__mro__ if (key := f"{each.__name__}.{spec.name}") in known), {})


@lru_cache
def _known(language: str) -> Mapping[str, Mapping[str, Any]]:
    path = FOLDER / f"{language.replace('-', '_')}.yaml"
    if language not in LANGUAGES or not path.is_file():
        return {part: {} for part in PARTS}
    import yaml

    found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return {part: found.get(part) or {} for part in PARTS}
