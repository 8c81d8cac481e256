"""A song on the way to its cover, one stage at a time. Each can be asked for alone and gives a file.

A stage's recipe holds the hashes of what it takes and the slice of options that it depends on, and nothing else; a
result that is kept under that recipe is not made again. Between stages a song lies on the disk, not in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ultimate_rvc.audio.effects import pitch_shift, postprocess
from ultimate_rvc.audio.file import SILENCE_DB, Audio, check_convertible, load
from ultimate_rvc.audio.mix import Stem, save_mix
from ultimate_rvc.audio.sound import amplitude
from ultimate_rvc.covers.cache.contents import Track, write_exactly
from ultimate_rvc.covers.cache.tasks import Facts, Task
from ultimate_rvc.covers.desk import Desk
from ultimate_rvc.covers.names import cover_name
from ultimate_rvc.covers.stems import SeparationStep, StemName
from ultimate_rvc.options import ConversionOptions, EffectOptions, MixOptions
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ
from ultimate_rvc.voices import VoiceFiles

WHOLE, VOCALS, BACKUP, INSTRUMENTALS = "song", "vocals", "backup vocals", "instrumentals"
RESULT = "result"
CONVERTED = "Converted"
ONE_FILE = {RESULT: f"{RESULT}.wav"}


def read(desk: Desk, path: Path, part: str) -> tuple[Track, Facts]:
    """The file, once it has been heard from beginning to end, and its duration_s.

    Raises AudioError for what cannot be used; vocals, or a song that has some, may be neither silent nor too short.
    """
    track, is_sung = desk.cache.fingerprints.track(path), part in (WHOLE, VOCALS)

    def work(_: Path) -> Facts:
        with desk.studio.stage(f"read {part}"):
            audio = load(path)
            if is_sung:
                check_convertible(audio, str(path))
        return {"duration_s": audio.duration_s}

    recipe = {"audio": track.sha256, "sung": is_sung}
    return track, desk.do(Task(f"read {part}", desk.song, recipe, {}, work)).facts


def hears_nothing(desk: Desk, track: Track) -> bool:
    """Whether the track is silent from beginning to end."""
    recipe = {"audio": track.sha256}
    work = lambda _: {"silent": is_silent(load(track.path))}  # noqa: E731
    return desk.do(Task("listen", desk.song, recipe, {}, work)).facts["silent"]


def separation_stage(step: SeparationStep) -> str:
    """What people read while it runs."""
    return f"separate {step.takes.lower()}"


def separation_task(desk: Desk, step: SeparationStep, track: Track) -> Task:
    """What `separate` does."""
    separator = step.separator

    def work(folder: Path) -> Facts:
        stems = separator.separate(load(track.path), desk.studio.on_progress)
        for name in separator.gives:
            write_exactly(stems.pop(name), folder / f"{name}.wav")
        return {"used": {f"{step.takes.lower()} taken apart by": separator.name}}

    recipe = {"audio": track.sha256, "separator": desk.fingerprint(separator)}
    gives = {str(name): f"{name}.wav" for name in separator.gives}
    return Task(separation_stage(step), desk.song, recipe, gives, work, separator.name)


def separate(desk: Desk, step: SeparationStep, track: Track) -> dict[StemName, Track]:
    """The stems that the step gives."""
    stems = desk.do(separation_task(desk, step, track)).files
    return {StemName(name): desk.name(name, stem, f"{name}.wav") for name, stem in stems.items()}


def sung_with(desk: Desk, voice: VoiceFiles, singing: ConversionOptions) -> dict[str, Any]:
    """What a conversion depends on besides its audio: options, engine settings, and all weights by their bytes."""
    found, hashes = desk.studio.converter.ingredients(voice.checkpoint, singing), desk.cache.fingerprints
    index = voice.index if singing.voice.index_rate > 0 else None
    curve = singing.pitch.f0_file
    return {
        "singing": replace(singing, pitch=replace(singing.pitch, f0_file=None)),
        "settings": found.settings,
        "voice": hashes.of(voice.checkpoint),
        "index": hashes.of(index) if index else None,
        "curve": hashes.of(curve) if curve else None,
        "weights": [hashes.of(path) for path in found.weights],
    }


def convert(desk: Desk, track: Track, voice: VoiceFiles, singing: ConversionOptions, part: str = VOCALS) -> Track:
    """The track, sung by the voice: mono, at the voice's rate."""

    def work(folder: Path) -> Facts:
        audio = load(track.path, mono_rate=SAMPLE_RATE_HZ)
        check_convertible(audio, str(track.path))
        converted = desk.studio.convert(audio, voice, singing)
        desk.costs += converted.costs
        return _written(converted.audio, folder) | {"used": converted.used if part == VOCALS else {part: voice.name}}

    recipe = {"audio": track.sha256, **sung_with(desk, voice, singing)}
    label = f"{CONVERTED} {part}"
    task = Task(f"convert {part}", desk.song, recipe, ONE_FILE, work, cover_name(label, voice.name))
    return _one(desk, task, label)


def add_effects(desk: Desk, track: Track, effects: EffectOptions, voice: VoiceFiles) -> Track:
    """The converted track with its effects."""

    def work(folder: Path) -> Facts:
        with desk.studio.stage("effects"):
            return _written(postprocess(load(track.path), effects), folder)

    recipe = {"audio": track.sha256, "effects": effects}
    label = f"Effected {VOCALS}"
    return _one(desk, Task("effects", desk.song, recipe, ONE_FILE, work, cover_name(label, voice.name)), label)


def shift(desk: Desk, track: Track, semitones: int, part: str) -> Track:
    """The track in the cover's key: shifted by semitones, never by octaves; itself for none."""
    if not semitones:
        return track

    def work(folder: Path) -> Facts:
        with desk.studio.stage(f"shift {part}"):
            return _written(pitch_shift(load(track.path), semitones), folder)

    recipe = {"audio": track.sha256, "semitones": semitones}
    task = Task(f"shift {part}", desk.song, recipe, ONE_FILE, work, f"Shifted {part} ({semitones:+d})")
    return _one(desk, task, f"Shifted {part}")


def mix_down(
    desk: Desk, stems: Sequence[tuple[Track, float]], target: Path, *, options: MixOptions, about: Mapping[str, str]
) -> Path:
    """The tracks at their gains in dB, mixed and saved; `about` is what the file says of itself."""
    with desk.running("mix and save"):
        return save_mix([Stem(load(track.path), gain) for track, gain in stems], target, options, about)


def is_silent(audio: Audio) -> bool:
    """Whether nothing in it could be called a voice."""
    return audio.peak < amplitude(SILENCE_DB)


def _written(audio: Audio, folder: Path) -> Facts:
    write_exactly(audio, folder / ONE_FILE[RESULT])
    return {}


def _one(desk: Desk, task: Task, label: str) -> Track:
    """The only file that the task gives, named after the task's label."""
    return desk.name(label, desk.do(task).files[RESULT], f"{task.label}.wav")
