"""Microsoft's voices through edge-tts: they sound best, and the text leaves this machine."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ultimate_rvc.audio.file import load
from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.errors import OptionError, SpeechError
from ultimate_rvc.options import SpeakingOptions
from ultimate_rvc.progress import OnProgress, Progress
from ultimate_rvc.speech.voices import SpeechVoice

DEFAULT_VOICE = "en-US-ChristopherNeural"
# What aiohttp's messages say of Python's objects.
OBJECTS = re.compile(r" ?\w+:<[^>]*>")


class EdgeSpeaker:
    """A `Speaker`. Raises SpeechError where edge-tts is not installed."""

    name = "edge-tts"

    def __init__(self) -> None:
        try:
            import edge_tts
        except ImportError as error:
            raise SpeechError("edge-tts is not installed (./urvc-macos.sh install --speech)") from error
        self._edge_tts: Any = edge_tts

    def voices(self) -> list[SpeechVoice]:
        """Every voice that Microsoft offers."""
        import asyncio

        with _network_told():
            found = asyncio.run(self._edge_tts.list_voices())
        return [_voice(each) for each in found]

    def voice_for(self, asked: str | None) -> str:
        """The voice itself: whether it exists, only the network knows."""
        return asked or DEFAULT_VOICE

    def speak(self, text: str, voice: str, options: SpeakingOptions, on_progress: OnProgress) -> Audio:
        """The text, spoken. Edge-tts cuts long texts itself."""
        on_progress(Progress("speak", 0, 1))
        request = self._request(text, voice, options)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "speech.mp3"
            with _network_told():
                request.save_sync(str(path))
            audio = load(path)
        on_progress(Progress("speak", 1, 1))
        return audio

    def _request(self, text: str, voice: str, options: SpeakingOptions) -> Any:
        try:
            return self._edge_tts.Communicate(
                text,
                voice,
                rate=f"{options.tts_speed_change:+d}%",
                volume=f"{options.tts_volume_change:+d}%",
                pitch=f"{options.tts_pitch_shift:+d}Hz",
            )
        except ValueError as error:
            raise OptionError(f"{voice!r} is no voice of edge-tts; see 'list-edge-tts-voices --engine edge'") from error


@contextmanager
def _network_told() -> Iterator[None]:
    """Turns whatever goes wrong on the way to Microsoft and back into one line."""
    try:
        yield
    except Exception as error:
        reason = " ".join(OBJECTS.sub("", str(error)).split())[:200] or type(error).__name__
        raise SpeechError(f"edge-tts failed ({reason}); it needs the network, and --engine system none") from error


def _voice(found: dict[str, Any]) -> SpeechVoice:
    tags = found.get("VoiceTag", {})
    return SpeechVoice(
        found["ShortName"],
        found["Locale"],
        found.get("FriendlyName", ""),
        tuple(tags.get("ContentCategories", ())),
        tuple(tags.get("VoicePersonalities", ())),
        found.get("Status", ""),
    )
