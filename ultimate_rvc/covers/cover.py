"""A song cover: vocals are converted, get effects, and are mixed with the instrumentals.

The order of the steps, the place of the files and the cover's name are those of Ultimate RVC. What each step gives is
kept (see `cache`), so that a second cover of a song repeats only what its options change.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from ultimate_rvc import paths
from ultimate_rvc.audio.metadata import describe
from ultimate_rvc.covers import song
from ultimate_rvc.covers.cache.contents import Track, sha256_of
from ultimate_rvc.covers.cache.opening import opened
from ultimate_rvc.covers.cache.tasks import Task
from ultimate_rvc.covers.checks import local_file, require_apart, require_file, require_writable
from ultimate_rvc.covers.conversion import OpenConverter, Studio
from ultimate_rvc.covers.desk import CACHED, Desk, StageRun
from ultimate_rvc.covers.names import cover_name, safe_name
from ultimate_rvc.covers.separators.steps import steps_for
from ultimate_rvc.covers.sources.find import resolve_source
from ultimate_rvc.covers.stems import SeparationStep, StemName
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import (
    AUDIO_FORMATS,
    ConversionOptions,
    CoverOptions,
    EffectOptions,
    MixOptions,
    SeparationOptions,
    changed,
)
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.voices import VoiceFiles, find_voice

logger = logging.getLogger(__name__)

FINISHED = "cover"
# What a second of a kept stem takes (stereo, 44.1 kHz, float32), and of a converted voice (mono, 48 kHz at most).
STEM_BYTES_PER_S, VOICE_BYTES_PER_S = 2 * 4 * 44_100, 4 * 48_000
# Which stem is sung: the one that most was taken from.
SUNG_FIRST = (StemName.DRY_VOCALS, StemName.MAIN_VOCALS, StemName.VOCALS, StemName.SONG)
# What is not sung follows the song's key.
MUSIC = {StemName.INSTRUMENTALS, StemName.BACKUP_VOCALS}
PARTS = {StemName.SONG: song.WHOLE, StemName.INSTRUMENTALS: song.INSTRUMENTALS, StemName.BACKUP_VOCALS: song.BACKUP}


class Stage(StrEnum):
    """Where one may stop and listen on the way to a cover."""

    SEPARATE = "separate"
    CONVERT = "convert"
    EFFECTS = "effects"
    MIX = "mix"


@dataclass(frozen=True)
class CoverRequest:
    """What to sing and how. With `vocals`, which is sung as it is, `source` only names the song.

    A `title` goes before the source's own name. `shelf` is what the song's folder below `paths.intermediate_dir()` is
    called, if not after the title: songs of one title that are nothing to each other lie apart.
    """

    voice: str
    source: str | None = None
    vocals: Path | None = None
    instrumentals: Path | None = None
    backup_vocals: Path | None = None
    title: str | None = None
    shelf: str | None = None
    cookiefile: Path | None = None
    separation: SeparationOptions = field(default_factory=SeparationOptions)
    singing: ConversionOptions = field(default_factory=ConversionOptions)
    effects: EffectOptions = field(default_factory=EffectOptions)
    mix: MixOptions = field(default_factory=MixOptions)
    cover: CoverOptions = field(default_factory=CoverOptions)


@dataclass(frozen=True)
class CoverResult:
    """The files that were written, what was used to make them, and the stages that were gone through.

    `costs` is what the engine's own stages cost, if that was measured.
    """

    path: Path
    intermediates: dict[str, Path]
    used: dict[str, str]
    costs: tuple[Any, ...] = ()
    stages: tuple[StageRun, ...] = ()
    source: Path | None = None

    @property
    def sung(self) -> Path | None:
        """The track that was converted, where it can be found."""
        return next((self.intermediates[name] for name in SUNG_FIRST if name in self.intermediates), self.source)


@dataclass(frozen=True)
class Plan:
    """A request that has been checked: everything it names is there, everything it writes can be written."""

    request: CoverRequest
    title: str
    voice: VoiceFiles
    backup_voice: VoiceFiles | None
    given: Mapping[StemName, Path]
    target: Path

    @property
    def shelf(self) -> str:
        """What the song's own folder is called."""
        return self.request.shelf or self.title

    @property
    def backup_singing(self) -> ConversionOptions:
        """As the main vocals are sung, without their melody."""
        singing = self.request.singing
        return replace(singing, pitch=replace(singing.pitch, f0_file=None))


