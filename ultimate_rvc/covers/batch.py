"""A folder of songs, one after the other: what is finished is not made again, and one failure stops nobody else."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ultimate_rvc.covers.conversion import OpenConverter
from ultimate_rvc.covers.cover import CoverRequest, CoverResult, check_voices, make_cover
from ultimate_rvc.covers.sources.find import songs_in
from ultimate_rvc.errors import OptionError, UrvcError
from ultimate_rvc.progress import OnProgress, silent

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How one song went: its cover, or the reason why there is none."""

    song: Path
    seconds: float
    result: CoverResult | None = None
    error: Exception | None = None

    @property
    def reason(self) -> str:
        """One line; empty where all is well."""
        if self.error is None or isinstance(self.error, UrvcError):
            return str(self.error or "")
        return f"unexpected {type(self.error).__name__}: {' '.join(str(self.error).split())}"


# Number of the song from 1, how many there are, and the song.
OnSong = Callable[[int, int, Path], None]


def make_covers(
    folder: Path,
    request: CoverRequest,
    open_converter: OpenConverter,
    on_progress: OnProgress = silent,
    on_song: OnSong = lambda *_: None,
) -> list[Outcome]:
    """A cover of every song in the folder, made as the request says, with one engine.

    What fails is noted and the next one goes on. Raises OptionError or VoiceNotFound for what no song could do with.
    """
    _refuse_what_is_for_one(request)
    songs, engine = songs_in(folder), cache(open_converter)
    check_voices(request)
    outcomes = []
    for number, (path, title) in enumerate(zip(songs, _titles(songs), strict=True), 1):
        on_song(number, len(songs), path)
        outcomes.append(_made(path, replace(request, source=str(path), title=title), engine, on_progress))
    return outcomes


def _made(path: Path, request: CoverRequest, engine: OpenConverter, on_progress: OnProgress) -> Outcome:
    started = time.perf_counter()
    try:
        result = make_cover(request, engine, on_progress)
    except Exception as error:
        logger.info("%s failed", path, exc_info=error)
        return Outcome(path, time.perf_counter() - started, error=error)
    return Outcome(path, time.perf_counter() - started, result)


def _titles(songs: Sequence[Path]) -> list[str]:
    """File names without their suffix, unless two songs are then called alike."""
    times = Counter(path.stem.casefold() for path in songs)
    return [path.stem if times[path.stem.casefold()] == 1 else path.name for path in songs]


def _refuse_what_is_for_one(request: CoverRequest) -> None:
    one = {
        "vocals": request.vocals,
        "instrumentals": request.instrumentals,
        "backup_vocals": request.backup_vocals,
        "output_name": request.mix.output_name,
        "f0_file": request.singing.pitch.f0_file,
    }
    for name, value in one.items():
        if value:
            raise OptionError(f"{name} is {str(value)!r}, which is for one song; leave it out for a folder of songs")
