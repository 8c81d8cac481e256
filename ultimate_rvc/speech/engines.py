"""The seam between a text and its sound, and the choice of who speaks."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.errors import SpeechError
from ultimate_rvc.options import SpeakingOptions
from ultimate_rvc.progress import OnProgress
from ultimate_rvc.speech.edge import EdgeSpeaker
from ultimate_rvc.speech.system import open_system_speaker
from ultimate_rvc.speech.voices import SpeechVoice

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Speaker(Protocol):
    """An engine that speaks."""

    name: str
    """What people read of it."""

    def voices(self) -> list[SpeechVoice]:
        """Who can speak. Raises SpeechError."""

    def voice_for(self, asked: str | None) -> str:
        """The name of the voice that speaks when this one is asked for. Raises OptionError."""

    def speak(self, text: str, voice: str, options: SpeakingOptions, on_progress: OnProgress) -> Audio:
        """The text, spoken by a voice that `voice_for` has named. Raises SpeechError when the engine fails."""


@dataclass(frozen=True)
class Spoken:
    """The sound of a text, and who spoke it."""

    audio: Audio
    engine: str
    voice: str


# In the order in which 'auto' tries them: the network's voices sound better.
ENGINES: dict[str, Callable[[], Speaker]] = {"edge": EdgeSpeaker, "system": open_system_speaker}


def speak(text: str, options: SpeakingOptions, on_progress: OnProgress) -> Spoken:
    """The text, spoken by the engine that the options name; 'auto' takes the first that works. Raises SpeechError."""

    def spoken_by(speaker: Speaker) -> Spoken:
        voice = speaker.voice_for(options.tts_voice)
        return Spoken(speaker.speak(text, voice, options, on_progress), speaker.name, voice)

    return _first_that_works(options.engine, spoken_by)


def list_voices(engine: str) -> list[SpeechVoice]:
    """The voices of the engine; of the first that answers for 'auto'. Raises SpeechError."""
    return _first_that_works(engine, lambda speaker: speaker.voices())


def _first_that_works(engine: str, work: Callable[[Speaker], T]) -> T:
    left, reasons = list(ENGINES) if engine == "auto" else [engine], []
    while left:
        try:
            return work(ENGINES[left.pop(0)]())
        except SpeechError as error:
            reasons.append(str(error))
            if left:
                logger.warning("%s; the system's own voice is tried instead", error)
    raise SpeechError("; ".join(reasons)) from None
