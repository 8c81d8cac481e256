"""What people see of a command: stages while it runs, what was used and written when it is done.

Everything for people goes to stderr. Stdout is for scripts: the path of the result, or a record of it as JSON.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import click

from ultimate_rvc.progress import Progress

# How often a long stage is mentioned where no bar can be drawn.
MENTION_EVERY_S = 10.0


@dataclass(frozen=True)
class Report:
    """What a command made."""

    title: str
    path: Path
    intermediates: dict[str, Path]
    used: dict[str, str]
    costs: Sequence[Any]
    seconds: float
    stages: Sequence[Any] = ()
    warnings: Sequence[str] = ()


class Screen(Protocol):
    """Draws; it is entered before the first stage and left after the last."""

    def __enter__(self) -> "Screen": ...

    def __exit__(self, kind: type | None, error: BaseException | None, where: TracebackType | None) -> None: ...

    def on_progress(self, progress: Progress) -> None:
        """A stage is at `done` of `total`."""

    def begin(self, title: str) -> None:
        """One of several pieces of work begins; its stages may be called as those of the one before."""

    def report(self, report: Report) -> None:
        """The command has done what it was asked to."""


HandOver = Callable[[Path], None]


def hand_over(path: Path) -> None:
    """The result's path on stdout, byte for byte as the file system has it."""
    click.echo(os.fsencode(path))


def keep_back(_: Path) -> None:
    """Stdout gets something else."""


def open_screen(quiet: bool, hand_over: HandOver = hand_over) -> Screen:
    """Bars on a terminal, lines in a pipe, nothing but the path when it has to be quiet."""
    if quiet:
        return Quiet(hand_over)
    return Bars(hand_over) if sys.stderr.isatty() else Lines(hand_over)


class Quiet:
    """Shows nothing, and hands over the path of the result."""

    def __init__(self, hand_over: HandOver = hand_over) -> None:
        self.hand_over = hand_over

    def __enter__(self) -> "Quiet":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def on_progress(self, progress: Progress) -> None:
        pass

    def begin(self, title: str) -> None:
        pass

    def report(self, report: Report) -> None:
        self.hand_over(report.path)


class Lines(Quiet):
    """A line when a stage starts, and one now and then while it lasts."""

    def __init__(self, hand_over: HandOver = hand_over) -> None:
        super().__init__(hand_over)
        self._mentioned: dict[str, float] = {}

    def begin(self, title: str) -> None:
        self._mentioned.clear()
        click.echo(title, err=True)

    def on_progress(self, progress: Progress) -> None:
        now, last = time.monotonic(), self._mentioned.get(progress.stage)
        if last is None:
            click.echo(f"{progress.stage}: {progress.note}" if progress.note else f"{progress.stage} …", err=True)
        elif now - last > MENTION_EVERY_S and progress.total:
            click.echo(f"{progress.stage}: {progress.done / progress.total:.0%}", err=True)
        else:
            return
        self._mentioned[progress.stage] = now

    def report(self, report: Report) -> None:
        for line in [*_lines(report), *_files(report), *_warnings(report)]:
            click.echo(line, err=True)
        self.hand_over(report.path)


class Bars(Quiet):
    """A bar per stage with the time that is left."""

    def __init__(self, hand_over: HandOver = hand_over) -> None:
        super().__init__(hand_over)
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Live

        self._console = Console(stderr=True)
        name = TextColumn("{task.description}", markup=False)
        left, note = TimeRemainingColumn(elapsed_when_finished=True), TextColumn("{task.fields[note]}", markup=False)
        columns = (name, BarColumn(), TaskProgressColumn(), left, note)
        # Stdout is left alone: it is for the path of the result.
        self._live = Live(*columns, console=self._console, redirect_stdout=False)
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> "Bars":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def on_progress(self, progress: Progress) -> None:
        task = self._tasks.get(progress.stage)
        if task is None or self._again(task, progress):
            self._tasks[progress.stage] = task = self._live.add_task(progress.stage, total=progress.total, note="")
        self._live.update(task, completed=progress.done, total=progress.total, note=progress.note)

    def _again(self, task: Any, progress: Progress) -> bool:
        """Whether a stage that has ended begins once more: another voice, another song."""
        return progress.done == 0 and any(one.id == task and one.finished for one in self._live.tasks)

    def begin(self, title: str) -> None:
        self._tasks.clear()
        for task in self._live.task_ids:
            self._live.remove_task(task)
        self._live.console.print(title, markup=False, highlight=False)

    def report(self, report: Report) -> None:
        from rich.panel import Panel
        from rich.text import Text

        for line in _lines(report):
            self._console.print(Text(line))
        self._console.print(Panel(Text(_shown(report.path), overflow="fold"), title=report.title, style="green"))
        if report.intermediates:
            self._console.print(_table(report.intermediates))
        for line in _warnings(report):
            self._console.print(Text(line), style="yellow")
        if not sys.stdout.isatty():
            self.hand_over(report.path)


def duration(seconds: float) -> str:
    """Seconds as people say them: 4.2 s, 3 min 20 s, 1 h 02 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _lines(report: Report) -> list[str]:
    return [*_described(report), *_costs(report), *_repeated(report), f"elapsed: {duration(report.seconds)}"]


def _repeated(report: Report) -> list[str]:
    """Which stages were taken from the cache, and how long the others took."""
    cached = [run.stage for run in report.stages if run.cached]
    made = [f"{run.stage} {duration(run.seconds)}" for run in report.stages if not run.cached]
    return [f"{name}: {', '.join(stages)}" for name, stages in (("cached", cached), ("made", made)) if stages]


def _warnings(report: Report) -> list[str]:
    """What was said while it ran, once more where it is seen."""
    several = "s" if len(report.warnings) > 1 else ""
    lines = [f"  {warning}" for warning in report.warnings]
    return [f"{len(report.warnings)} warning{several}:", *lines] if report.warnings else []


def _described(report: Report) -> list[str]:
    return [f"{name}: {value}" for name, value in report.used.items()]


def _costs(report: Report) -> list[str]:
    rows = (f"{c.stage:<16}{c.calls:>6}{c.seconds:>10.3f}{c.peak_memory_bytes / 1e6:>12.0f}" for c in report.costs)
    return [f"{'stage':<16}{'calls':>6}{'seconds':>10}{'peak MB':>12}", *rows] if report.costs else []


def _files(report: Report) -> list[str]:
    return [f"{name}: {_shown(path)}" for name, path in {**report.intermediates, report.title: report.path}.items()]


def _table(files: dict[str, Path]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("File", "Path", title="Intermediate files")
    for name, path in files.items():
        table.add_row(Text(name), Text(_shown(path), overflow="fold"))
    return table


def _shown(path: Path) -> str:
    return click.format_filename(path)
