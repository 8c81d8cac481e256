"""Tables as a page of Markdown and as plain text."""

from collections.abc import Sequence
from pathlib import Path

from ultimate_rvc.benchmark.results import Result
from ultimate_rvc.benchmark.tables import Table, tables

HEAD = """# Benchmarks

Made by `{command}` (version {version}); do not edit, run it again. It says what one machine did on one day.
"""


def markdown(result: Result, command: str, picture: Path | None = None) -> str:
    """The page; `picture` is the path of the picture as seen from it."""
    parts = [HEAD.format(command=command, version=result.version)]
    parts += [f"![Seconds of each stage, and cost against length]({picture.as_posix()})\n"] if picture else []
    said: set[str] = set()
    for table in tables(result):
        parts.append(_section(table, said))
    return "\n".join(parts)


def _section(table: Table, said: set[str]) -> str:
    """One table; a caption that stood above another table already is not said again."""
    lines = [f"## {table.title}", ""]
    lines += [table.caption, ""] if table.caption and table.caption not in said else []
    said.add(table.caption)
    lines += [_row(table.header), _row(["---"] * len(table.header)), *map(_row, table.rows), ""]
    return "\n".join(lines + [f"- {note}" for note in table.notes] + ([""] if table.notes else []))


def _row(words: Sequence[str]) -> str:
    return f"| {' | '.join(word.replace('|', '/') for word in words)} |"


def plain(table: Table) -> str:
    """The table in columns for a terminal or a file, without its caption."""
    widths = [max(map(len, column)) for column in zip(table.header, *table.rows, strict=True)]
    lines = [_columns(words, widths) for words in (table.header, *table.rows) if any(words)]
    return "\n".join([table.title, *lines, *table.notes])


def _columns(words: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        word.ljust(width) if i == 0 else word.rjust(width)
        for i, (word, width) in enumerate(zip(words, widths, strict=True))
    )
    return "  ".join(["  " + first, *others]).rstrip()
