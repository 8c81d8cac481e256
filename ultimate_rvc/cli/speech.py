"""`urvc generate speech …`: text to speech with a voice. Names, defaults and ranges are those of Ultimate RVC 0.6."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ultimate_rvc.cli import logs
from ultimate_rvc.cli.knobs import Titled, knobs, record_of
from ultimate_rvc.cli.session import debug_option, run, session_options
from ultimate_rvc.options import (
    SPEECH_ENGINES,
    ConversionOptions,
    EffectOptions,
    EmbedderOptions,
    FileOptions,
    OptimizationConfig,
    SpeakingOptions,
    SpeechMixOptions,
    SpeechPitchOptions,
    SpeechVoiceOptions,
)

if TYPE_CHECKING:
    from ultimate_rvc.speech.voices import SpeechVoice

SINGING = (SpeechPitchOptions, EmbedderOptions, SpeechVoiceOptions)
HEADER = ("ShortName", "Locale", "Name", "ContentCategories", "VoicePersonalities")


@click.group()
def speech() -> None:
    """Generate speech from text with a voice."""


@speech.command("run-edge-tts", cls=Titled, no_args_is_help=True)
@click.argument("source")
@session_options
@knobs(SpeakingOptions)
@click.pass_context
def run_edge_tts(ctx: click.Context, source: str, **values: Any) -> None:
    """Speak SOURCE, a text or the path of a text file, without converting it."""
    from ultimate_rvc.speech.pipeline import say

    speaking = record_of(SpeakingOptions, values)
    run(ctx, lambda _, on_progress: say(source, speaking, on_progress), "Speech")


@speech.command("run-pipeline", cls=Titled, no_args_is_help=True)
@click.argument("source")
@click.argument("model_name")
@session_options
@knobs(SpeakingOptions, *SINGING, EffectOptions, SpeechMixOptions, FileOptions, OptimizationConfig)
@click.pass_context
def run_pipeline(ctx: click.Context, source: str, model_name: str, **values: Any) -> None:
    """Speak SOURCE, a text or the path of a text file, with the voice MODEL_NAME."""
    from ultimate_rvc.speech.pipeline import SpeechRequest, make_speech

    request = SpeechRequest(
        source,
        model_name,
        record_of(SpeakingOptions, values),
        ConversionOptions(*(record_of(record, values) for record in SINGING)),
        record_of(EffectOptions, values),
        record_of(SpeechMixOptions, values),
        record_of(FileOptions, values),
    )
    run(ctx, lambda open_converter, on_progress: make_speech(request, open_converter, on_progress), "Mixed speech")


@speech.command("list-edge-tts-voices")
@click.option("--engine", type=click.Choice(SPEECH_ENGINES), default="auto", show_default=True, help="Whose voices.")
@click.option("--locale", help="Only voices whose locale holds this, as in en or en-GB.")
@click.option("--content-category", multiple=True, help="Only voices for this kind of content; repeatable.")
@click.option("--voice-personality", multiple=True, help="Only voices of this personality; repeatable.")
@click.option("--offset", type=click.IntRange(min=0), default=0, show_default=True, help="Leave out the first ones.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="List at most so many.")
@click.option("--include-status-info", is_flag=True, help="Say whether each is finished or a preview.")
@debug_option
def list_edge_tts_voices(engine: str, offset: int, limit: int, include_status_info: bool, **filters: Any) -> None:
    """List the voices that can speak: Microsoft's, or the system's own."""
    from ultimate_rvc.speech.engines import list_voices

    with logs.attached():
        found = [voice for voice in list_voices(engine) if _passes(voice, **filters)]
    chosen = found[offset : offset + limit]
    header = (*HEADER, "Status") if include_status_info else HEADER
    _show(header, [_row(voice)[: len(header)] for voice in chosen])
    click.echo(f"{len(chosen)} of {len(found)} voices; see --offset and --limit", err=True)


def _passes(
    voice: "SpeechVoice", *, locale: str | None, content_category: Sequence[str], voice_personality: Sequence[str]
) -> bool:
    return (
        voice.speaks(locale)
        and _has_one(voice.categories, content_category)
        and _has_one(voice.personalities, voice_personality)
    )


def _has_one(tags: Sequence[str], wanted: Sequence[str]) -> bool:
    return not wanted or any(each.lower() in ", ".join(tags).lower() for each in wanted)


def _row(voice: "SpeechVoice") -> tuple[str, ...]:
    tags = (", ".join(each) for each in (voice.categories, voice.personalities))
    return (voice.name, voice.locale, voice.description, *tags, voice.status)


def _show(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal; in a pipe lines with tabs, names first."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*header)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
