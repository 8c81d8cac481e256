"""`urvc models …`: voices, and the encoders and estimators that they sing with."""

import os
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from ultimate_rvc.cli import logs
from ultimate_rvc.cli.screen import Screen, hand_over, open_screen
from ultimate_rvc.cli.session import Session, debug_option, quiet_option
from ultimate_rvc.cli.shelves import short, show_facts, show_json, show_table, size

DEMONSTRATION = "a demonstration that comes with the program"
VOICES, EMBEDDERS, PREDICTORS = KINDS = ("voices", "embedders", "predictors")
T = TypeVar("T")

as_json = click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what has that name.")
name_option = click.option("--name", help="What to call it; without it, as its file is called.")


def kind_option(*kinds: str) -> Callable[[T], T]:
    """--kind, voices unless it is given."""
    return click.option("--kind", type=click.Choice(kinds), default=VOICES, show_default=True, help="Of which kind.")


@click.group()
def models() -> None:
    """Voices, content encoders and pitch estimators: look, get, check, change."""


@models.command("list")
@kind_option(*KINDS)
@click.option("--long", "is_long", is_flag=True, help="Read each voice and tell what it is.")
@as_json
@debug_option
def list_models(kind: str, is_long: bool, as_json: bool) -> None:
    """List what is there."""
    with logs.attached():
        if kind != VOICES:
            _list_companions(kind, as_json)
        elif is_long:
            _list_read(as_json)
        else:
            _list_entries(as_json)


@models.command()
@click.argument("name")
@kind_option(*KINDS)
@as_json
@debug_option
def info(name: str, kind: str, as_json: bool) -> None:
    """Tell what something is.

    A voice may be given by its path too.
    """
    with logs.attached():
        if kind == VOICES:
            from ultimate_rvc.voices import inspect

            show, record = _voice_facts, inspect(name)
        else:
            from ultimate_rvc.voices.companions import inspect_companion

            show, record = _companion_facts, inspect_companion(kind, name)
        show_json(record) if as_json else show_facts(show(record))


@models.command("import", no_args_is_help=True)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@name_option
@overwrite_option
@kind_option(VOICES, EMBEDDERS)
@as_json
@debug_option
@quiet_option
@click.pass_context
def import_models(ctx: click.Context, files: Sequence[Path], name: str | None, kind: str, **how: bool) -> None:
    """Take files into the library as one voice.

    FILES are .pth, .safetensors, .index, .zip, .tar.gz or a folder. Several are the parts of one voice: its checkpoint
    and its index. An index alone joins the voice of --name.
    """
    with _watched(ctx) as screen:
        if kind == VOICES:
            from ultimate_rvc.voices import import_voice

            imported = import_voice(files, name=name, overwrite=how["overwrite"], on_progress=screen.on_progress)
        else:
            imported = _import_encoder(files, name, how["overwrite"])
    _hand_over_import(ctx, imported, how["as_json"])


@models.command(no_args_is_help=True)
@click.argument("links", nargs=-1, required=True)
@name_option
@overwrite_option
@as_json
@debug_option
@quiet_option
@click.pass_context
def download(ctx: click.Context, links: Sequence[str], name: str | None, overwrite: bool, as_json: bool) -> None:
    """Take a voice from the web into the library.

    LINKS are owner/repo or any link of Hugging Face, pixeldrain or Google Drive, or the address of a file. Several are
    the parts of one voice. A download that stopped goes on when it is asked for again.
    """
    from ultimate_rvc.voices import download_voice

    with _watched(ctx) as screen:
        imported = download_voice(links, name=name, overwrite=overwrite, on_progress=screen.on_progress)
    _hand_over_import(ctx, imported, as_json)


@models.command()
@click.argument("names", nargs=-1)
@kind_option(*KINDS)
@as_json
@debug_option
@quiet_option
@click.pass_context
def verify(ctx: click.Context, names: Sequence[str], kind: str, as_json: bool) -> int:
    """Read strictly and say what cannot be used.

    Without NAMES, all. The exit status is 1 if any is bad.
    """
    with _watched(ctx) as screen:
        verdicts = _verdicts(names, kind, screen)
    if as_json:
        show_json([{"name": v.name, "path": v.path, "sound": v.is_sound, "reason": v.reason} for v in verdicts])
    elif not verdicts:
        click.echo(f"There are no {kind} to verify", err=True)
    else:
        show_table(("", kind, "reason"), [("ok" if v.is_sound else "BAD", v.name, v.reason or "") for v in verdicts])
    return int(not all(verdict.is_sound for verdict in verdicts))


