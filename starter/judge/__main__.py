"""Judges a voice on real recordings.

    python -m starter.judge OUT --model NAME --audio FOLDER --target FOLDER [--shift octave] [urvc's own options …]

OUT gets report.md, report.json, a picture of each clip and, with --sounds, every take as a file.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from starter.judge import picture
from starter.judge.clips import HELD_OUT, Clip, read_clips, read_folder
from starter.judge.judge import Finding, Judge, tracker_error
from starter.judge.melody import median_hz, nearest_octave, track
from starter.judge.report import TARGET, Report, write
from starter.judge.speaker import Ear, mean_voice
from starter.judge.takes import CONDITIONS, CONVERTED, SHUFFLED, SOURCE, Stage, Take, save_takes
from ultimate_rvc.cli.knobs import Titled, knobs, record_of
from ultimate_rvc.errors import UrvcError
from ultimate_rvc.options import ConversionOptions, EmbedderOptions, PitchOptions, VoiceOptions
from ultimate_rvc.voices.library import VoiceFiles, find_voice

DRAWN = (SOURCE, CONVERTED, SHUFFLED)
OCTAVE = "octave"


@dataclass(frozen=True)
class Court:
    """What one run judges with. `target_hz` is the middle of the target's melody."""

    stage: Stage
    judge: Judge
    conditions: tuple[str, ...]
    target_hz: float
    moves_octaves: bool
    out: Path
    keeps_sounds: bool

    def hear(self, clip: Clip) -> tuple[list[Finding], Path]:
        """Judges one clip; draws it."""
        f0 = track(clip.sound.wav_16k)
        source = self.judge.hear(clip, f0)
        takes = list(self.stage.takes(clip, self.conditions, self._semitones(clip, median_hz(f0))))
        if self.keeps_sounds:
            save_takes(self.out / "sounds", clip, takes)
        return [self.judge.judge(take, source) for take in takes], self._draw(clip, takes)

    def _semitones(self, clip: Clip, own_hz: float) -> int:
        if clip.kind == TARGET:
            return 0
        octaves = nearest_octave(own_hz, self.target_hz) if self.moves_octaves else 0
        return self.stage.options.pitch.semitones + octaves

    def _draw(self, clip: Clip, takes: Sequence[Take]) -> Path:
        shown = {take.condition: take.sound.wav_16k for take in takes if take.condition in DRAWN}
        return picture.draw(self.out / f"{clip.name}.png", clip.name, shown)


@click.command(cls=Titled, help=__doc__.replace("\n\n    ", "\n\n\b\n    "))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="A voice's name, folder or checkpoint.")
@click.option("--audio", required=True, type=click.Path(path_type=Path), help="Where the manifest's files lie.")
@click.option("--target", required=True, type=click.Path(path_type=Path), help="Held-out recordings of the target.")
@click.option("--clips", default=HELD_OUT, type=click.Path(path_type=Path), help="The manifest, instead of ours.")
@click.option("--only", multiple=True, help="A clip by name; repeat it for several.")
@click.option("--conditions", default=",".join(CONDITIONS), show_default=True, help="The takes that are made.")
@click.option("--target-voices", default=20, show_default=True, help="Recordings that tell the target's voice.")
@click.option("--target-clips", default=2, show_default=True, help="Recordings of the target that are judged too.")
@click.option("--shift", type=click.Choice(["given", OCTAVE]), default="given", show_default=True,
              help="'octave' also moves each clip by octaves to where the target sings.")  # fmt: skip
@click.option("--sounds", is_flag=True, help="Keep every take as a file.")
@knobs(PitchOptions, EmbedderOptions, VoiceOptions)
def main(out: Path, model: str, audio: Path, target: Path, **given: Any) -> None:
    """The command line."""
    try:
        _run(out, find_voice(model), read_clips(given["clips"], audio, given["only"]), target, given)
    except UrvcError as error:
        sys.exit(f"error: {error}")


def _run(out: Path, voice: VoiceFiles, clips: list[Clip], target: Path, given: dict[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    options = ConversionOptions(*(record_of(kind, given) for kind in (PitchOptions, EmbedderOptions, VoiceOptions)))
    examples = read_folder(target, max(given["target_voices"], given["target_clips"]))
    court = _court(out, Stage(voice, options), examples[: given["target_voices"]], given)
    settings = {"voice": voice.name, **court.stage.used(clips[0]), "target": f"{len(examples)} recordings"}
    findings, pictures = _hear_all(court, [*clips, *examples[: given["target_clips"]]])
    report = Report(settings, findings, tracker_error(clips), {name: path.name for name, path in pictures.items()})
    for path in write(report, out):
        print(path)


def _court(out: Path, stage: Stage, examples: Sequence[Clip], given: dict[str, Any]) -> Court:
    ear = Ear()
    voice = mean_voice([ear.voice(example.sound.wav_16k) for example in examples])
    moves = given["shift"] == OCTAVE
    target_hz = median_hz(_joined(examples)) if moves else float("nan")
    conditions = tuple(given["conditions"].split(","))
    return Court(stage, Judge(ear, voice), conditions, target_hz, moves, out, given["sounds"])


def _joined(examples: Iterable[Clip]) -> Any:
    import numpy as np

    return np.concatenate([track(example.sound.wav_16k) for example in examples])


def _hear_all(court: Court, clips: Sequence[Clip]) -> tuple[list[Finding], dict[str, Path]]:
    findings, pictures = [], {}
    for done, clip in enumerate(clips, 1):
        found, pictures[clip.name] = court.hear(clip)
        findings += found
        print(f"{done}/{len(clips)} {clip.name}", flush=True)
    return findings, pictures


if __name__ == "__main__":
    main()
