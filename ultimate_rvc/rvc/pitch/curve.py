"""A pitch curve from a text file: lines of seconds and Hz, as RVC tools and pitch editors write them."""

import math
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ultimate_rvc.errors import OptionError
from ultimate_rvc.rvc.pitch.grid import onto_grid

SEPARATOR = re.compile(r"[\s,;]+")


def read_curve(path: Path, frames: int, device: torch.device) -> Tensor:
    """The file's curve on 100 frames a second → f0 [frames] in Hz on the device, 0 = unvoiced and outside the curve.

    A line is `seconds,Hz` (or with spaces, tabs or semicolons); a first line of words is skipped. Between two voiced
    points the curve is linear. Raises OptionError that names the line, or the file when it cannot be read.
    """
    points = np.array(_points(Path(path)), dtype=np.float64)  # [N, 2]
    f0 = onto_grid(points[:, 0], points[:, 1], frames)
    return torch.from_numpy(f0.astype(np.float32)).to(device)


def _points(path: Path) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for number, line in enumerate(_lines(path), start=1):
        words = [word for word in SEPARATOR.split(line) if word]
        if not words or (not points and _is_header(words)):
            continue
        points.append(_point(words, f"line {number} of {path} is {line.strip()[:60]!r}"))
        if len(points) > 1 and points[-1][0] < points[-2][0]:
            raise OptionError(f"line {number} of {path} goes back in time to {points[-1][0]} s; sort the lines")
    if not points:
        raise OptionError(f"{path} holds no pitch curve; it should have lines of 'seconds,Hz'")
    return points


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the pitch curve {path} cannot be read as text: {error}") from error


def _is_header(words: list[str]) -> bool:
    return not any(word[0].isdigit() or word[0] in "+-." for word in words)


def _point(words: list[str], where: str) -> tuple[float, float]:
    try:
        seconds, hz = map(float, words)
    except ValueError as error:
        raise OptionError(f"{where}; it should be two numbers, 'seconds,Hz'") from error
    if not (math.isfinite(seconds) and math.isfinite(hz) and seconds >= 0 and hz >= 0):
        raise OptionError(f"{where}; seconds and Hz must be finite and not negative (0 Hz is unvoiced)")
    return seconds, hz
