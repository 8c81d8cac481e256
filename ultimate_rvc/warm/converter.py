"""`Converter`: the library's front door. It sings with one voice and stays warm between calls."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import Field, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ultimate_rvc import paths
from ultimate_rvc.audio.encode import format_of
from ultimate_rvc.audio.file import Audio, replacing, save
from ultimate_rvc.covers.checks import require_apart, require_file, require_writable
from ultimate_rvc.covers.conversion import OpenConverter
from ultimate_rvc.covers.cover import CoverRequest, CoverResult, make_cover
from ultimate_rvc.covers.names import safe_name
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import ConversionOptions, OptimizationConfig
from ultimate_rvc.presets import load_preset, preset_from_env
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ
from ultimate_rvc.voices import find_voice
from ultimate_rvc.warm.engine import Engine
from ultimate_rvc.warm.keywords import checked, filled, knobs_of, parts_of, require_known
from ultimate_rvc.warm.sources import Source, read

if TYPE_CHECKING:
    from ultimate_rvc.rvc.infer.infer import VoiceConverter

ENGINE_KNOBS = knobs_of(OptimizationConfig)
CONVERT_KNOBS = knobs_of(ConversionOptions)
COVER_KNOBS = knobs_of(CoverRequest)
ALL_KNOBS = {**CONVERT_KNOBS, **COVER_KNOBS, **ENGINE_KNOBS}
LONGEST_STEM_BYTES = 40


@dataclass(frozen=True)
class Conversion:
    """The converted voice (mono, at the voice's rate), the file it was saved to, and how it was made."""

    audio: Audio
    path: Path | None
    used: dict[str, str]
    costs: tuple[Any, ...] = ()


class Converter:
    """Converts tracks and makes covers with one voice; what a call has loaded, the next one finds.

        with Converter("NAME", n_semitones=-2) as converter:
            converter.convert("in.wav", "out.wav")
            converter.cover("song.mp3", "cover.mp3", index_rate=0.5)

    Options are those of the command line by their field names in `ultimate_rvc.options`: here they become defaults,
    in a call they count for that call. Precedence: call, constructor, RVC_* variable, preset, default. Calls from
    several threads are done one after the other.
    """

    def __init__(
        self,
        voice: str,
        *,
        device: str | None = None,
        precision: str | None = None,
        preset: str | None = None,
        engine: Engine | None = None,
        on_progress: OnProgress = silent,
        **options: Any,
    ):
        """Looks the voice up and opens the device; weights are loaded when a call wants them.

        `preset` names a file of defaults, else URVC_CONFIG does. `engine` is another Converter's, to share its preset
        and what it has loaded. Raises OptionError, VoiceNotFound or DeviceError.
        """
        named = {"device": device, "precision": precision}
        given = checked({**options, **{name: value for name, value in named.items() if value}}, ALL_KNOBS)
        asked = {name: value for name, value in given.items() if name in ENGINE_KNOBS}
        self.voice = find_voice(voice)
        self.engine = _shared(engine, asked, preset) if engine else _opened(asked, preset)
        self.on_progress = on_progress
        self._asked_voice = voice
        self._options = {name: value for name, value in given.items() if name not in ENGINE_KNOBS}
        self._defaults = {**self.engine.preset, **self._options}
        self._closed = False
        self.engine.join(self)

    def convert(self, source: Source, target: str | Path | None = None, **options: Any) -> Conversion:
        """The source sung by the voice, saved to the target if there is one (its suffix chooses the format).

        source: a path, an `Audio`, or (samples [N] or [C, N] as float of full scale ±1, rate in Hz); it is not
        changed. Options are those of pitch, encoder and voice. Raises errors of the UrvcError tree.
        """
        singing = filled(ConversionOptions, self._values(options, CONVERT_KNOBS))
        place = Path(target) if target is not None else None
        require_file(singing.pitch.f0_file)
        _check_target(place, [source])
        with self._stage("read"):
            audio = read(source, SAMPLE_RATE_HZ)
        with self.engine.lent(self.on_progress) as engine:
            with self._stage("load voice"):
                engine.load_voice(self.voice.checkpoint, self.voice.index)
            converted = engine.convert(audio, singing)
        if place:
            with self._stage("save"):
                save(converted.audio, place)
        return Conversion(converted.audio, place, converted.used, converted.costs)

    def cover(
        self,
        source: str | Path | None = None,
        target: str | Path | None = None,
        *,
        vocals: str | Path | None = None,
        instrumentals: str | Path | None = None,
        backup_vocals: str | Path | None = None,
        **options: Any,
    ) -> CoverResult:
        """A song cover: see `covers.cover.make_cover`. Without a target it goes to `paths.output_dir()`.

        With `vocals` the source only names the song. Options are those of the conversion, the effects and the mix;
        a target's suffix goes before output_format. Raises errors of the UrvcError tree.
        """
        place = Path(target) if target is not None else None
        _check_target(place, [source, vocals, instrumentals, backup_vocals])
        values = {**self._values(options, COVER_KNOBS), **_named_for(place)}
        request = CoverRequest(
            voice=self._asked_voice,
            source=None if source is None else str(source),
            vocals=Path(vocals) if vocals else None,
            instrumentals=Path(instrumentals) if instrumentals else None,
            backup_vocals=Path(backup_vocals) if backup_vocals else None,
            **parts_of(CoverRequest, values),
        )
        with self.engine.lent(self.on_progress) as engine, _moving_to(place, request) as moved:
            return moved(make_cover(request, _already_open(engine), self.on_progress))

    def use(self, voice: str, **options: Any) -> "Converter":
        """Another voice on the same engine: encoder, pitch weights and this voice stay loaded.

        It starts with this one's options, below the new ones. Close both; the last puts the weights away.
        """
        self._require_open()
        merged = {"on_progress": self.on_progress, **self._options, **options}
        return Converter(voice, engine=self.engine, **merged)

    def close(self) -> None:
        """Ends the use; when no other Converter shares the engine, weights and memory are given back."""
        self._closed = True
        self.engine.leave(self)

    def __enter__(self) -> "Converter":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.close()

    def _values(self, options: Mapping[str, Any], knobs: Mapping[str, Field]) -> dict[str, Any]:
        """A call's options over the defaults; of these, the ones that only mean another kind of call are left out."""
        self._require_open()
        require_known(options, ALL_KNOBS)
        for name in options:
            if name in ENGINE_KNOBS:
                raise OptionError(f"{name} is fixed once the engine is open; give it to Converter(…)")
            if name not in knobs:
                raise OptionError(f"{name} has no effect on a single track; it is an option of covers")
        defaults = {name: value for name, value in self._defaults.items() if name in knobs}
        return {**defaults, **checked(options, knobs)}

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self.on_progress(Progress(name, 0, 1))
        yield
        self.on_progress(Progress(name, 1, 1))

    def _require_open(self) -> None:
        if self._closed:
            raise OptionError("this Converter was closed; make a new one")


def _opened(asked: Mapping[str, Any], preset: str | None) -> Engine:
    return Engine(asked, load_preset(preset) if preset else preset_from_env())


def _shared(engine: Engine, asked: Mapping[str, Any], preset: str | None) -> Engine:
    """Another Converter's engine, which is what it is. Raises OptionError for options that would change it."""
    for name in [*asked, *(["preset"] if preset else [])]:
        raise OptionError(f"{name} is fixed once the engine is open; leave it out, or open a Converter of its own")
    return engine


def _check_target(target: Path | None, inputs: Iterable[Any]) -> None:
    """Raises OptionError or OutputError when the target cannot be written, or is one of the inputs."""
    if target is None:
        return
    format_of(target)
    require_apart([target], [Path(source) for source in inputs if isinstance(source, str | Path)])
    require_writable(target.parent)


def _named_for(target: Path | None) -> dict[str, Any]:
    """Where a cover is made that goes to a target: under a name that no other cover has."""
    if target is None:
        return {}
    stem = safe_name(target.stem, LONGEST_STEM_BYTES)
    return {"output_format": target.suffix.lower()[1:], "output_name": f"{stem} {uuid4().hex}"}


def _already_open(engine: "VoiceConverter") -> OpenConverter:
    """The engine in the place of one that would be opened."""

    def open_converter(on_progress: OnProgress) -> "VoiceConverter":
        engine.on_progress = on_progress
        return engine

    return open_converter


@contextmanager
def _moving_to(target: Path | None, request: CoverRequest) -> Iterator[Callable[[CoverResult], CoverResult]]:
    """Moves a cover to the target, if there is one; nothing stays behind, even if it is stopped at the end."""
    if target is None:
        yield lambda result: result
        return
    try:
        yield lambda result: _copied(result, target)
    finally:
        (paths.output_dir() / f"{request.mix.output_name}.{request.mix.output_format}").unlink(missing_ok=True)


def _copied(result: CoverResult, target: Path) -> CoverResult:
    with replacing(target) as temporary:
        shutil.copyfile(result.path, temporary)
    return replace(result, path=target)
