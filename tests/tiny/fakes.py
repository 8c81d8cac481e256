"""Stand-ins for what covers are plugged into: separators that cut a song by simple arithmetic."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.covers.stems import SeparationStep, StemName
from ultimate_rvc.progress import OnProgress, Progress, silent


@dataclass(eq=False)
class Halver:
    """Gives the first stem one share of the track and the second the rest; notes every run in a file or a list."""

    gives: tuple[StemName, StemName]
    share: float = 0.75
    version: str = "1"
    name: str = "halver"
    runs: list[str] = field(default_factory=list)
    noted_in: Path | None = None

    def fingerprint(self, on_progress: OnProgress = silent) -> str:
        return f"halver {self.version} {self.share}"

    def separate(self, audio: Audio, on_progress: OnProgress = silent) -> dict[StemName, Audio]:
        self.runs.append(self.name)
        if self.noted_in:
            with self.noted_in.open("a") as file:
                file.write(f"{self.name}\n")
        on_progress(Progress(f"halve {self.name}", 0, 1))
        first = (np.float32(self.share) * audio.samples).astype(np.float32)
        on_progress(Progress(f"halve {self.name}", 1, 1))
        return {self.gives[0]: Audio(first, audio.rate), self.gives[1]: Audio(audio.samples - first, audio.rate)}


def two_steps(noted_in: Path | None = None, share: float = 0.75) -> tuple[SeparationStep, ...]:
    """Vocals out of the song, main vocals out of the vocals."""
    music = Halver((StemName.VOCALS, StemName.INSTRUMENTALS), share, name="music", noted_in=noted_in)
    backup = Halver((StemName.MAIN_VOCALS, StemName.BACKUP_VOCALS), name="backup", noted_in=noted_in)
    return SeparationStep(StemName.SONG, music), SeparationStep(StemName.VOCALS, backup)
