"""A song cover: vocals are converted, get effects, and are mixed with the instrumentals.

The order of the steps, the place of the files and the cover's name are those of Ultimate RVC.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ultimate_rvc import paths
from ultimate_rvc.audio.effects import pitch_shift, postprocess
from ultimate_rvc.audio.file import Audio, check_convertible, load, save
from ultimate_rvc.audio.metadata import describe
from ultimate_rvc.audio.mix import Stem, mix
from ultimate_rvc.covers.checks import local_file, require_apart, require_file, require_writable
from ultimate_rvc.covers.conversion import OpenConverter, Studio
from ultimate_rvc.covers.names import cover_name, safe_name
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import AUDIO_FORMATS, ConversionOptions, EffectOptions, MixOptions, changed
from ultimate_rvc.progress import OnProgress, silent
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ
from ultimate_rvc.voices import VoiceFiles, find_voice

logger = logging.getLogger(__name__)

CONVERTED, EFFECTED, SHIFTED = "Converted vocals", "Effected vocals", "Shifted instrumentals"
# What two 16-bit mono files at the lowest rate of any voice take: less than a cover ever needs.
LEAST_BYTES_PER_SECOND = 2 * 2 * 24_000


@dataclass(frozen=True)
class CoverRequest:
    """What to sing and how. `source` is taken as vocals; with `vocals` it only names the song."""

    voice: str
    source: str | None = None
    vocals: Path | None = None
    instrumentals: Path | None = None
    singing: ConversionOptions = field(default_factory=ConversionOptions)
    effects: EffectOptions = field(default_factory=EffectOptions)
    mix: MixOptions = field(default_factory=MixOptions)


@dataclass(frozen=True)
class CoverResult:
    """The files that were written, what was used to make them, and what the stages cost if that was measured."""

    path: Path
    intermediates: dict[str, Path]
    used: dict[str, str]
    costs: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A request that has been checked: everything it names is there, everything it writes can be written."""

    song: str
    voice: VoiceFiles
    vocals: Path
    instrumentals: Path | None
    target: Path
    intermediates: dict[str, Path]


def make_cover(request: CoverRequest, open_converter: OpenConverter, on_progress: OnProgress = silent) -> CoverResult:
    """Makes the cover and writes it, with what lies between, below `paths.audio_dir()`.

    Whatever can be known to fail does so before `open_converter` is called. Raises errors of the UrvcError tree.
    """
    studio = Studio(open_converter, on_progress)
    plan = plan_cover(request)
    vocals, music = _read(plan, studio)
    converted = studio.convert(vocals, plan.voice, request.singing)
    del vocals  # an hour of anything that is done with is hundreds of megabytes
    used, costs = converted.used, converted.costs
    save(converted.audio, plan.intermediates[CONVERTED])
    stems = [Stem(_with_effects(converted.audio, request.effects, plan, studio), request.mix.main_gain)]
    del converted
    if music:
        shifted = _shifted(music, request.singing.pitch.n_semitones, plan, studio)
        stems.append(Stem(shifted, request.mix.inst_gain))
    with studio.stage("mix and save"):
        mixed = mix(stems, request.mix.output_sr, limiter=request.mix.limiter)
        path = save(mixed, plan.target, bitrate_kbps=request.mix.bitrate, metadata=_about(request, plan))
    return CoverResult(path, plan.intermediates, used, costs)


def _about(request: CoverRequest, plan: Plan) -> dict[str, str]:
    singing = request.singing
    settings = changed(singing.pitch, singing.embedder, singing.voice, request.effects, request.mix)
    return describe(plan.song, plan.voice.name, settings)


def plan_cover(request: CoverRequest) -> Plan:
    """The request with its names looked up, or the first error that can be known without reading audio."""
    voice = find_voice(request.voice)
    vocals = _vocals_of(request)
    instrumentals = local_file(request.instrumentals) if request.instrumentals else None
    require_file(request.singing.pitch.f0_file)
    song = _song_of(request.source) if request.source else vocals.stem
    target, files = _target(request, song, voice), _intermediates(request, song, voice)
    plan = Plan(song, voice, vocals, instrumentals, target, files)
    require_apart([plan.target, *plan.intermediates.values()], [path for path in (vocals, instrumentals) if path])
    _say_what_has_no_effect(request)
    return plan


def _vocals_of(request: CoverRequest) -> Path:
    chosen = request.vocals or request.source
    if not chosen:
        raise OptionError("nothing to sing; give a source, or vocals and instrumentals")
    return local_file(chosen)


def _song_of(source: str) -> str:
    """A file's name without suffix; a bare title as it is, dots included."""
    path = Path(source)
    return path.stem if path.is_file() or path.suffix.lower().lstrip(".") in AUDIO_FORMATS else path.name


def _target(request: CoverRequest, song: str, voice: VoiceFiles) -> Path:
    suffix = f".{request.mix.output_format}"
    named = request.mix.output_name
    name = cover_name(song, voice.name) if named is None else safe_name(named.removesuffix(suffix))
    return paths.output_dir() / f"{name}{suffix}"


def _intermediates(request: CoverRequest, song: str, voice: VoiceFiles) -> dict[str, Path]:
    """Where each step's result goes; names differ between voices and shifts, so that one keeps the other's."""
    folder = paths.intermediate_dir() / safe_name(song)
    files = {name: folder / f"{cover_name(name, voice.name)}.wav" for name in (CONVERTED, EFFECTED)}
    semitones = request.singing.pitch.n_semitones
    if request.instrumentals and semitones:
        files[SHIFTED] = folder / f"{SHIFTED} ({semitones:+d}).wav"
    return files


def _read(plan: Plan, studio: Studio) -> tuple[Audio, Audio | None]:
    """Vocals and instrumentals, once it is sure that there is room for what is made of them."""
    with studio.stage("read"):
        vocals = load(plan.vocals, mono_rate=SAMPLE_RATE_HZ)
        check_convertible(vocals, str(plan.vocals))
        music = load(plan.instrumentals) if plan.instrumentals else None
    needed_bytes = int(vocals.duration_s * LEAST_BYTES_PER_SECOND)
    for folder in {path.parent for path in (plan.target, *plan.intermediates.values())}:
        require_writable(folder, needed_bytes)
    return vocals, music


def _with_effects(vocals: Audio, options: EffectOptions, plan: Plan, studio: Studio) -> Audio:
    with studio.stage("effects"):
        effected = postprocess(vocals, options)
        save(effected, plan.intermediates[EFFECTED])
    return effected


def _shifted(music: Audio, semitones: int, plan: Plan, studio: Studio) -> Audio:
    """The instrumentals in the cover's key: shifted by semitones, never by octaves."""
    if not semitones:
        return music
    with studio.stage("shift instrumentals"):
        shifted = pitch_shift(music, semitones)
        save(shifted, plan.intermediates[SHIFTED])
    return shifted


def _say_what_has_no_effect(request: CoverRequest) -> None:
    if request.mix.backup_gain:
        logger.warning("backup_gain has no effect: this cover has no backup vocals")
    if request.mix.inst_gain and not request.instrumentals:
        logger.warning("inst_gain has no effect: this cover has no instrumentals")
