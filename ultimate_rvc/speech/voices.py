"""A voice of a speech engine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SpeechVoice:
    """Who can speak. `name` is what the engine is asked for, `locale` the language as in en-US."""

    name: str
    locale: str
    description: str = ""
    categories: tuple[str, ...] = ()
    personalities: tuple[str, ...] = ()
    status: str = ""
