"""The files that a run may leave: JSON, a page, a picture."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ultimate_rvc import pictures
from ultimate_rvc.benchmark import picture, report
from ultimate_rvc.benchmark.results import Result, to_json, write_text
from ultimate_rvc.covers.checks import require_writable


@dataclass(frozen=True)
class Outputs:
    """Where each goes; None for not at all."""

    json: Path | None = None
    report: Path | None = None
    picture: Path | None = None

    def check(self) -> None:
        """Raises OptionError or OutputError for what could not be written, before anything is measured."""
        for path in filter(None, (self.json, self.report, self.picture)):
            require_writable(path.absolute().parent)
        if self.picture:
            pictures.require(self.picture)

    def write(self, result: Result, command: str) -> Iterator[Path]:
        """Writes those that are wanted, and gives the path of each."""
        if self.json:
            yield write_text(self.json, to_json(result))
        if self.picture:
            yield picture.draw(result, self.picture)
        if self.report:
            yield write_text(self.report, report.markdown(result, command, self._picture_from_report()))

    def _picture_from_report(self) -> Path | None:
        if not (self.picture and self.report):
            return None
        return Path(os.path.relpath(self.picture, self.report.absolute().parent))