@models.command()
@click.argument("name")
@click.option("--keep", is_flag=True, help="Leave the .pth beside the .safetensors.")
@debug_option
@quiet_option
@click.pass_context
def convert(ctx: click.Context, name: str, keep: bool) -> None:
    """Make a voice a .safetensors file.

    Every weight of the voice NAME keeps its bits, which is compared before the .pth goes.
    """
    from ultimate_rvc.voices import convert

    with _watched(ctx):
        path = convert(name, keep=keep)
    if not ctx.ensure_object(Session).quiet:
        click.echo(f"{name}: every bit compared; the .pth {'is still there' if keep else 'is gone'}", err=True)
    hand_over(path)


@models.command()
@click.argument("old")
@click.argument("new")
@debug_option
@quiet_option
@click.pass_context
def rename(ctx: click.Context, old: str, new: str) -> None:
    """Give a voice another name."""
    from ultimate_rvc.voices import rename

    with _watched(ctx):
        path = rename(old, new)
    hand_over(path)


@models.command(no_args_is_help=True)
@click.argument("names", nargs=-1, required=True)
@kind_option(*KINDS)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@debug_option
def delete(names: Sequence[str], kind: str, yes: bool) -> int:
    """Delete, with everything in the folder."""
    with logs.attached():
        doomed = [_doomed(name, kind) for name in names]
    if not yes and not click.confirm(f"Delete {'; '.join(told for told, _ in doomed)}?", err=True):
        click.echo("Nothing was deleted", err=True)
        return 1
    with logs.attached():
        places = [do() for _, do in doomed]
    for place in places:
        click.echo(f"deleted: {click.format_filename(place)}", err=True)
    return 0


