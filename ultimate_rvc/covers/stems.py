"""The seam between a song and what it consists of."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.progress import OnProgress, silent


class StemName(StrEnum):
    """What a song is taken apart into; the value is what people read, in file names too."""

    SONG = "Song"
    VOCALS = "Vocals"
    INSTRUMENTALS = "Instrumentals"
    MAIN_VOCALS = "Main vocals"
    BACKUP_VOCALS = "Backup vocals"
    DRY_VOCALS = "Dry vocals"


class Separator(Protocol):
    """Takes one track apart."""

    name: str
    """What people read of it: method or model."""
    gives: tuple[StemName, ...]
    """The stems that `separate` returns, always all of them."""

    def fingerprint(self, on_progress: OnProgress = silent) -> str:
        """What the result depends on besides the audio: version and settings, and the bytes of the weights.

        Weights that are not on disk are downloaded for it.
        """

    def separate(self, audio: Audio, on_progress: OnProgress = silent) -> dict[StemName, Audio]:
        """The stems, each of the audio's rate and length. Deterministic; the input is not changed."""


@dataclass(frozen=True)
class SeparationStep:
    """One separation of a song: which stem it takes (SONG, or one that an earlier step gave), and by what."""

    takes: StemName
    separator: Separator
