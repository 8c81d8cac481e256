"""What all commands share: --quiet, --debug and --config, and how a command is run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from ultimate_rvc.cli import logs
from ultimate_rvc.cli.screen import Report, open_screen
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
    session = ctx.ensure_object(Session)
    started = time.perf_counter()
    with logs.attached():
        with open_screen(session.quiet) as screen:
            result = work(converter_for(ctx), screen.on_progress)
        intermediates = getattr(result, "intermediates", {})
        seconds = time.perf_counter() - started
        screen.report(Report(title, result.path, intermediates, result.used, result.costs, seconds))


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
