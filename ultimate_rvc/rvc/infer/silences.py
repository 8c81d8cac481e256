"""Long silences are left out before the conversion, and are silence again behind it.

Where the source is silent the result is gated to zeros, so nothing need be sung there. The stretches that sound, each
with some of the silence around it, are put end to end on a shorter line, which is cut and converted like any song;
frames of that line are then found again on the song's own. What is left out begins on an even frame and is so long that
the grids of the content encoder (320 samples) and of SwiftF0 (256) lie in the shorter line as they lie in the song.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from torch import Tensor

from ultimate_rvc.rvc.infer.spans import CUT_STEP_FRAMES, Span
from ultimate_rvc.rvc.seams import PITCH_HOP_SAMPLES

# Silence that stays on both sides of what sounds: pauses sound like pauses to the encoders.
KEPT_FRAMES = 20
# A multiple of 320 and of 256 samples.
GRID_FRAMES = 8
assert GRID_FRAMES % CUT_STEP_FRAMES == 0 and GRID_FRAMES * PITCH_HOP_SAMPLES % 256 == 0
# Less than this is not worth a seam.
SHORTEST_FRAMES = 20


@dataclass(frozen=True)
class Stretches:
    """The parts of a song that are converted, in its own frames, rising and apart; none when it is silent."""

    spans: Sequence[Span]

    @property
    def frames(self) -> int:
        """Length of the shorter line."""
        return sum(span.frames for span in self.spans)

    def runs(self, start: int, frames: int) -> list[Span]:
        """Frames start … start + frames - 1 of the shorter line → the song's own frames, in order.

        Before the first stretch and behind the last, the line goes on as the song does.
        """
        return [Span(a + shift, b + shift) for a, b, shift in self._within(start, start + frames)]

    def _within(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The borders on the shorter line, and what is added to them on the song."""
        begin = 0
        for i, span in enumerate(self.spans):
            first = start if i == 0 else max(start, begin)
            begin += span.frames
            last = end if i == len(self.spans) - 1 else min(end, begin)
            if first < last:
                yield first, last, span.end - begin


def whole(heard: Tensor) -> Stretches:
    """Nothing is left out; waits for nothing."""
    return Stretches((Span(0, len(heard)),))


def sounding(heard: Tensor) -> Stretches:
    """heard [F], above 0 where a frame is let through → the song without its long silences. Waits for the device."""
    loud = (heard > 0).cpu().numpy().astype(np.int8)
    edges = np.flatnonzero(np.diff(loud, prepend=0, append=0)).tolist()  # sound begins, ends, begins, …
    if not edges:
        return Stretches(())
    # A silence at either end needs no sound beyond it.
    silences = pairwise([-KEPT_FRAMES, *edges, len(heard) + 2 * KEPT_FRAMES])
    gaps = [_left_out(end, begin) for end, begin in list(silences)[::2]]
    borders = [place for gap in gaps if gap[1] - gap[0] >= SHORTEST_FRAMES for place in gap]
    stretches = [Span(first, min(last, len(heard))) for first, last in list(pairwise([0, *borders, len(heard)]))[::2]]
    return Stretches(tuple(span for span in stretches if span.frames > 0))


def _left_out(end: int, begin: int) -> tuple[int, int]:
    """What goes of a silence between the end of one sound and the beginning of the next."""
    first = -(-(end + KEPT_FRAMES) // CUT_STEP_FRAMES) * CUT_STEP_FRAMES
    return first, first + max(0, begin - KEPT_FRAMES - first) // GRID_FRAMES * GRID_FRAMES
