"""What a run found, as records that turn into JSON and back into nothing else."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ultimate_rvc.benchmark.deviation import Deviation
from ultimate_rvc.benchmark.scenes import Scene
from ultimate_rvc.errors import OutputError

SCHEMA = 1
MEASURED, NOT_HERE, FAILED = "measured", "not here", "failed"


class Timed:
    """What holds the `seconds` of several turns."""

    seconds: list[float]

    @property
    def median_s(self) -> float:
        """Of the turns; not a number where there are none."""
        return statistics.median(self.seconds) if self.seconds else math.nan


@dataclass
class Cell(Timed):
    """One configuration in one scene. Times in seconds; `seconds` has one warm turn each.

    `remark` is what its worker said when it was opened. `load_s` is from the start of the process until everything is
    loaded, `first_s` the first call, on `first_of_s` of the scene. `stages` are those of the turn that is nearest to
    the median, and that took `staged_s`.
    """

    contender: str
    scene: str
    status: str = MEASURED
    reason: str = ""
    remark: str = ""
    load_s: float | None = None
    first_s: float | None = None
    first_of_s: float | None = None
    seconds: list[float] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
    staged_s: float | None = None
    peak_bytes: int = 0
    card_bytes: int = 0
    deviation: Deviation | None = None

    @property
    def rest_s(self) -> float:
        """What belongs to no stage; everything, where stages could not be told apart."""
        whole_s = self.staged_s if self.staged_s is not None else self.median_s
        return max(0.0, whole_s - sum(self.stages.values()))

    @property
    def spread_s(self) -> tuple[float, float]:
        """The fastest and the slowest turn."""
        return (min(self.seconds), max(self.seconds)) if self.seconds else (math.nan, math.nan)


@dataclass
class Search(Timed):
    """Retrieval alone: one way of searching an index of so many vectors."""

    who: str
    vectors: int
    queries: int
    load_s: float | None = None
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    max_abs: float | None = None
    status: str = MEASURED
    reason: str = ""


@dataclass
class Start(Timed):
    """A command from the start of its process to its end."""

    name: str
    command: str
    seconds: list[float] = field(default_factory=list)
    status: str = MEASURED
    reason: str = ""


@dataclass
class Result:
    """Everything that one run found."""

    version: str
    machine: Mapping[str, Any]
    settings: Mapping[str, Any]
    scenes: Sequence[Scene]
    contenders: Mapping[str, str]
    cells: list[Cell] = field(default_factory=list)
    searches: list[Search] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)

    def cell(self, contender: str, scene: str) -> Cell | None:
        """The cell of that name, if it was measured."""
        found = (cell for cell in self.cells if (cell.contender, cell.scene) == (contender, scene))
        return next((cell for cell in found if cell.status == MEASURED), None)

    def failures(self) -> list[str]:
        """What should have been measured and could not be; what is not for this machine does not count."""
        every = [(cell.contender, cell) for cell in self.cells]
        every += [(f"{search.who} {search.vectors:,}", search) for search in self.searches]
        every += [(start.name, start) for start in self.starts]
        return [f"{name}: {one.reason}" for name, one in every if one.status == FAILED]


def to_json(result: Result) -> str:
    """The result as JSON; `schema` counts its changes."""
    found = {"schema": SCHEMA, **asdict(result)}
    for record, written in zip(_timed(result), _timed_in(found), strict=True):
        written["median_s"] = record.median_s if record.seconds else None
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


def _timed(result: Result) -> list[Any]:
    return [*result.cells, *result.searches, *result.starts]


def _timed_in(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [*found["cells"], *found["searches"], *found["starts"]]


def write_text(path: Path, text: str) -> Path:
    """Writes a file whole, or raises OutputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    return path