def make_cover(request: CoverRequest, open_converter: OpenConverter, on_progress: OnProgress = silent) -> CoverResult:
    """Makes the cover and writes it, with what lies between, below `paths.audio_dir()`.

    Whatever can be known to fail does so before `open_converter` is called, or before the first long stage. Raises
    errors of the UrvcError tree.
    """
    plan = plan_cover(request, on_progress)
    with opened(request.cover) as cache:
        return _cover(plan, Desk(plan.shelf, cache, Studio(open_converter, on_progress)))


def make_stage(
    request: CoverRequest, stage: Stage, open_converter: OpenConverter, on_progress: OnProgress = silent
) -> CoverResult:
    """The way to a cover up to this stage and no further: its files, of which `path` is what the stage made.

    The last stage is `make_cover`. Raises errors of the UrvcError tree.
    """
    if stage is Stage.MIX:
        return make_cover(request, open_converter, on_progress)
    plan = plan_cover(request, on_progress)
    with opened(request.cover) as cache:
        desk = Desk(plan.shelf, cache, Studio(open_converter, on_progress))
        given, _ = _read(plan, desk)
        stems = _taken_apart(plan, desk, given, _steps(plan, desk))
        track = next(stems[name] for name in SUNG_FIRST if name in stems)
        if stage is not Stage.SEPARATE:
            track = song.convert(desk, track, plan.voice, request.singing)
        if stage is Stage.EFFECTS:
            track = song.add_effects(desk, track, request.effects, plan.voice)
        return CoverResult(track.path, desk.files, desk.used, desk.costs, tuple(desk.runs), _source(plan))


def plan_cover(request: CoverRequest, on_progress: OnProgress = silent) -> Plan:
    """The request with its names looked up, or the first error that can be known without reading audio."""
    voice, backup_voice = check_voices(request)
    require_file(request.singing.pitch.f0_file)
    own_title, given = _given(request, on_progress)
    title = request.title or own_title
    plan = Plan(request, title, voice, backup_voice, given, _target(request, title, voice))
    require_apart([plan.target], given.values())
    for folder in (paths.output_dir(), paths.intermediate_dir(), paths.cache_dir()):
        require_writable(folder)
    return plan


def check_voices(request: CoverRequest) -> tuple[VoiceFiles, VoiceFiles | None]:
    """The voices of the main and the backup vocals. Raises VoiceNotFound or OptionError."""
    voice = find_voice(request.voice)
    if request.cover.backup_model:
        return voice, find_voice(request.cover.backup_model)
    return voice, voice if request.cover.convert_backup else None


def _given(request: CoverRequest, on_progress: OnProgress) -> tuple[str, dict[StemName, Path]]:
    """The song's title, and the stems that are there already."""
    ready = {StemName.INSTRUMENTALS: request.instrumentals, StemName.BACKUP_VOCALS: request.backup_vocals}
    stems = {name: local_file(path) for name, path in ready.items() if path}
    if request.vocals:
        path = local_file(request.vocals)
        return _title(request.source) if request.source else path.stem, {StemName.VOCALS: path, **stems}
    if not request.source:
        raise OptionError("nothing to sing; give a source, or vocals and instrumentals")
    found = resolve_source(request.source, cookiefile=request.cookiefile, on_progress=on_progress)
    return found.name, {**(found.stems or {StemName.SONG: found.path}), **stems}


