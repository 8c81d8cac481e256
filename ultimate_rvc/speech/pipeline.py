"""From a text to a file: spoken, converted, saved. Places and names of the results are those of Ultimate RVC 0.6."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import Any

from ultimate_rvc import paths
from ultimate_rvc.audio.effects import postprocess
from ultimate_rvc.audio.file import Audio, check_convertible, save
from ultimate_rvc.audio.metadata import describe
from ultimate_rvc.audio.mix import Stem, save_mix
from ultimate_rvc.covers.checks import require_file, require_writable
from ultimate_rvc.covers.conversion import OpenConverter, Studio
from ultimate_rvc.covers.names import safe_name
from ultimate_rvc.options import (
    ConversionOptions,
    EffectOptions,
    FileOptions,
    SpeakingOptions,
    SpeechMixOptions,
    changed,
)
from ultimate_rvc.progress import OnProgress, silent
from ultimate_rvc.speech.engines import Spoken, speak
from ultimate_rvc.speech.text import UNTITLED, Script, read_script
from ultimate_rvc.voices import VoiceFiles, find_voice

SPEECH, CONVERTED = "Speech", "Converted speech"
# Enough of a hash to tell apart what one person ever says.
KEY_CHARACTERS = 8
LONGEST_TITLE = 60


@dataclass(frozen=True)
class SpeechRequest:
    """What is said, by whom, and what becomes of it. `source` is a text or the path of a text file."""

    source: str
    voice: str
    speaking: SpeakingOptions = field(default_factory=SpeakingOptions)
    singing: ConversionOptions = field(default_factory=ConversionOptions)
    effects: EffectOptions = field(default_factory=EffectOptions)
    mix: SpeechMixOptions = field(default_factory=SpeechMixOptions)
    file: FileOptions = field(default_factory=FileOptions)


@dataclass(frozen=True)
class SpeechResult:
    """The file that was written, those before it, what was used, and what the stages cost if that was measured."""

    path: Path
    used: dict[str, str]
    intermediates: dict[str, Path] = field(default_factory=dict)
    costs: tuple[Any, ...] = ()


def say(source: str, speaking: SpeakingOptions, on_progress: OnProgress = silent) -> SpeechResult:
    """Speaks the text and writes a wav below `paths.speech_dir()`. Raises UrvcErrors."""
    script = read_script(source)
    require_writable(paths.speech_dir())
    spoken, path = _spoken(script, speaking, on_progress)
    return SpeechResult(path, _used(spoken))


def make_speech(
    request: SpeechRequest, open_converter: OpenConverter, on_progress: OnProgress = silent
) -> SpeechResult:
    """Speaks the text, converts it and writes '<text file> (Spoken by <voice>)' below `paths.output_dir()`.

    Whatever can be known to fail does so before anything is spoken. Raises UrvcErrors.
    """
    studio = Studio(open_converter, on_progress)
    voice, script = find_voice(request.voice), read_script(request.source)
    require_file(request.singing.pitch.f0_file)
    target = _target(request.file, script, voice)
    for folder in (paths.speech_dir(), target.parent):
        require_writable(folder)
    spoken, spoken_path = _spoken(script, request.speaking, on_progress)
    check_convertible(spoken.audio, str(spoken_path))
    converted = studio.convert(spoken.audio, voice, request.singing)
    with studio.stage("save"):
        converted_path = save(converted.audio, _beside(spoken_path, voice))
        path = _finish(converted.audio, request, target, _about(request, script, voice, spoken))
    files = {SPEECH: spoken_path, CONVERTED: converted_path}
    return SpeechResult(path, {**_used(spoken), **converted.used}, files, converted.costs)


def _spoken(script: Script, speaking: SpeakingOptions, on_progress: OnProgress) -> tuple[Spoken, Path]:
    spoken = speak(script.text, speaking, on_progress)
    said_by = spoken.voice or spoken.engine
    key = hashlib.sha256(repr((script.text, spoken.engine, said_by, speaking)).encode()).hexdigest()[:KEY_CHARACTERS]
    path = paths.speech_dir() / f"{safe_name(f'{script.title[:60]} ({said_by}) {key}')}.wav"
    return spoken, save(spoken.audio, path)


def _beside(spoken: Path, voice: VoiceFiles) -> Path:
    return spoken.with_name(f"{safe_name(f'{spoken.stem[:110]} ({voice.name[:40]} Ver)')}.wav")


def _target(options: FileOptions, script: Script, voice: VoiceFiles) -> Path:
    suffix = f".{options.output_format}"
    name = options.output_name or f"{script.title} (Spoken by {voice.name})"
    return paths.output_dir() / f"{safe_name(name.removesuffix(suffix))}{suffix}"


def _finish(speech: Audio, request: SpeechRequest, target: Path, about: Mapping[str, str]) -> Path:
    """Effects if they are wanted, then gain, limiter, rate and file."""
    effected = postprocess(speech, request.effects) if request.mix.effects else speech
    return save_mix([Stem(effected, request.mix.output_gain)], target, request.file, about)


def _about(request: SpeechRequest, script: Script, voice: VoiceFiles, spoken: Spoken) -> dict[str, str]:
    singing, effects = request.singing, [request.effects] if request.mix.effects else []
    sung = (singing.pitch, singing.embedder, singing.voice)
    settings = changed(request.speaking, *sung, *effects, request.mix, request.file)
    title = shorten(script.text, LONGEST_TITLE, placeholder=" …") if script.title == UNTITLED else script.title
    return describe(title, voice.name, {"spoken by": spoken.engine, "speaker": spoken.voice, **settings})


def _used(spoken: Spoken) -> dict[str, str]:
    return {"spoken by": f"{spoken.engine}, {spoken.voice or 'its usual voice'}"}
