"""`urvc cache`: what is kept of covers, and how to be rid of it."""

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ultimate_rvc import paths
from ultimate_rvc.cli import logs
from ultimate_rvc.cli.session import debug_option

if TYPE_CHECKING:
    from ultimate_rvc.covers.cache.upkeep import Kept

DAMAGED = 1
UNKNOWN = "(damaged)"


@click.group(invoke_without_command=True)
@debug_option
@click.pass_context
def cache(ctx: click.Context) -> None:
    """Show what is kept of covers, and clear or verify it."""
    if ctx.invoked_subcommand:
        return
    from ultimate_rvc.covers.cache.upkeep import entries

    every = entries(paths.cache_dir())
    for line in _table(_rows(every)):
        click.echo(line)
    click.echo(f"{_counted(every)} in {paths.cache_dir()}")


@cache.command()
@click.option("--older-than", type=click.FloatRange(min=0), metavar="DAYS", help="Only what was not used for so long.")
@click.option("--song", metavar="NAME", help="Only what belongs to this song.")
@debug_option
def clear(older_than: float | None, song: str | None) -> None:
    """Remove what is kept, and its files below audio/intermediate. Covers stay."""
    from ultimate_rvc.covers.cache import upkeep

    with logs.attached():
        every = upkeep.entries(paths.cache_dir())
        chosen = [kept for kept in every if _is_meant(kept, older_than, song)]
        if song is not None and not chosen:
            _say_which_there_are(song, every)
        upkeep.clear(chosen)
    click.echo(f"removed: {_counted(chosen)}")


@cache.command()
@debug_option
def verify() -> int:
    """Read every byte that is kept, and name what is damaged; it is made again when it is wanted."""
    from ultimate_rvc.covers.cache import upkeep

    damaged = upkeep.verify(paths.cache_dir())
    for kept in damaged:
        click.echo(f"{kept.folder}: {_of(kept)}, {kept.stage or 'unknown'}: {kept.damage}")
    click.echo(f"{len(upkeep.entries(paths.cache_dir()))} entries read, {len(damaged)} damaged")
    return DAMAGED if damaged else 0


def _of(kept: "Kept") -> str:
    return ", ".join(kept.songs) or UNKNOWN


def _is_meant(kept: "Kept", older_than: float | None, song: str | None) -> bool:
    from ultimate_rvc.covers.cache.upkeep import DAY_S

    old_enough = older_than is None or kept.age_s() > older_than * DAY_S
    return old_enough and (song is None or song.casefold() in map(str.casefold, kept.songs))


def _say_which_there_are(song: str, every: Sequence["Kept"]) -> None:
    from ultimate_rvc.errors import OptionError

    known = sorted({song for kept in every for song in kept.songs})
    raise OptionError(f"nothing is kept of {song!r}; there are {', '.join(map(repr, known)) or 'no songs'}")


def _rows(every: Iterable["Kept"]) -> list[tuple[str, ...]]:
    """One row for each stage of each song, songs and stages in the order of their last use."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for kept in every:
        groups.setdefault((_of(kept), kept.stage), []).append(kept)
    rows = [(*names, str(len(kept)), _megabytes(kept), _age(kept)) for names, kept in sorted(groups.items())]
    return [("song", "stage", "entries", "size", "last used"), *rows] if rows else []


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _counted(every: Sequence["Kept"]) -> str:
    several = "entry" if len(every) == 1 else "entries"
    return f"{len(every)} {several}, {_megabytes(every)}"


def _megabytes(every: Iterable["Kept"]) -> str:
    return f"{sum(kept.size_bytes for kept in every) / 1e6:.1f} MB"


def _age(every: Iterable["Kept"]) -> str:
    hours = min(kept.age_s(time.time()) for kept in every) / 3600
    if hours < 1:
        return f"{60 * hours:.0f} min ago"
    return f"{hours:.0f} h ago" if hours < 48 else f"{hours / 24:.0f} days ago"
