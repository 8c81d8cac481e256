"""Command-line options made from the option records, so that a knob is described in one place only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, fields
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

import click

from ultimate_rvc.options import (
    CoverOptions,
    EffectOptions,
    EmbedderOptions,
    FileOptions,
    MixOptions,
    OptimizationConfig,
    PitchOptions,
    SeparationOptions,
    ServerOptions,
    SpeakingOptions,
    SpeechMixOptions,
    SpeechPitchOptions,
    SpeechVoiceOptions,
    VoiceOptions,
)
from ultimate_rvc.options_training import (
    DatasetOptions,
    FeatureOptions,
    HardwareOptions,
    IndexOptions,
    TrainingEmbedderOptions,
    TrainingOptions,
)

TITLES = {
    PitchOptions: "Pitch",
    EmbedderOptions: "Content encoder",
    VoiceOptions: "Voice",
    SeparationOptions: "Vocals and instruments",
    EffectOptions: "Effects on the vocals",
    MixOptions: "Mix and file",
    CoverOptions: "Backup vocals and cache",
    SpeakingOptions: "Speaking",
    SpeechPitchOptions: "Pitch",
    SpeechVoiceOptions: "Voice",
    SpeechMixOptions: "Mix",
    FileOptions: "File",
    OptimizationConfig: "Device and speed",
    ServerOptions: "Server",
    DatasetOptions: "Slices",
    FeatureOptions: "Features",
    TrainingEmbedderOptions: "Content encoder",
    HardwareOptions: "Device",
    IndexOptions: "Index",
    TrainingOptions: "Training",
}
T = TypeVar("T")


class Knob(click.Option):
    """An option that knows under which title the help shows it."""

    def __init__(self, *declarations: Any, title: str, **settings: Any):
        super().__init__(*declarations, **settings)
        self.title = title


class Pick(click.Choice):
    """A choice in any case, among values that need not be text."""

    def __init__(self, values: Sequence[Any]):
        self.values = {str(value): value for value in values}
        super().__init__(list(self.values), case_sensitive=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return self.values[super().convert(str(value), param, ctx)]


class Titled(click.Command):
    """A command whose help groups knobs under their titles."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            row = param.get_help_record(ctx)
            if row:
                sections.setdefault(getattr(param, "title", "Options"), []).append(row)
        for title in sorted(sections, key="Options".__ne__):
            with formatter.section(title):
                formatter.write_dl(sections[title])


class TitledGroup(Titled, click.Group):
    """A group that is a command too, with the same help."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


def knobs(*records: type) -> Callable[[T], T]:
    """Gives a command every option of these records; its function gets them by their fields' names."""

    def decorate(command: T) -> T:
        every = [(record, spec) for record in records for spec in fields(record)]  # type: ignore[arg-type]
        # Click shows the decorator that was applied last first.
        for owner, spec in reversed(every):
            command = click.option(*_flags(spec), spec.name, cls=Knob, **_settings(owner, spec))(command)
        return command

    return decorate


def record_of(record: type[T], values: Mapping[str, Any]) -> T:
    """The record with its fields taken out of a command's values."""
    return record(**{spec.name: values[spec.name] for spec in fields(record)})  # type: ignore[arg-type]


def _flags(spec: Field) -> list[str]:
    flags = spec.metadata["flags"] or (f"--{spec.name.replace('_', '-')}",)
    return [f"{flag}/--no-{flag[2:]}" for flag in flags] if _kind(spec) is bool else list(flags)


def _settings(record: type, spec: Field) -> dict[str, Any]:
    about, variable = spec.metadata["help"], spec.metadata["env"]
    settings = {"title": TITLES[record], "type": _type(spec), "multiple": get_origin(spec.type) is tuple, "help": about}
    if record is OptimizationConfig:
        # No default here: the variable, the preset or the device decides where the command line says nothing.
        return {**settings, "default": None, "help": f"{about}  [env: {variable}]"}
    shown = {"show_default": _says_default(spec), "show_envvar": bool(variable)}
    return {**settings, **shown, "default": spec.default, "envvar": variable}


def _says_default(spec: Field) -> bool:
    """A switch is off unless it is named, which goes without saying."""
    return spec.default is not None and spec.default is not False


def _type(spec: Field) -> Any:
    kind, choices = _kind(spec), spec.metadata["choices"]
    if choices:
        return Pick(choices)
    low, high = spec.metadata["low"], spec.metadata["high"]
    ranges = {int: click.IntRange(low, high), float: click.FloatRange(low, high), Path: click.Path(path_type=Path)}
    return ranges.get(kind, kind)


def _kind(spec: Field) -> type:
    """The type of one value: of `int`, `Path | None` and `tuple[str, ...]` it is int, Path and str."""
    inner = [part for part in get_args(spec.type) if part not in (NoneType, ...)]
    return inner[0] if inner else spec.type  # type: ignore[return-value]
