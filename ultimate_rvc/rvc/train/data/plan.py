"""What is to be done with each file of a dataset: left out unopened, taken from an earlier run, or cut."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from ultimate_rvc.rvc.train.data.checks import Problem
from ultimate_rvc.rvc.train.data.report import FileReport, Key
from ultimate_rvc.rvc.train.data.sources import SPEAKERS


@dataclass(frozen=True)
class Plan:
    """A file's report as far as it is known, and whether that is all there is to do."""

    report: FileReport
    done: bool


def plans_of(files: Sequence[FileReport], kept: Mapping[Key, FileReport]) -> list[Plan]:
    """A plan per file. Those of an earlier run keep their numbers; the others get the lowest that are free."""
    refused = _refused(files)
    taken = {kept[file.key].number for file in files if file.path not in refused and file.key in kept}
    free = (number for number in count() if number not in taken)
    plans = []
    for file in files:
        if file.path in refused:
            plans.append(Plan(replace(file, problems=(refused[file.path],)), done=True))
        elif file.key in kept:
            plans.append(Plan(replace(kept[file.key], path=file.path), done=True))
        else:
            plans.append(Plan(replace(file, number=next(free)), done=False))
    return plans


def _refused(files: Iterable[FileReport]) -> dict[str, Problem]:
    """Why files are left out unopened, by path: nobody's, or the same as one before."""
    first: dict[str, str] = {}
    refused = {}
    for file in files:
        if file.speaker is None:
            refused[file.path] = Problem("wrong folder", f"its folder is no speaker's number from 0 to {SPEAKERS - 1}")
        # What could not be read has no fingerprint, and is no twin of anything.
        elif first.setdefault(file.fingerprint or file.path, file.path) != file.path:
            refused[file.path] = Problem("duplicate", f"it is the same file as {first[file.fingerprint]}")
    return refused
