"""The desk: takes what a client sends, checks all of it, and makes an order that the worker can do."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

from ultimate_rvc import paths
from ultimate_rvc.audio.file import check_convertible, load
from ultimate_rvc.covers.cache import upkeep
from ultimate_rvc.covers.names import cover_name, safe_name
from ultimate_rvc.errors import InputError, OptionError, OutputError
from ultimate_rvc.options import ServerOptions
from ultimate_rvc.progress import OnProgress
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ
from ultimate_rvc.serve.fields import KNOBS, SOUNDS, options_of
from ultimate_rvc.serve.forms import Form, Upload
from ultimate_rvc.serve.job import Made, Order, Place
from ultimate_rvc.serve.places import inside, listed_voice, suffix_of, title_of, without_places
from ultimate_rvc.voices import list_voices
from ultimate_rvc.warm.converter import Converter
from ultimate_rvc.warm.engine import Engine

# A track that is only converted loses nothing on its way to the client.
CONVERT_FORMAT = "wav"
Work: TypeAlias = Callable[[OnProgress], Made]
KEY_CHARACTERS = 16


@dataclass(frozen=True)
class VoiceView:
    """A voice as its files show it, or why it cannot be used."""

    name: str
    checkpoint_bytes: int | None = None
    index_bytes: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Sound:
    """A file that is to be sung or mixed; `unique` when its name is this job's alone."""

    path: Path
    title: str
    unique: bool


def voices() -> list[VoiceView]:
    """Every voice of the library."""
    return [_voice_view(name) for name in list_voices()]


def _voice_view(name: str) -> VoiceView:
    try:
        files = listed_voice(name)
    except InputError as error:  # several checkpoints, or removed a moment ago
        return VoiceView(name, problem=without_places(str(error), Path.cwd()))
    index_bytes = files.index.stat().st_size if files.index else None
    return VoiceView(files.name, files.checkpoint.stat().st_size, index_bytes)


class Desk:
    """Makes orders; every recording is decoded once before it is accepted, one at a time, so that memory is bounded."""

    def __init__(self, engine: Engine, limits: ServerOptions):
        self.engine, self.limits = engine, limits
        engine.join(self)  # it stays open between jobs
        self._decoding = Lock()

    def order(self, kind: str, form: Form, place: Place) -> Order:
        """The order of a 'convert' or a 'cover'. Raises UrvcErrors for everything that can be known now."""
        voice = listed_voice(_text(form, "voice") or "").name
        options = options_of(kind, form)
        sounds = self._sounds(kind, form, place)
        if not sounds.keys() & {"source", "vocals"}:
            raise OptionError("there is nothing to sing; send a file as 'source', or name one in the audio folder")
        title = (sounds.get("source") or sounds["vocals"]).title
        suffix = options.pop("output_format", None) or _default_format(kind)
        named = options.pop("output_name", None)
        name = f"{safe_name(named) if named else cover_name(title, voice)}.{suffix}"
        target = place.folder / f"result.{suffix}"
        work = {"convert": self._convert, "cover": self._cover}[kind](voice, sounds, target, options)
        return Order(kind, voice, title, name, work, lambda: _forget_songs(sounds))

    def _convert(self, voice: str, sounds: dict[str, Sound], target: Path, options: dict[str, Any]) -> Work:
        def work(on_progress: OnProgress) -> Made:
            with self._converter(voice, on_progress) as converter:
                done = converter.convert(sounds["source"].path, target, **options)
                return Made(target, done.used)

        return work

    def _cover(self, voice: str, sounds: dict[str, Sound], target: Path, options: dict[str, Any]) -> Work:
        def work(on_progress: OnProgress) -> Made:
            files = {name: sound.path for name, sound in sounds.items()}
            with self._converter(voice, on_progress) as converter:
                done = converter.cover(target=target, **files, **options)
                return Made(target, done.used)

        return work

    def _converter(self, voice: str, on_progress: OnProgress) -> Converter:
        return Converter(voice, engine=self.engine, on_progress=on_progress)

    def _sounds(self, kind: str, form: Form, place: Place) -> dict[str, Sound]:
        """The files to work on, each decoded once."""
        sounds = {}
        for name in SOUNDS[kind]:
            if upload := form.files.get(name):
                sounds[name] = _sent(upload, place)
            elif asked := _text(form, name):
                path = inside(paths.audio_dir(), asked)
                sounds[name] = Sound(path, title_of(path.name), unique=False)
        for name, sound in sounds.items():
            self._check(sound.path, sung=name != "instrumentals")
        return sounds

    def _check(self, path: Path, *, sung: bool) -> None:
        with self._decoding:
            audio = load(path, mono_rate=SAMPLE_RATE_HZ, longest_s=60 * self.limits.longest_minutes)
            if sung:
                check_convertible(audio, path.name)


def _sent(upload: Upload, place: Place) -> Sound:
    """An upload under a name of its own: covers put what lies between below a folder of the song's name."""
    title = title_of(upload.filename)
    path = upload.path.with_name(f"{title} {place.id[:KEY_CHARACTERS]}{suffix_of(upload.filename)}")
    try:
        return Sound(upload.path.rename(path), title, unique=True)
    except OSError as error:
        raise OutputError(f"the upload cannot be kept ({error.strerror}); the server's disk may be full") from error


def _forget_songs(sounds: dict[str, Sound]) -> None:
    """Removes what lies between an uploaded song and its cover, in the cache too: uploads are nobody else's."""
    sent = {sound.path.stem for sound in sounds.values() if sound.unique}
    upkeep.clear(kept for kept in upkeep.entries(paths.cache_dir()) if kept.songs and sent.issuperset(kept.songs))
    for song in sent:
        shutil.rmtree(paths.intermediate_dir() / safe_name(song), ignore_errors=True)


def _default_format(kind: str) -> str:
    return CONVERT_FORMAT if kind == "convert" else KNOBS[kind]["output_format"].default


def _text(form: Form, name: str) -> str | None:
    """A field that holds one text; None where it was not filled in. Raises OptionError for anything else."""
    value = form.fields.get(name)
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    if value is not None and not isinstance(value, str):
        raise OptionError(f"{name} is {value!r:.60}; it must be one text")
    return value or None
