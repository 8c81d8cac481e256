"""Logging of a command: our own loggers go to stderr and to a file, as URVC_* variables say.

URVC_CONSOLE_LOG_LEVEL, URVC_FILE_LOG_LEVEL (names of levels), URVC_LOGS_DIR, URVC_NO_LOGGING=1 turns both off.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler

import click

from ultimate_rvc import paths
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import parse_bool

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
CONSOLE_LEVEL, FILE_LEVEL = "WARNING", "INFO"
# Our own records, and what libraries say through `warnings`; the latter is for the file only.
OURS, THEIRS = "ultimate_rvc", "py.warnings"
# What the stages cost: on the screen that is part of a command's report.
COSTS = "ultimate_rvc.costs"
FILE_NAME, FILE_BYTES, FILES_KEPT = "ultimate_rvc.log", 5 * 1024 * 1024, 1


class Stderr(logging.Handler):
    """Writes to whatever stderr is at that moment, because progress bars put themselves in between."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


class Warned(logging.Handler):
    """Collects warnings, each once, so that they can be told again at the end."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = " ".join(record.getMessage().split())
        if text not in self.said:
            self.said.append(text)


@contextmanager
def attached() -> Iterator[list[str]]:
    """Logging while a command runs, and the list of what it warned of; afterwards everything is as it was."""
    warned = Warned()
    logging.getLogger(OURS).addHandler(warned)
    try:
        with _written():
            yield warned.said
    finally:
        logging.getLogger(OURS).removeHandler(warned)


@contextmanager
def _written() -> Iterator[None]:
    """Records go to the console and the log file."""
    console, file = _level("URVC_CONSOLE_LOG_LEVEL", CONSOLE_LEVEL), _level("URVC_FILE_LOG_LEVEL", FILE_LEVEL)
    if parse_bool(os.environ.get("URVC_NO_LOGGING") or "no", "URVC_NO_LOGGING"):
        yield
        return
    ours, theirs = logging.getLogger(OURS), logging.getLogger(THEIRS)
    handlers = [(ours, _console(console)), *((logger, handler) for handler in _file(file) for logger in (ours, theirs))]
    before = ours.level
    ours.setLevel(min(console, file))
    logging.captureWarnings(True)
    for logger, handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, handler in handlers:
            logger.removeHandler(handler)
            handler.close()
        logging.captureWarnings(False)
        ours.setLevel(before)


def _level(variable: str, default: str) -> int:
    name = (os.environ.get(variable) or default).strip().upper()
    if name not in LEVELS:
        raise OptionError(f"{variable} is {name!r}; choose from {', '.join(LEVELS)}")
    return getattr(logging, name)


def _console(level: int) -> logging.Handler:
    handler = Stderr(level)
    handler.addFilter(lambda record: record.name != COSTS)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    return handler


def _file(level: int) -> list[logging.Handler]:
    """The log file's handler; none, and a word about it, where it cannot be written."""
    folder = paths.logs_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(folder / FILE_NAME, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")
    except OSError as error:
        click.echo(f"No log file: cannot write into {folder} ({error.strerror}); see URVC_LOGS_DIR", err=True)
        return []
    handler.setLevel(level)
    handler.setFormatter(logging.Formatter("%(asctime)s - %(levelname)s - %(name)s - %(message)s"))
    return [handler]
