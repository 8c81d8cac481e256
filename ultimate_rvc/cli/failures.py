"""Every way a command can end badly, as one line and an exit status.

1: something went wrong and the line says what to do · 2: the command line itself · 130: interrupted
"""

import json
import traceback

import click

from ultimate_rvc.errors import UrvcError

INTERRUPTED = 130
OUT_OF_MEMORY = ("out of memory", "can't allocate memory")


def tell(error: BaseException, debug: bool, *, as_json: bool = False) -> int:
    """Says on stderr what happened, with the traceback if it is wanted; returns the exit status.

    With as_json, stdout gets a record of it too, for scripts.
    """
    if debug:
        click.echo("".join(traceback.format_exception(error)), err=True)
    message, status = explain(error)
    if as_json:
        click.echo(json.dumps({"error": record(error), "status": status}, indent=1))
    click.echo(" ".join(message.splitlines()), err=True)
    return status


def record(error: BaseException) -> dict[str, str]:
    """The kind of the error and its line."""
    return {"type": type(error).__name__, "message": " ".join(explain(error)[0].removeprefix("Error: ").splitlines())}


def explain(error: BaseException) -> tuple[str, int]:
    """The line for people and the exit status."""
    if _interrupted(error):
        return "Interrupted; nothing half-written was left", INTERRUPTED
    if isinstance(error, click.UsageError):
        return f"Error: {error.format_message()}{_hint(error)}", error.exit_code
    if isinstance(error, click.ClickException):
        return f"Error: {error.format_message()}", error.exit_code
    if isinstance(error, UrvcError):
        return f"Error: {error}", 1
    if _out_of_memory(error):
        return f"Error: out of memory; {REMEDY} ({_first_line(error)})", 1
    return f"Error: unexpected {type(error).__name__}: {_first_line(error)}; run again with --debug to see where", 1


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is what it is or came from: a library may turn it into an error of its own."""
    while error is not None:
        if isinstance(error, (KeyboardInterrupt, click.Abort)):
            return True
        error = error.__cause__ or error.__context__
    return False


REMEDY = "use a smaller --batch-size, convert in pieces with --split-vocals, or close other programs"


def _hint(error: click.UsageError) -> str:
    return f" (see '{error.ctx.command_path} --help')" if error.ctx else ""


def _out_of_memory(error: BaseException) -> bool:
    # torch's CUDA, MPS and CPU allocators raise different types; what they have in common is their words.
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in OUT_OF_MEMORY)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0] or "no message"
