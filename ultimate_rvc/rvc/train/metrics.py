"""The figures of a training: always as lines of JSON, and as TensorBoard's events where that is installed."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ultimate_rvc.audio.sound import Audio

logger = logging.getLogger(__name__)

FILE = "metrics.jsonl"


class Metrics:
    """Appends to FOLDER/metrics.jsonl; upstream's tags name the numbers, so that curves can be laid side by side."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / FILE).open("a", encoding="utf-8")
        self._board = _board(folder)

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._file.close()
        if self._board:
            self._board.close()

    def note(self, step: int, numbers: Mapping[str, float], **about: Any) -> None:
        """One line, on the disk when it returns, so that a kill costs none that was seen."""
        rounded = {name: float(f"{value:.6g}") for name, value in numbers.items()}
        self._file.write(json.dumps({"step": step, **about, **rounded}) + "\n")
        self._file.flush()
        if self._board:
            for name, value in numbers.items():
                self._board.add_scalar(name, value, step)

    def sound(self, step: int, name: str, audio: Audio) -> None:
        """A sample to listen to in TensorBoard."""
        if self._board:
            self._board.add_audio(name, audio.samples, step, audio.rate)


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        logger.info("no TensorBoard events, only %s; for them: pip install 'ultimate-rvc[train]'", folder / FILE)
        return None
    return SummaryWriter(folder)
