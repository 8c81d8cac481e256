"""`urvc train …`: from recordings to a voice. Names, defaults and ranges are those of Ultimate RVC 0.6."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ultimate_rvc.cli import logs
from ultimate_rvc.cli.knobs import Titled, knobs, record_of
from ultimate_rvc.cli.screen import Screen, duration, hand_over, keep_back, open_screen
from ultimate_rvc.cli.session import Session, debug_option, json_option, quiet_option
from ultimate_rvc.cli.shelves import show_json, show_table
from ultimate_rvc.cli.training import export, get_gpu_information, run_training
from ultimate_rvc.options_training import (
    DatasetOptions,
    FeatureOptions,
    HardwareOptions,
    IndexOptions,
    TrainingEmbedderOptions,
)

if TYPE_CHECKING:
    from ultimate_rvc.rvc.train.data.report import DatasetReport
    from ultimate_rvc.rvc.train.features.extraction import Extracted

FILE = click.Path(path_type=Path)


@click.group()
def train() -> None:
    """Train voices: slices of recordings, their features, the training itself, and the index."""


for command in (run_training, export, get_gpu_information):
    train.add_command(command)


@train.command("populate-dataset", no_args_is_help=True)
@click.argument("name")
@click.argument("audio_files", nargs=-1, required=True, type=FILE)
@debug_option
@quiet_option
@click.pass_context
def populate_dataset(ctx: click.Context, name: str, audio_files: Sequence[Path]) -> None:
    """Copy AUDIO_FILES into the dataset NAME."""
    from ultimate_rvc.rvc.train.data.populate import populate_dataset

    with _watched(ctx) as step:
        folder = populate_dataset(name, audio_files)
        step.say(f"copied {len(audio_files)} {_plural('file', len(audio_files))}")
    hand_over(folder)


@train.command("preprocess-dataset", cls=Titled, no_args_is_help=True)
@click.argument("model_name")
@click.argument("dataset", type=FILE)
@debug_option
@quiet_option
@json_option
@knobs(DatasetOptions)
@click.pass_context
def preprocess_dataset(ctx: click.Context, model_name: str, dataset: Path, **values: Any) -> None:
    """Cut the recordings in DATASET into slices for the voice MODEL_NAME.

    DATASET is a folder, or a name that populate-dataset was given. Recordings of other speakers lie in folders below
    it, named by the speakers' numbers. What cannot be used is told and left out.
    """
    from ultimate_rvc.rvc.train.data.populate import found_dataset
    from ultimate_rvc.rvc.train.data.preprocess import preprocess_dataset
    from ultimate_rvc.rvc.train.experiment import Experiment

    options, experiment = record_of(DatasetOptions, values), Experiment.named(model_name)
    with _watched(ctx) as step:
        report = preprocess_dataset(experiment, found_dataset(dataset), options, step.screen.on_progress)
        _tell_report(step, report)
    show_json(report) if step.json else hand_over(experiment.folder)


@train.command("extract-features", cls=Titled, no_args_is_help=True)
@click.argument("model_name")
@debug_option
@quiet_option
@knobs(FeatureOptions, TrainingEmbedderOptions, HardwareOptions)
@click.pass_context
def extract_features(ctx: click.Context, model_name: str, **values: Any) -> None:
    """Measure pitch and content of the slices of MODEL_NAME."""
    with _watched(ctx) as step:
        extracted = _extract(model_name, values, step.screen)
        step.say(f"{extracted.slices} slices for a {extracted.version} voice of {extracted.speakers} "
                 f"{_plural('speaker', extracted.speakers)}")  # fmt: skip
        if extracted.left_out:
            step.say(f"left out: {', '.join(extracted.left_out)}")
    hand_over(extracted.experiment.folder)


def _extract(model_name: str, values: dict[str, Any], screen: Screen) -> "Extracted":
    from ultimate_rvc.rvc.train.experiment import Experiment
    from ultimate_rvc.rvc.train.features.content import find_encoder
    from ultimate_rvc.rvc.train.features.extraction import extract_features
    from ultimate_rvc.rvc.train.hardware import chosen_devices

    on = chosen_devices(record_of(HardwareOptions, values))
    encoder = find_encoder(record_of(TrainingEmbedderOptions, values), screen.on_progress)
    options = record_of(FeatureOptions, values)
    return extract_features(Experiment.named(model_name), encoder, options, on, screen.on_progress)


@train.command("build-index", cls=Titled, no_args_is_help=True)
@click.argument("model_name")
@debug_option
@quiet_option
@knobs(IndexOptions)
@click.pass_context
def build_index(ctx: click.Context, model_name: str, **values: Any) -> None:
    """Make the index of MODEL_NAME from its features."""
    from ultimate_rvc.rvc.train.experiment import Experiment
    from ultimate_rvc.rvc.train.index import build_index

    with _watched(ctx) as step:
        path = build_index(Experiment.named(model_name), record_of(IndexOptions, values), step.screen.on_progress)
    hand_over(path)


class Step:
    """A running command: where it draws, and what it says when it is done."""

    def __init__(self, session: Session, screen: Screen) -> None:
        self.quiet, self.json, self.screen = session.quiet, session.json, screen
        self.said: list[str] = []

    def say(self, line: str) -> None:
        """For people, under the stages."""
        self.said.append(line)


@contextmanager
def _watched(ctx: click.Context) -> Iterator[Step]:
    """With logging and a screen; what the step has to say comes behind them."""
    session, started = ctx.ensure_object(Session), time.perf_counter()
    with logs.attached():
        with open_screen(session.quiet, keep_back) as screen:
            step = Step(session, screen)
            yield step
        for line in () if step.quiet else [*step.said, f"elapsed: {duration(time.perf_counter() - started)}"]:
            click.echo(line, err=True)


def _tell_report(step: Step, report: "DatasetReport") -> None:
    slices, seconds = sum(len(file.slices) for file in report.files), sum(file.sliced_s for file in report.files)
    step.say(f"used: {len(report.used)} of {len(report.files)} {_plural('file', len(report.files))}, {slices} slices "
             f"of {duration(seconds)} in all")  # fmt: skip
    rows = [
        ("used" if file.is_used else "left out", file.path, each.kind, each.text) for file, each in report.problems()
    ]
    if rows and not step.quiet:
        show_table(("", "file", "problem", "what it is"), rows, err=True)


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
