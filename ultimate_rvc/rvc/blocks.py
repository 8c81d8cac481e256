"""Long signals in overlapping blocks of steps, so that memory is bounded by the block and not by the song."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """Frames start..stop-1 are kept; first..last-1, which hold them and their context, are computed."""

    start: int
    stop: int
    first: int
    last: int

    @property
    def kept(self) -> slice:
        """Where the kept frames lie among the computed ones."""
        return slice(self.start - self.first, self.stop - self.first)


def blocks(frames: int, longest: int | None, context: int, wanted: range | None = None) -> Iterator[Block]:
    """Blocks that tile the wanted frames of 0..frames-1, by default all.

    Each has at most `longest` frames (None: all) plus context on both sides. From frame 0 on, every `first` is a
    multiple of whatever `longest` and `context` are both multiples of.
    """
    wanted, step = wanted or range(frames), longest or max(frames, 1)
    for start in range(wanted.start, wanted.stop, step):
        stop = min(start + step, wanted.stop)
        yield Block(start, stop, max(0, start - context), min(frames, stop + context))
