"""Covers and speech as jobs: from what the fields hold to a request, and from its result to an outcome."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultimate_rvc.covers.cover import CoverRequest, CoverResult, Stage, make_stage
from ultimate_rvc.covers.names import cover_name, safe_name
from ultimate_rvc.errors import InputError, OptionError
from ultimate_rvc.options import (
    ConversionOptions,
    CoverOptions,
    EffectOptions,
    EmbedderOptions,
    FileOptions,
    MixOptions,
    PitchOptions,
    SeparationOptions,
    SpeakingOptions,
    SpeechMixOptions,
    SpeechPitchOptions,
    SpeechVoiceOptions,
    VoiceOptions,
)
from ultimate_rvc.progress import OnProgress
from ultimate_rvc.speech.pipeline import SpeechRequest, make_speech
from ultimate_rvc.web.controls import record_of
from ultimate_rvc.web.desk import MAKING, Asked, Desk, Outcome
from ultimate_rvc.web.guards import known_voice, web_address

if TYPE_CHECKING:
    from ultimate_rvc.covers.conversion import OpenConverter
    from ultimate_rvc.rvc.infer.infer import VoiceConverter

LONGEST_TEXT = 20_000
TITLE_CHARACTERS = 60


@dataclass(frozen=True)
class Song:
    """What is to be sung: a file of the session's own or an address, and tracks that are there already."""

    file: Path | None = None
    address: str = ""
    vocals: Path | None = None
    instrumentals: Path | None = None
    backup_vocals: Path | None = None
    cookies: Path | None = None
    pitch_curve: Path | None = None

    @property
    def source(self) -> str | None:
        """What covers are asked for: a path that we made, or a checked address. Raises OptionError."""
        if self.file:
            return str(self.file)
        return web_address(self.address) if self.address.strip() else None

    @property
    def title(self) -> str:
        """What people call it."""
        named = self.file or self.vocals
        return named.stem if named else self.address.strip()


@dataclass(frozen=True)
class Wanted:
    """A song, a voice, and what all fields hold by their keys; `mark` keeps it apart from others' songs."""

    song: Song
    voice: str
    shown: Mapping[str, Any]
    mark: str = ""

    def with_voice(self, voice: str) -> "Wanted":
        """The same, sung by another."""
        return replace(self, voice=voice)


def cover(desk: Desk, wanted: Wanted, stage: Stage = Stage.MIX) -> Asked:
    """A cover, or the way to it up to a stage. Raises InputErrors for all that can be known now."""
    voice, song = known_voice(wanted.voice), wanted.song
    if not (song.source or song.vocals):
        raise OptionError("there is no song; choose a file, or give an address that begins with https://")
    request = _request(wanted, voice.name)

    def work(on_progress: OnProgress) -> Outcome:
        with desk.engine().lent(on_progress) as engine:
            return _outcome(make_stage(request, stage, _open(engine), on_progress), stage)

    return Asked(MAKING, stage.value, f"{song.title} · {voice.name}", work, wanted if stage is Stage.MIX else None)


def _request(wanted: Wanted, voice: str) -> CoverRequest:
    song, shown = wanted.song, wanted.shown
    mix = record_of(MixOptions, shown)
    own = song.file or song.vocals
    if own and mix.output_name is None:
        mix = replace(mix, output_name=cover_name(own.stem, voice))
    backup = record_of(CoverOptions, shown)
    if backup.backup_model:
        known_voice(backup.backup_model)
    pitch = replace(record_of(PitchOptions, shown), f0_file=song.pitch_curve)
    return CoverRequest(
        voice=voice,
        source=song.source,
        vocals=song.vocals,
        instrumentals=song.instrumentals,
        backup_vocals=song.backup_vocals,
        shelf=safe_name(f"{own.stem} [{wanted.mark}]") if own else None,
        cookiefile=song.cookies,
        separation=record_of(SeparationOptions, shown),
        singing=ConversionOptions(pitch, record_of(EmbedderOptions, shown), record_of(VoiceOptions, shown)),
        effects=record_of(EffectOptions, shown),
        mix=mix,
        cover=backup,
    )


def _open(engine: "VoiceConverter") -> "OpenConverter":
    """The engine that is open, in the place of one that would be opened."""

    def open_converter(on_progress: OnProgress) -> "VoiceConverter":
        engine.on_progress = on_progress
        return engine

    return open_converter


def _outcome(result: CoverResult, stage: Stage) -> Outcome:
    path = result.path if stage is Stage.MIX else None
    return Outcome(path, result.intermediates, result.used, result.stages, source=result.source)


@dataclass(frozen=True)
class Saying:
    """A text and the voice that says it, with what all fields hold."""

    text: str
    voice: str
    shown: Mapping[str, Any]
    folder: Path
    pitch_curve: Path | None = field(default=None)

    def with_voice(self, voice: str) -> "Saying":
        """The same, said by another."""
        return replace(self, voice=voice)


def speech(desk: Desk, saying: Saying) -> Asked:
    """A text, spoken and converted. Raises InputErrors for all that can be known now."""
    voice, text, shown = known_voice(saying.voice), saying.text.strip(), saying.shown
    if not text:
        raise InputError("there is nothing to say; write a text, or choose a text file")
    if len(text) > LONGEST_TEXT:
        raise InputError(f"the text has {len(text):,} characters; say at most {LONGEST_TEXT:,} at once")
    pitch = replace(record_of(SpeechPitchOptions, shown), f0_file=saying.pitch_curve)
    request = SpeechRequest(
        str(_script(text, saying.folder)),
        voice.name,
        record_of(SpeakingOptions, shown),
        ConversionOptions(pitch, record_of(EmbedderOptions, shown), record_of(SpeechVoiceOptions, shown)),
        record_of(EffectOptions, shown),
        record_of(SpeechMixOptions, shown),
        record_of(FileOptions, shown),
    )

    def work(on_progress: OnProgress) -> Outcome:
        with desk.engine().lent(on_progress) as engine:
            result = make_speech(request, _open(engine), on_progress)
        return Outcome(result.path, result.intermediates, result.used)

    return Asked(MAKING, "speech", f"{_shortened(text)} · {voice.name}", work, saying)


def _script(text: str, folder: Path) -> Path:
    """The text in a file: as text alone it might be the path of somebody else's."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{safe_name(_shortened(text))}.txt"
    path.write_text(text, encoding="utf-8")
    return path


def _shortened(text: str) -> str:
    return " ".join(text.split())[:TITLE_CHARACTERS]


def picture(task_outcome: Outcome, folder: Path) -> Callable[[OnProgress], Outcome]:
    """Draws the waves and melodies of a cover. Raises OptionError where matplotlib is missing."""
    from ultimate_rvc import pictures
    from ultimate_rvc.covers import picture as pictures_of_covers

    path = folder / "picture.png"
    pictures.require(path)

    def work(on_progress: OnProgress) -> Outcome:
        if task_outcome.path is None:
            raise OptionError("only a finished cover can be drawn; mix it first")
        result = CoverResult(task_outcome.path, dict(task_outcome.files), {}, source=task_outcome.source)
        pictures_of_covers.of_cover(result, path, on_progress)
        return Outcome(None, {"Picture": path})

    return work
