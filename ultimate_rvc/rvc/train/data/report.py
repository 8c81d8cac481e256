"""What became of each file of a dataset, kept as JSON beside the slices, where the next run finds it."""

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ultimate_rvc.rvc.train.data.checks import Problem
from ultimate_rvc.rvc.train.info import write_json

logger = logging.getLogger(__name__)

# What a run knows a recording by: the fingerprint of its bytes, and its speaker.
Key = tuple[str, int | None]


@dataclass(frozen=True)
class FileReport:
    """One file: what it is, what is wrong with it, and which slices it gave (none where it was left out).

    `number` is that of its slices' names, `fingerprint` that of its bytes. `silent_slices` were left out.
    """

    path: str
    speaker: int | None
    fingerprint: str
    number: int | None = None
    duration_s: float = 0.0
    rate_hz: int = 0
    problems: tuple[Problem, ...] = ()
    slices: tuple[str, ...] = ()
    sliced_s: float = 0.0
    silent_slices: int = 0

    @property
    def key(self) -> Key:
        """What the next run knows it by."""
        return self.fingerprint, self.speaker

    @property
    def is_used(self) -> bool:
        """Whether anything of it is trained on."""
        return bool(self.slices)


@dataclass(frozen=True)
class DatasetReport:
    """All files of a dataset, in its order, and the options that its slices were made with."""

    dataset: str
    options: dict[str, Any]
    files: tuple[FileReport, ...] = field(default_factory=tuple)

    @property
    def used(self) -> list[FileReport]:
        """The files that gave slices."""
        return [file for file in self.files if file.is_used]

    @property
    def duration_s(self) -> float:
        """Seconds of the recordings that are used."""
        return sum(file.duration_s for file in self.used)

    def problems(self) -> Iterable[tuple[FileReport, Problem]]:
        """Whatever is wrong, file by file."""
        return ((file, problem) for file in self.files for problem in file.problems)


def save_report(report: DatasetReport, path: Path) -> None:
    """Raises OutputError."""
    write_json(path, asdict(report))


def load_report(path: Path) -> DatasetReport | None:
    """What was saved; None where there is no such file, or another program's: then all is made again."""
    if not path.is_file():
        return None
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return DatasetReport(held["dataset"], held["options"], tuple(map(_file, held["files"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.info("%s is no report (%s), so all slices are made again", path, error)
        return None


def _file(record: dict[str, Any]) -> FileReport:
    problems = tuple(Problem(**problem) for problem in record.pop("problems"))
    return FileReport(**record | {"problems": problems, "slices": tuple(record["slices"])})
