"""`urvc benchmark`: measures the line on this machine."""

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from ultimate_rvc.cli import logs
from ultimate_rvc.cli.screen import open_screen
from ultimate_rvc.cli.session import debug_option
from ultimate_rvc.options import F0_METHODS

FILE = click.Path(path_type=Path)
SIZES = "10k,50k,200k"


class Sizes(click.ParamType):
    """Numbers with commas between them, k for thousands."""

    name = "sizes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        words = [word for word in value.lower().replace(" ", "").split(",") if word and word != "none"]
        try:
            return tuple(int(word.rstrip("k")) * (1_000 if word.endswith("k") else 1) for word in words)
        except ValueError:
            self.fail(f"{value!r} is no list of numbers; write for example {SIZES}, or none", param, ctx)


@click.command()
@click.option("--source", type=FILE, help="A recording of a voice; without it, the one that comes with the package.")
@click.option("--model", help="A voice's name or path; without it, random weights of full size are made in temp/.")
@click.option("--seconds", type=float, multiple=True, default=(10, 180), show_default=True, help="Lengths; repeatable.")
@click.option("--stem/--no-stem", default=True, help="Measure a stem with 35 % silence too.", show_default=True)
@click.option("--rounds", type=int, default=3, show_default=True, help="Turns of each configuration.")
@click.option(
    "--patience",
    type=float,
    default=150,
    show_default=True,
    help="Seconds of turns after which a configuration takes no further one in a scene.",
)
@click.option("--only", multiple=True, metavar="NAME", help="Measure this configuration only; repeatable.")
@click.option("--each-left-out", is_flag=True, help="Measure also what each speed-up is missed.")
@click.option("--index-sizes", type=Sizes(), default=SIZES, show_default=True, help="Indexes to search, or none.")
@click.option("--starts/--no-starts", default=True, show_default=True, help="Measure how long commands take to start.")
@click.option("--f0-method", type=click.Choice(F0_METHODS), help="How pitch is found; rmvpe where its weights are.")
@click.option("--device", default="auto", envvar="RVC_DEVICE", show_default=True, help="cuda, cuda:N, mps, cpu, auto.")
@click.option("--against", type=FILE, metavar="FOLDER", help="An Ultimate RVC checkout (0.6) to measure beside it.")
@click.option("--against-python", type=FILE, default=sys.executable, help="The Python that it is installed for.")
@click.option("--json", type=FILE, help="Write everything that was found to this file.")
@click.option("--report", type=FILE, help="Write the tables to this file, as Markdown.")
@click.option("--picture", type=FILE, help="Draw the stages and the cost against length (needs matplotlib).")
@debug_option
def benchmark(json: Path | None, report: Path | None, picture: Path | None, **values: Any) -> None:
    """Measure the conversion on this machine, stage by stage."""
    from ultimate_rvc.benchmark.outputs import Outputs
    from ultimate_rvc.benchmark.run import Request, run

    outputs = Outputs(json, report, picture)
    outputs.check()
    values["patience_s"], values["left_out"] = values.pop("patience"), values.pop("each_left_out")
    with logs.attached():
        with open_screen(quiet=False) as screen:
            result = run(Request(**values), screen.on_progress)
        _show(result)
        for path in outputs.write(result, _command()):
            click.echo(f"written: {click.format_filename(path)}", err=True)
    _complain(result.failures())


def _command() -> str:
    """The command line, with the names of files and folders instead of their places."""
    words = [Path(word).name if os.sep in word else word for word in sys.argv[1:]]
    return shlex.join(["urvc", *words])


def _show(result: Any) -> None:
    from ultimate_rvc.benchmark.tables import tables

    show = _draw if sys.stdout.isatty() else _write
    for table in tables(result):
        show(table)


def _write(table: Any) -> None:
    from ultimate_rvc.benchmark.report import plain

    click.echo(f"{plain(table)}\n")


def _draw(table: Any) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=table.title, title_justify="left", show_header=any(table.header))
    for number, word in enumerate(table.header):
        drawn.add_column(word, justify="right" if number and any(table.header) else "left")
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    console = Console()
    console.print(drawn)
    for note in table.notes:
        console.print(Text(note))


def _complain(failures: list[str]) -> None:
    """What could not be measured is said after everything that could."""
    from ultimate_rvc.errors import MeasurementError

    if failures:
        others = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise MeasurementError(f"{failures[0]}{others}")