def _title(source: str) -> str:
    """A file's name without suffix; a bare title as it is, dots included."""
    path = Path(source)
    return path.stem if path.is_file() or path.suffix.lower().lstrip(".") in AUDIO_FORMATS else path.name


def _target(request: CoverRequest, title: str, voice: VoiceFiles) -> Path:
    suffix = f".{request.mix.output_format}"
    named = request.mix.output_name
    name = cover_name(title, voice.name) if named is None else safe_name(named.removesuffix(suffix))
    return paths.output_dir() / f"{name}{suffix}"


def _cover(plan: Plan, desk: Desk) -> CoverResult:
    stems, seconds = _read(plan, desk)
    steps = _steps(plan, desk)
    note = _note(plan, desk, stems, steps)
    if (result := _finished(plan, desk, note)) is not None:
        return result
    _say_what_has_no_effect(plan, steps)
    desk.ahead_bytes = _expected_bytes(plan, steps, seconds)
    require_writable(plan.target.parent, int(VOICE_BYTES_PER_S * seconds))
    tracks = _sung(plan, desk, _taken_apart(plan, desk, stems, steps))
    path = song.mix_down(desk, tracks, plan.target, options=plan.request.mix, about=_about(plan))
    desk.cache.renew(replace(note, work=lambda _: _facts(desk, path)))
    return CoverResult(path, desk.files, desk.used, desk.costs, tuple(desk.runs), _source(plan))


def _about(plan: Plan) -> dict[str, str]:
    """What the file says of itself."""
    request, singing = plan.request, plan.request.singing
    settings = changed(singing.pitch, singing.embedder, singing.voice, request.effects, request.mix)
    return describe(plan.title, plan.voice.name, settings)


def _source(plan: Plan) -> Path:
    """The file that the whole began with."""
    return next(plan.given[name] for name in (StemName.SONG, *SUNG_FIRST) if name in plan.given)


def _read(plan: Plan, desk: Desk) -> tuple[dict[StemName, Track], float]:
    """The files that are given, and how long the longest of them lasts in seconds."""
    found = {name: song.read(desk, path, PARTS.get(name, song.VOCALS)) for name, path in plan.given.items()}
    return {name: track for name, (track, _) in found.items()}, max(facts["duration_s"] for _, facts in found.values())


def _steps(plan: Plan, desk: Desk) -> Sequence[SeparationStep]:
    """How the song is taken apart, on the engine's device; vocals that are given are sung as they are."""
    if StemName.SONG not in plan.given:
        return ()
    return steps_for(plan.request.separation, desk.studio.converter.optimization.device)


def _note(plan: Plan, desk: Desk, stems: Mapping[StemName, Track], steps: Sequence[SeparationStep]) -> Task:
    """By which a finished cover is recognised, even when nothing that lies between is kept any longer."""
    request = plan.request
    recipe = {
        "given": {name: track.sha256 for name, track in stems.items()},
        "steps": [(step.takes, desk.fingerprint(step.separator)) for step in steps],
        "vocals": song.sung_with(desk, plan.voice, request.singing),
        "backup": plan.backup_voice and song.sung_with(desk, plan.backup_voice, plan.backup_singing),
        "effects": request.effects,
        "mix": request.mix,
        "about": _about(plan),
        "target": plan.target.absolute(),
    }
    return Task(FINISHED, plan.title, recipe, {}, lambda _: {}, plan.target.name)


def _facts(desk: Desk, path: Path) -> dict[str, Any]:
    files = {label: str(file) for label, file in desk.files.items()}
    return {"sha256": sha256_of(path), "path": str(path), "files": files, "used": desk.used}


def _finished(plan: Plan, desk: Desk, note: Task) -> CoverResult | None:
    """The cover as it was made before, if it still is what was made."""
    kept = desk.cache.find(note)
    if kept is None:
        return None
    path = Path(kept.facts["path"])
    if not path.is_file() or sha256_of(path) != kept.facts["sha256"]:
        return None
    desk.studio.on_progress(Progress(FINISHED, 1, 1, CACHED))
    files = {label: Path(name) for label, name in kept.facts["files"].items() if Path(name).is_file()}
    runs = (*desk.runs, StageRun(FINISHED, 0.0, cached=True))
    return CoverResult(path, files, kept.facts["used"], (), runs, _source(plan))


