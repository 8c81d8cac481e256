"""A folder of songs from the command line: a heading for each song, and a table of how they went."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ultimate_rvc.cli import failures, logs
from ultimate_rvc.cli.screen import Screen, duration, hand_over
from ultimate_rvc.cli.session import Session, converter_for, record, report_of, screen_for
from ultimate_rvc.errors import OptionError

if TYPE_CHECKING:
    from ultimate_rvc.covers.batch import Outcome
    from ultimate_rvc.covers.cover import CoverRequest

FAILED = 1


def make_all(ctx: click.Context, request: "CoverRequest", plot: Path | None) -> int:
    """Covers of all songs in the request's source; the exit status is not 0 if any failed."""
    from ultimate_rvc.covers.batch import make_covers

    if plot:
        raise OptionError(f"--plot {plot} is a picture of one cover; leave it out for a folder of songs")
    session, started = ctx.ensure_object(Session), time.perf_counter()
    folder = Path(request.source or "").expanduser()
    with logs.attached() as warned:
        with screen_for(ctx) as screen:
            outcomes = make_covers(folder, request, converter_for(ctx), screen.on_progress, _heading(screen))
        for line in () if session.quiet else _table(outcomes, time.perf_counter() - started, warned):
            click.echo(line, err=True)
        _for_scripts(outcomes, warned, as_json=session.json)
    return FAILED if any(outcome.error for outcome in outcomes) else 0


def _heading(screen: Screen) -> Any:
    return lambda number, total, song: screen.begin(f"song {number} of {total}: {song.name}")


def _for_scripts(outcomes: Sequence["Outcome"], warned: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        songs = [_record(outcome) for outcome in outcomes]
        return click.echo(json.dumps({"songs": songs, "warnings": list(warned)}, indent=1))
    for outcome in outcomes:
        if outcome.result:
            hand_over(outcome.result.path)


def _record(outcome: "Outcome") -> dict[str, Any]:
    about: dict[str, Any] = {"song": str(outcome.song)}
    if outcome.error:
        return {**about, "error": failures.record(outcome.error), "seconds": round(outcome.seconds, 3)}
    return about | record(report_of("Song cover", outcome.result, outcome.seconds, ()))


def _table(outcomes: Sequence["Outcome"], seconds: float, warned: Sequence[str]) -> list[str]:
    """A line for each song, plain, so that it reads the same on a terminal and in a file."""
    widest = max(len(outcome.song.name) for outcome in outcomes)
    rows = [f"{one.song.name:<{widest}}  {duration(one.seconds):>12}  {_told(one)}" for one in outcomes]
    failed = sum(outcome.error is not None for outcome in outcomes)
    total = f"{len(outcomes) - failed} of {len(outcomes)} songs covered in {duration(seconds)}"
    return ["", *rows, total, *(f"warning: {text}" for text in warned)]


def _told(outcome: "Outcome") -> str:
    if outcome.result is None:
        return f"failed: {outcome.reason}"
    stages = outcome.result.stages
    earlier = "  (finished earlier)" if stages and all(run.cached for run in stages) else ""
    return f"{click.format_filename(outcome.result.path)}{earlier}"
