"""What all commands share: --quiet, --debug and --config, and how a command is run."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from ultimate_rvc.cli import logs
from ultimate_rvc.cli.screen import Report, Screen, hand_over, keep_back, open_screen
from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.progress import OnProgress

if TYPE_CHECKING:
    from ultimate_rvc.covers.conversion import OpenConverter

T = TypeVar("T")


@dataclass
class Session:
    """What the options that every command has say; filled while the command line is parsed."""

    debug: bool = False
    quiet: bool = False
    json: bool = False
    preset: Mapping[str, Any] = field(default_factory=dict)


def _note(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    # Only ever switched on: the flag may stand before or after the command's name.
    if value:
        setattr(ctx.ensure_object(Session), param.name, True)


def _apply_preset(ctx: click.Context, _: click.Parameter, name: str | None) -> None:
    """Makes the preset's values the defaults of this command, below its arguments."""
    from ultimate_rvc.presets import load_preset, preset_from_env

    preset = load_preset(name) if name else preset_from_env()
    ctx.ensure_object(Session).preset = preset
    ctx.default_map = dict(preset)


debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_note, help="Show where an error came from."
)
quiet_option = click.option(
    "--quiet", "-q", is_flag=True, expose_value=False, callback=_note, help="Show nothing but the result's path."
)
json_option = click.option(
    "--json", is_flag=True, expose_value=False, callback=_note, help="Print a record of the result, or of the error."
)
config_option = click.option(
    "--config",
    metavar="NAME",
    is_eager=True,
    expose_value=False,
    callback=_apply_preset,
    help="A preset: defaults for the options below.  [env: URVC_CONFIG]",
)


def session_options(command: T) -> T:
    """Gives a command --config, --quiet and --debug."""
    for option in (debug_option, quiet_option, config_option):
        command = option(command)
    return command


def run(ctx: click.Context, work: Callable[["OpenConverter", OnProgress], Any], title: str) -> None:
    """Does the work with logging and a screen, and reports what it made."""
    started = time.perf_counter()
    with logs.attached() as warned:
        with screen_for(ctx) as screen:
            result = work(converter_for(ctx), screen.on_progress)
        report = report_of(title, result, time.perf_counter() - started, warned)
        screen.report(report)
        if ctx.ensure_object(Session).json:
            click.echo(json.dumps(record(report), indent=1))


def screen_for(ctx: click.Context) -> Screen:
    """The screen that the command's switches ask for."""
    session = ctx.ensure_object(Session)
    return open_screen(session.quiet, keep_back if session.json else hand_over)


def report_of(title: str, result: Any, seconds: float, warnings: Sequence[str]) -> Report:
    """What is told of a result; tracks have less to tell than covers."""
    files, stages = getattr(result, "intermediates", {}), getattr(result, "stages", ())
    return Report(title, result.path, files, result.used, result.costs, seconds, stages, list(warnings))


def record(report: Report) -> dict[str, Any]:
    """The report for scripts."""
    stages = [{"stage": run.stage, "seconds": round(run.seconds, 3), "cached": run.cached} for run in report.stages]
    return {
        "path": str(report.path),
        "intermediates": {name: str(path) for name, path in report.intermediates.items()},
        "used": report.used,
        "stages": stages,
        "warnings": list(report.warnings),
        "seconds": round(report.seconds, 3),
    }


def converter_for(ctx: click.Context) -> "OpenConverter":
    """Opens the engine with the options in force: argument, RVC_* variable, preset, the device's default."""
    arguments, preset = engine_arguments(ctx), ctx.ensure_object(Session).preset

    def open_converter(on_progress: OnProgress) -> Any:
        from ultimate_rvc.rvc.infer.infer import VoiceConverter
        from ultimate_rvc.rvc.infer.optimization import resolve

        return VoiceConverter(resolve(arguments, preset), on_progress)

    return open_converter


def engine_arguments(ctx: click.Context) -> dict[str, Any]:
    """The engine's options that stood on the command line."""
    names = [spec.name for spec in fields(OptimizationConfig)]
    # The rest of them may hold the preset's values, which RVC_* variables go before.
    return {name: ctx.params[name] for name in names if was_given(ctx, name)}


def was_given(ctx: click.Context, name: str) -> bool:
    """Whether the option stood on the command line."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
