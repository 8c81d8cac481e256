"""One track, converted and nothing else: no effects, no mix."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ultimate_rvc.audio.file import check_convertible, load, save
from ultimate_rvc.covers.checks import local_file, require_apart, require_file, require_writable
from ultimate_rvc.covers.conversion import OpenConverter, Studio
from ultimate_rvc.covers.names import cover_name
from ultimate_rvc.options import ConversionOptions
from ultimate_rvc.progress import OnProgress, silent
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ
from ultimate_rvc.voices import find_voice


@dataclass(frozen=True)
class TrackRequest:
    """Which track is sung by whom, and the folder that the result goes to."""

    track: str | Path
    directory: Path
    voice: str
    singing: ConversionOptions = field(default_factory=ConversionOptions)


@dataclass(frozen=True)
class TrackResult:
    """The file that was written, what was used to make it, and what the stages cost if that was measured."""

    path: Path
    used: dict[str, str]
    costs: tuple[Any, ...] = ()


def convert_track(
    request: TrackRequest, open_converter: OpenConverter, on_progress: OnProgress = silent
) -> TrackResult:
    """Converts the track and writes '<track> (<voice> Ver).wav' at the voice's rate. Raises UrvcErrors."""
    studio = Studio(open_converter, on_progress)
    voice = find_voice(request.voice)
    track = local_file(request.track)
    require_file(request.singing.pitch.f0_file)
    target = request.directory / f"{cover_name(track.stem, voice.name)}.wav"
    require_apart([target], [track])
    with studio.stage("read"):
        audio = load(track, mono_rate=SAMPLE_RATE_HZ)
        check_convertible(audio, str(track))
    require_writable(target.parent)
    converted = studio.convert(audio, voice, request.singing)
    with studio.stage("save"):
        path = save(converted.audio, target)
    return TrackResult(path, converted.used, converted.costs)
