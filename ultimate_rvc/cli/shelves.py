"""How the library's records look: tables and facts for people, JSON for scripts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import click

SHORT_FINGERPRINT = 12


def show_json(records: Any) -> None:
    """Records, or lists and tables of them, on stdout; paths as text, sizes in bytes."""
    click.echo(json.dumps(_plain(records), indent=2))


def show_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, err: bool = False) -> None:
    """Columns as wide as they need, on stdout or on stderr."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip(), err=err)


def show_facts(facts: Mapping[str, Any]) -> None:
    """A name and a value per line; what is None is left out."""
    known = {name: value for name, value in facts.items() if value not in (None, "")}
    width = max(map(len, known))
    for name, value in known.items():
        click.echo(f"{name:<{width}}  {value}")


def size(count: int) -> str:
    """Bytes as people say them.

    >>> size(55_155_614), size(900)
    ('55.2 MB', '0.9 kB')
    """
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"


def short(fingerprint: str) -> str:
    """As much of a fingerprint as people compare."""
    return fingerprint[:SHORT_FINGERPRINT]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