@models.command()
@click.argument("names", nargs=-1, required=True)
@debug_option
@quiet_option
@click.pass_context
def fetch(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Download encoders and estimators.

    NAMES are contentvec, rmvpe, …; what is here already is left alone.
    """
    from ultimate_rvc.weights import ensure

    with _watched(ctx) as screen:
        places = [ensure(name, screen.on_progress) for name in names]
    for place in places:
        hand_over(place)


@contextmanager
def _watched(ctx: click.Context) -> Any:
    """With logging and a screen."""
    with logs.attached(), open_screen(ctx.ensure_object(Session).quiet) as screen:
        yield screen


def _list_entries(as_json: bool) -> None:
    from ultimate_rvc import paths
    from ultimate_rvc.voices import list_entries

    entries = list_entries()
    if as_json:
        show_json([_entry_fields(entry) for entry in entries])
    elif not entries:
        click.echo(f"There are no voices yet in {' or '.join(map(str, paths.voice_dirs()))}", err=True)
    else:
        show_table(("voice", "format", "size", "index", "where"), map(_entry_row, entries))


def _entry_fields(entry: Any) -> dict[str, Any]:
    files = {"checkpoint": entry.files and entry.files.checkpoint, "index": entry.files and entry.files.index}
    sizes = {"checkpoint_bytes": entry.checkpoint_bytes, "index_bytes": entry.index_bytes}
    about = {"problem": entry.problem, "is_shipped": entry.is_shipped}
    return {"name": entry.name, "folder": entry.folder, **files, **sizes, **about}


def _entry_row(entry: Any) -> tuple[str, ...]:
    if entry.problem:
        return entry.name, "-", "-", "-", f"PROBLEM: {entry.problem}"
    index = size(entry.index_bytes) if entry.files.index else "none"
    where = DEMONSTRATION if entry.is_shipped else str(entry.folder.parent)
    return entry.name, entry.format, size(entry.checkpoint_bytes), index, where


def _list_read(as_json: bool) -> None:
    from ultimate_rvc.errors import UrvcError
    from ultimate_rvc.voices import inspect, list_entries

    rows, records = [], []
    for entry in list_entries():
        try:
            voice = inspect(str(entry.folder))
        except UrvcError as error:
            records.append({"name": entry.name, "problem": str(error)})
            rows.append((entry.name, *["-"] * 6, f"PROBLEM: {error}"))
        else:
            records.append(voice)
            rows.append(_voice_row(voice))
    header = ("voice", "rate", "pitch", "version", "vocoder", "epoch", "index", "fingerprint")
    show_json(records) if as_json else show_table(header, rows)


def _voice_row(voice: Any) -> tuple[str, ...]:
    index = f"{voice.index.vectors:,}" if voice.index else "none"
    epoch = "" if voice.epoch is None else str(voice.epoch)
    pitch = "yes" if voice.has_pitch else "no"
    return (voice.name, f"{voice.sample_rate_hz} Hz", pitch, voice.version, voice.vocoder, epoch, index,
            short(voice.fingerprint))  # fmt: skip


def _voice_facts(voice: Any) -> dict[str, Any]:
    index = voice.index
    return {
        "voice": voice.name,
        "kind": DEMONSTRATION if voice.is_shipped else None,
        "model card": _model_card(voice.path.parent),
        "file": click.format_filename(voice.path),
        "format": f"{voice.format}, {size(voice.bytes)}",
        "rate": f"{voice.sample_rate_hz} Hz",
        "pitch": "yes" if voice.has_pitch else "no",
        "version": voice.version,
        "vocoder": voice.vocoder,
        "speakers": voice.speakers,
        "epoch": voice.epoch,
        "encoder": voice.embedder,
        "remark": voice.remark,
        "fingerprint": short(voice.fingerprint),
        "index": f"{index.path.name}, {size(index.bytes)}" if index else "none",
        "index vectors": f"{index.vectors:,} of {index.dimensions} numbers" if index else None,
        "index fingerprint": short(index.fingerprint) if index else None,
    }


def _model_card(folder: Path) -> str | None:
    from ultimate_rvc.voices.library import MODEL_CARD

    card = folder / MODEL_CARD
    return click.format_filename(card) if card.is_file() else None


def _list_companions(kind: str, as_json: bool) -> None:
    from ultimate_rvc.voices.companions import list_companions

    every = list_companions(kind)
    if as_json:
        fields = [{"name": one.name, "place": one.place, "bytes": one.bytes, "custom": one.is_custom} for one in every]
        show_json(fields)
    else:
        show_table((kind, "size", "where"), [(one.name, *_whereabouts(one)) for one in every])


def _whereabouts(one: Any) -> tuple[str, str]:
    return (size(one.bytes), str(one.place)) if one.place else ("-", "not here")


def _companion_facts(one: Any) -> dict[str, Any]:
    details = {name.replace("_", " "): value for name, value in one.details.items()}
    facts = {"name": one.name, "where": click.format_filename(one.place), "size": size(one.bytes)}
    return {**facts, "own": "yes" if one.is_custom else None, **details, "fingerprint": short(one.fingerprint)}


def _verdicts(names: Sequence[str], kind: str, screen: Screen) -> list[Any]:
    from ultimate_rvc import voices
    from ultimate_rvc.voices import companions

    if kind == VOICES:
        return [voices.verify(name) for name in names] if names else voices.verify_all(screen.on_progress)
    named = [companions.verify_companion(kind, name) for name in names]
    return named if names else companions.verify_companions(kind)


def _doomed(name: str, kind: str) -> tuple[str, Callable[[], Path]]:
    """What will be gone, in words, and what does it."""
    from ultimate_rvc import voices
    from ultimate_rvc.voices import companions

    if kind == VOICES:
        one = voices.weigh(name)
        count = f"{one.files} {'file' if one.files == 1 else 'files'}"
        return f"{one.folder} ({count}, {size(one.bytes)})", lambda: voices.delete(name)
    found = companions.find_companion(kind, name)
    return f"{found.place} ({size(found.bytes)})", lambda: companions.delete_companion(kind, name)


def _import_encoder(files: Sequence[Path], name: str | None, overwrite: bool) -> Path:
    from ultimate_rvc.voices.companions import import_encoder

    if len(files) != 1:
        raise click.UsageError("An embedder is one folder.")
    return import_encoder(files[0], name=name, overwrite=overwrite)


def _hand_over_import(ctx: click.Context, imported: Any, as_json: bool) -> None:
    """What the library has now: for people, for scripts, or its path alone."""
    if isinstance(imported, os.PathLike):
        show_json({"folder": imported}) if as_json else hand_over(Path(imported))
    elif as_json:
        show_json(imported)
    else:
        if not ctx.ensure_object(Session).quiet:
            _tell_import(imported)
        hand_over(imported.folder)


def _tell_import(imported: Any) -> None:
    voice = imported.voice
    index = f"index of {voice.index.vectors:,} vectors" if voice.index else "no index"
    pitch = "with pitch" if voice.has_pitch else "without pitch"
    click.echo(f"{voice.name}: {voice.version}, {voice.sample_rate_hz} Hz, {pitch}, {index}", err=True)
    if imported.left_out:
        click.echo(f"left out: {', '.join(imported.left_out)}", err=True)
