"""`urvc train run-training`, `export` and `get-gpu-information`: from an experiment's features to a voice.

Names, defaults and ranges are those of Ultimate RVC 0.6; `export` is our own.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ultimate_rvc.cli import logs
from ultimate_rvc.cli.knobs import Titled, knobs, record_of
from ultimate_rvc.cli.screen import Report
from ultimate_rvc.cli.session import Session, debug_option, record, screen_for, session_options
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options_training import VOCODERS, HardwareOptions, IndexOptions, TrainingOptions
from ultimate_rvc.progress import OnProgress

# What a command made: the file, and what is told of it.
Made = tuple[Path, dict[str, str]]


@click.command("run-training", cls=Titled, no_args_is_help=True)
@click.argument("model_name")
@session_options
@knobs(TrainingOptions, IndexOptions, HardwareOptions)
@click.pass_context
def run_training(ctx: click.Context, model_name: str, **values: Any) -> None:
    """Train the voice MODEL_NAME on its features; run it again to go on where it was stopped.

    Ctrl-C stops it after the step that is being made, and saves.
    """
    options, index, hardware = (record_of(each, values) for each in (TrainingOptions, IndexOptions, HardwareOptions))
    _report(ctx, lambda on_progress: _trained(model_name, options, index, hardware, on_progress), "Voice")


def _trained(
    name: str, options: TrainingOptions, index: IndexOptions, hardware: HardwareOptions, on_progress: OnProgress
) -> Made:
    from ultimate_rvc.rvc.train.experiment import Experiment
    from ultimate_rvc.rvc.train.hardware import training_device
    from ultimate_rvc.voices.training import train_voice

    device = training_device(hardware)
    trained, built, upload = train_voice(Experiment.named(name), options, index, device, on_progress)
    told = f"{trained.epochs} epochs, {trained.steps} steps"
    if trained.interrupted:
        return trained.path, {"training": f"interrupted after {told}; run the same command to go on"}
    used = {"training": f"{'overtrained' if trained.overtrained else 'complete'} after {told}", "index": str(built)}
    return trained.path, used | ({"sing with": f"--model {upload}"} if upload else {})


@click.command("export", cls=Titled, no_args_is_help=True)
@click.argument("model_name")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="A G_*.pth; left out, the last one.")
@click.option("--output", type=click.Path(path_type=Path), help="Where to; left out, NAME.pth among the checkpoints.")
@click.option("--vocoder", type=click.Choice(VOCODERS, case_sensitive=False), help="Left out, what the names say.")
@session_options
@click.pass_context
def export(ctx: click.Context, model_name: str, **values: Any) -> None:
    """Make a voice of a checkpoint of the training MODEL_NAME."""

    def work(_: OnProgress) -> Made:
        from ultimate_rvc.rvc.train.checkpoints import pairs
        from ultimate_rvc.rvc.train.experiment import Experiment
        from ultimate_rvc.rvc.train.export import export_checkpoint

        experiment = Experiment.named(model_name)
        found = values["checkpoint"] or next((pair.generator for pair in reversed(pairs(experiment))), None)
        if found is None:
            raise OptionError(
                f"{experiment.folder} holds no checkpoint; train first: urvc train run-training {model_name}"
            )
        target = values["output"] or experiment.folder / f"{experiment.name}.pth"
        return export_checkpoint(found, target, experiment, values["vocoder"]), {"checkpoint": str(found)}

    _report(ctx, work, "Voice")


@click.command("get-gpu-information")
@debug_option
def get_gpu_information() -> None:
    """List the GPUs that a voice can be trained on, with the number that --gpu-id takes."""
    from ultimate_rvc import device

    gpus = [device.choose(name) for name in device.available() if name.startswith(("cuda", "mps"))]
    for number, gpu in enumerate(gpus):
        click.echo(f"{number}\t{gpu.description}\t{gpu.memory_bytes / 1024**3:.0f} GB")
    if not gpus:
        click.echo("no GPU here; training runs on the CPU", err=True)


def _report(ctx: click.Context, work: Callable[[OnProgress], Made], title: str) -> None:
    """Does the work with logging and a screen, and reports what it made."""
    started = time.perf_counter()
    with logs.attached() as warned:
        with screen_for(ctx) as screen:
            path, used = work(screen.on_progress)
        report = Report(title, path, {}, used, (), time.perf_counter() - started, warnings=list(warned))
        screen.report(report)
        if ctx.ensure_object(Session).json:
            click.echo(json.dumps(record(report), indent=1))
