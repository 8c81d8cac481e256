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

    def speaks(self, locale: str | None) -> bool:
        """Whether its locale holds this one: en and en-GB are in en-GB. None is any."""
        return locale is None or f"-{locale}".lower() in f"-{self.locale}".lower()
