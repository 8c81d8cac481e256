"""What covers ask of a voice converter, and the one place that calls it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ultimate_rvc.audio.file import Audio
from ultimate_rvc.options import ConversionOptions, OptimizationConfig
from ultimate_rvc.progress import OnProgress, Progress
from ultimate_rvc.voices import VoiceFiles

if TYPE_CHECKING:
    from ultimate_rvc.rvc.infer.infer import Converted, Ingredients


class Converter(Protocol):
    """Sings with one voice at a time; `VoiceConverter` is one."""

    optimization: OptimizationConfig
    """What runs where, the device by its name."""

    def load_voice(self, checkpoint: Path, index: Path | None) -> None:
        """Makes this voice the current one."""

    def check(self, options: ConversionOptions) -> None:
        """Raises what `convert` would raise of the current voice."""

    def ingredients(self, checkpoint: Path, options: ConversionOptions) -> "Ingredients":
        """What a conversion depends on besides the audio, the voice and the options."""

    def convert(self, audio: Audio, options: ConversionOptions) -> "Converted":
        """The audio, any rate and layout, sung by the current voice."""


# Called once at most, and after the inputs have been checked: it imports the engine and opens the device.
OpenConverter = Callable[[OnProgress], Converter]


@dataclass(frozen=True)
class Studio:
    """Who converts, and who is told how far it is."""

    open_converter: OpenConverter
    on_progress: OnProgress

    @cached_property
    def converter(self) -> Converter:
        """Opened when it is first asked for."""
        return self.open_converter(self.on_progress)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Reports the start and the end of a stage that has no finer steps."""
        self.on_progress(Progress(name, 0, 1))
        yield
        self.on_progress(Progress(name, 1, 1))

    def convert(self, audio: Audio, voice: VoiceFiles, singing: ConversionOptions) -> "Converted":
        """The audio, sung by the voice."""
        with self.stage("load voice"):
            self.converter.load_voice(voice.checkpoint, voice.index)
        return self.converter.convert(audio, singing)

    def check(self, voice: VoiceFiles, singing: ConversionOptions) -> None:
        """Raises what the conversion would raise of the voice, before anything else takes long."""
        with self.stage("load voice"):
            self.converter.load_voice(voice.checkpoint, voice.index)
        self.converter.check(singing)
