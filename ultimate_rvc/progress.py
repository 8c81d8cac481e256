"""Progress as values: the engine reports, the front ends draw."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of one stage; equal when the stage has ended. `note` says how, if in a special way."""

    stage: str
    done: int
    total: int
    note: str = ""


OnProgress = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """The listener that draws nothing."""
