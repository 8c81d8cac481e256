"""All the randomness of a synthesizer, and the phase from which its source goes on.

A voice draws normal numbers for its latent and for its excitation (and RefineGAN for every layer). Where the draws
depend on nothing but a seed and the frame's place in the song, two spans that overlap sing the same there.
"""

import hashlib
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# Numbers are drawn for this many frames at a time (2.56 s), a block keyed by its place in the song.
BLOCK_FRAMES = 256
# Cycles are summed in blocks, as multiples of 1/65,536, so that every sum of a block is exact in float32.
PHASE_GRID = 2.0**16
PHASE_BLOCK = 64


class GlobalNoise:
    """torch's global generator: the draws of Ultimate RVC and Applio, in their order."""

    def normal(self, like: Tensor, time_axis: int, steps_per_frame: int) -> Tensor:
        """See seams.Noise; drawn in the order of the axes, however `like` lies in memory."""
        return torch.randn(like.shape, dtype=like.dtype, device=like.device)

    def uniform(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """See seams.Noise."""
        return torch.rand(shape, device=like.device).to(like.dtype)

    def start_phase(self, like: Tensor) -> Tensor:
        """Zeros [B]: every span starts anew."""
        return torch.zeros(len(like), device=like.device)


class SeededNoise:
    """Numbers that depend on the seed, the absolute frame and the how-manieth draw it is; made anew for each call.

    first_frames: where each row of the batch starts. phase: [B] cycles there, None for zeros. runs: a first frame and
    a number of frames → where in the song these lie, for rows that leave some of it out.
    """

    def __init__(
        self,
        seed: int,
        first_frames: Sequence[int],
        phase: Tensor | None = None,
        runs: Callable[[int, int], Sequence[range]] | None = None,
    ) -> None:
        self.seed = seed
        self.runs = runs or (lambda first, frames: [range(first, first + frames)])
        self.first_frames = tuple(first_frames)
        self.phase = phase
        self.draws = 0

    def normal(self, like: Tensor, time_axis: int, steps_per_frame: int) -> Tensor:
        """See seams.Noise. Raises ValueError when the batch is not the one that the frames were given for."""
        if len(like) != len(self.first_frames):
            raise ValueError(f"a batch of {len(like)} rows for {len(self.first_frames)} first frames")
        self.draws += 1
        shape, axis = list(like.shape[1:]), time_axis % like.ndim - 1
        shape[axis] = BLOCK_FRAMES * steps_per_frame
        rows = [self._row(first, like, shape, axis) for first in self.first_frames]
        return torch.stack(rows).to(like.dtype)

    def uniform(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """See seams.Noise; the same for every row of the batch, since all rows sing one song."""
        self.draws += 1
        row = torch.rand(shape[1:], device=like.device, generator=self._generator(like.device, block=0))
        return row.to(like.dtype).expand(shape)

    def start_phase(self, like: Tensor) -> Tensor:
        """The phase [B] that was given."""
        return torch.zeros(len(like), device=like.device) if self.phase is None else self.phase.to(like.device)

    def _row(self, first: int, like: Tensor, block_shape: list[int], axis: int) -> Tensor:
        steps, total = block_shape[axis] // BLOCK_FRAMES, like.shape[axis + 1]
        drawn = [self._run(run, like, block_shape, axis) for run in self.runs(first, math.ceil(total / steps))]
        return torch.cat(drawn, axis).narrow(axis, 0, total)

    def _run(self, run: range, like: Tensor, block_shape: list[int], axis: int) -> Tensor:
        """The numbers of some frames in a row."""
        steps, device = block_shape[axis] // BLOCK_FRAMES, like.device
        blocks = range(run.start // BLOCK_FRAMES, (run.stop - 1) // BLOCK_FRAMES + 1)
        drawn = [torch.randn(block_shape, device=device, generator=self._generator(device, b)) for b in blocks]
        return torch.cat(drawn, axis).narrow(axis, run.start % BLOCK_FRAMES * steps, len(run) * steps)

    def _generator(self, device: torch.device, block: int) -> torch.Generator:
        key = hashlib.blake2b(f"{self.seed} {self.draws} {block}".encode(), digest_size=7).digest()
        return torch.Generator(device).manual_seed(int.from_bytes(key))


def source_phase(f0: Tensor, hop_samples: int, sample_rate_hz: int) -> Tensor:
    """f0 [..., F] Hz → the fundamental's phase [..., F] before each frame, in cycles from -0.5 to 0.5.

    A frame advances by what its own last sample says, so that the next one goes on from there. Float32 on f0's device.
    """
    advance = f0.float() / sample_rate_hz * hop_samples
    return exclusive(running_phase(wrap(advance)))


def running_phase(cycles: Tensor) -> Tensor:
    """cycles [..., N], each from -0.5 to 0.5 → their running sum modulo 1, good to 1e-6 after an hour of samples."""
    grid = torch.round(cycles * PHASE_GRID) / PHASE_GRID
    return wrap(_running_grid(grid) + wrap(torch.cumsum(cycles - grid, -1)))


def wrap(cycles: Tensor) -> Tensor:
    """The same phase between -0.5 and 0.5; exact."""
    return cycles - torch.round(cycles)


def exclusive(running: Tensor) -> Tensor:
    """A running sum [..., N] → what it was before each step."""
    return torch.nn.functional.pad(running[..., :-1], (1, 0))


def _running_grid(grid: Tensor) -> Tensor:
    """Running sum modulo 1 of multiples of 1/PHASE_GRID: inside blocks, then over the blocks' own sums. Exact."""
    n = grid.shape[-1]
    if n <= PHASE_BLOCK:
        return wrap(torch.cumsum(grid, -1))
    blocks = torch.nn.functional.pad(grid, (0, -n % PHASE_BLOCK)).unflatten(-1, (-1, PHASE_BLOCK))  # [..., N/64, 64]
    inside = wrap(torch.cumsum(blocks, -1))
    before = exclusive(_running_grid(inside[..., -1]))
    return wrap(inside + before[..., None]).flatten(-2)[..., :n]
