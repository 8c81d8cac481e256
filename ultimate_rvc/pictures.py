"""Pictures by matplotlib, which is optional: whether one can be drawn, and its file."""

import importlib.util
from pathlib import Path
from typing import Any

from ultimate_rvc.errors import OptionError, OutputError

FORMATS = (".png", ".svg", ".pdf")
DOTS_PER_INCH = 130


def require(path: Path) -> None:
    """Raises OptionError where nothing can be drawn, or not in this format."""
    if importlib.util.find_spec("matplotlib") is None:
        raise OptionError("a picture needs matplotlib; install it with: pip install 'matplotlib>=3.8'")
    if path.suffix.lower() not in FORMATS:
        raise OptionError(f"{path.name} is no picture that can be drawn; choose {', '.join(FORMATS)}")


def write(figure: Any, path: Path) -> Path:
    """Writes a matplotlib Figure and returns path. Raises OutputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DOTS_PER_INCH)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    return path
