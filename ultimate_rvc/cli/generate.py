"""`urvc generate …`: song covers and converted tracks. Names, defaults and ranges are those of Ultimate RVC 0.6."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ultimate_rvc.cli.folders import make_all
from ultimate_rvc.cli.knobs import Titled, TitledGroup, knobs, record_of
from ultimate_rvc.cli.session import json_option, run, session_options, was_given
from ultimate_rvc.options import (
    ConversionOptions,
    CoverOptions,
    EffectOptions,
    EmbedderOptions,
    MixOptions,
    OptimizationConfig,
    PitchOptions,
    SeparationOptions,
    VoiceOptions,
)
from ultimate_rvc.progress import OnProgress

if TYPE_CHECKING:
    from ultimate_rvc.covers.conversion import OpenConverter

SINGING = (PitchOptions, EmbedderOptions, VoiceOptions)
FILE = click.Path(path_type=Path)
T = TypeVar("T")


@click.group()
def generate() -> None:
    """Generate audio with a voice."""


def cover_options(command: T) -> T:
    """What both ways of asking for a cover take."""
    decorators = (
        click.option("--vocals", type=FILE, help="The vocals as a file; the source then only names the song."),
        click.option("--instrumentals", type=FILE, help="The music to mix the converted vocals with."),
        click.option("--backup-vocals", type=FILE, help="Backup vocals as a file, to be mixed in."),
        click.option(
            "--cookiefile",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="A file of cookies for songs from the web.",
        ),
        click.option("--plot", type=FILE, help="Draw source and cover, waves and melodies (needs matplotlib)."),
        json_option,
        session_options,
        knobs(*SINGING, SeparationOptions, EffectOptions, MixOptions, CoverOptions, OptimizationConfig),
    )
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


@generate.group("song-cover", cls=TitledGroup, invoke_without_command=True, no_args_is_help=True)
@click.option("--source", help="The song, or a folder of songs; taken as vocals unless --vocals is given.")
@click.option("--model", "--model-name", "model_name", help="The voice: its name, or the path of its folder or file.")
@cover_options
@click.pass_context
def song_cover(ctx: click.Context, source: str | None, model_name: str | None, **values: Any) -> int | None:
    """Sing a song, or every song of a folder, with another voice."""
    if ctx.invoked_subcommand:
        return _require_no_options(ctx)
    if model_name is None:
        raise click.UsageError("Missing option '--model'.", ctx)
    if source is None and values["vocals"] is None:
        raise click.UsageError("Missing option '--source' (or '--vocals' and '--instrumentals').", ctx)
    return _make_cover(ctx, source, model_name, values)


@song_cover.command("run-pipeline", cls=Titled, no_args_is_help=True)
@click.argument("source")
@click.argument("model_name")
@cover_options
@click.pass_context
def run_pipeline(ctx: click.Context, source: str, model_name: str, **values: Any) -> int | None:
    """Sing SOURCE, a song or a folder of songs, with the voice MODEL_NAME."""
    return _make_cover(ctx, source, model_name, values)


@generate.command("convert-voice", cls=Titled, no_args_is_help=True)
@click.argument("voice_track")
@click.argument("directory", type=FILE)
@click.argument("model_name")
@session_options
@knobs(*SINGING, OptimizationConfig)
@click.pass_context
def convert_voice(ctx: click.Context, voice_track: str, directory: Path, model_name: str, **values: Any) -> None:
    """Convert VOICE_TRACK into DIRECTORY with the voice MODEL_NAME, without effects or mixing."""
    from ultimate_rvc.covers.track import TrackRequest, convert_track

    request = TrackRequest(voice_track, directory, model_name, _singing(values))
    run(ctx, lambda open_converter, on_progress: convert_track(request, open_converter, on_progress), "Converted voice")


def _make_cover(ctx: click.Context, source: str | None, model_name: str, values: Mapping[str, Any]) -> int | None:
    from ultimate_rvc import pictures
    from ultimate_rvc.covers import picture
    from ultimate_rvc.covers.cover import CoverRequest, make_cover
    from ultimate_rvc.covers.sources.find import is_folder_of_songs

    request = CoverRequest(
        voice=model_name,
        source=source,
        vocals=values["vocals"],
        instrumentals=values["instrumentals"],
        backup_vocals=values["backup_vocals"],
        cookiefile=values["cookiefile"],
        singing=_singing(values),
        separation=record_of(SeparationOptions, values),
        effects=record_of(EffectOptions, values),
        mix=record_of(MixOptions, values),
        cover=record_of(CoverOptions, values),
    )
    plot = values["plot"]
    if source is not None and is_folder_of_songs(source):
        return make_all(ctx, request, plot)
    if plot:
        pictures.require(plot)

    def work(open_converter: "OpenConverter", on_progress: OnProgress) -> Any:
        result = make_cover(request, open_converter, on_progress)
        return picture.of_cover(result, plot, on_progress) if plot else result

    return run(ctx, work, "Song cover")


def _singing(values: Mapping[str, Any]) -> ConversionOptions:
    return ConversionOptions(*(record_of(record, values) for record in SINGING))


def _require_no_options(ctx: click.Context) -> None:
    """An option before the subcommand's name would be lost; saying so is better."""
    lost = [name for name in ctx.params if was_given(ctx, name)]
    if lost:
        flag = f"--{lost[0].replace('_', '-')}"
        raise click.UsageError(f"Options go behind '{ctx.invoked_subcommand}'; {flag} stands before it.", ctx)