def _expected_bytes(plan: Plan, steps: Sequence[SeparationStep], seconds: float) -> dict[str, float]:
    """About what each stage is going to write."""
    sung = ["convert vocals", "effects", *(["convert backup vocals"] if plan.backup_voice else [])]
    expected = dict.fromkeys(sung, VOICE_BYTES_PER_S * seconds)
    for step in steps:
        expected[song.separation_stage(step)] = len(step.separator.gives) * STEM_BYTES_PER_S * seconds
    if plan.request.singing.pitch.n_semitones and MUSIC & (plan.given.keys() | _stems_of(steps)):
        expected["shift instrumentals"] = STEM_BYTES_PER_S * seconds
    return expected


def _stems_of(steps: Sequence[SeparationStep]) -> set[StemName]:
    return {name for step in steps for name in step.separator.gives}


def _taken_apart(
    plan: Plan, desk: Desk, given: Mapping[StemName, Track], steps: Sequence[SeparationStep]
) -> dict[StemName, Track]:
    """Every stem that there is; one that was given goes before one that was taken out of the song."""
    stems, tried = dict(given), False
    for step in steps:
        if not (tried or desk.cache.holds(song.separation_task(desk, step, stems[step.takes]))):
            _try_voices(plan, desk)
            tried = True
        stems = {**song.separate(desk, step, stems[step.takes]), **stems}
    return stems


def _try_voices(plan: Plan, desk: Desk) -> None:
    """A voice that cannot be used is found before the song is taken apart, which takes long."""
    if plan.backup_voice not in (None, plan.voice):
        desk.studio.check(plan.backup_voice, plan.backup_singing)
    desk.studio.check(plan.voice, plan.request.singing)


def _sung(plan: Plan, desk: Desk, stems: Mapping[StemName, Track]) -> list[tuple[Track, float]]:
    """The tracks of the cover and their gains in dB."""
    request, semitones = plan.request, plan.request.singing.pitch.n_semitones
    main = next(stems[name] for name in SUNG_FIRST if name in stems)
    converted = song.convert(desk, main, plan.voice, request.singing)
    tracks = [(song.add_effects(desk, converted, request.effects, plan.voice), request.mix.main_gain)]
    if StemName.INSTRUMENTALS in stems:
        music = song.shift(desk, stems[StemName.INSTRUMENTALS], semitones, song.INSTRUMENTALS)
        tracks.append((music, request.mix.inst_gain))
    if StemName.BACKUP_VOCALS in stems:
        tracks.append((_backup(plan, desk, stems[StemName.BACKUP_VOCALS]), request.mix.backup_gain))
    return tracks


def _backup(plan: Plan, desk: Desk, track: Track) -> Track:
    """The backup vocals in the cover's key, sung by their own voice if they have one."""
    if plan.backup_voice is None:
        return song.shift(desk, track, plan.request.singing.pitch.n_semitones, song.BACKUP)
    if song.hears_nothing(desk, track):
        logger.warning("The backup vocals are silent, so nobody sings them")
        return track
    return song.convert(desk, track, plan.backup_voice, plan.backup_singing, song.BACKUP)


def _say_what_has_no_effect(plan: Plan, steps: Sequence[SeparationStep]) -> None:
    request, stems = plan.request, plan.given.keys() | _stems_of(steps)
    if StemName.BACKUP_VOCALS not in stems:
        for name, value in (("backup_gain", request.mix.backup_gain), ("backup_model", plan.backup_voice)):
            if value:
                logger.warning("%s has no effect: this cover has no backup vocals", name)
    if request.mix.inst_gain and StemName.INSTRUMENTALS not in stems:
        logger.warning("inst_gain has no effect: this cover has no instrumentals")
