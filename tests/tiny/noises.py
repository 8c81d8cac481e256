"""Noise for tests: written down while one synthesizer draws it, and handed to another."""

import torch
from torch import Tensor


class RecordedNoise:
    """Passes another noise on and keeps every tensor in `drawn`, in order."""

    def __init__(self, inner) -> None:
        self.inner, self.drawn = inner, []

    def normal(self, like: Tensor, time_axis: int, steps_per_frame: int) -> Tensor:
        return self._keep(self.inner.normal(like, time_axis, steps_per_frame))

    def uniform(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        return self._keep(self.inner.uniform(shape, like))

    def start_phase(self, like: Tensor) -> Tensor:
        return self.inner.start_phase(like)

    def _keep(self, drawn: Tensor) -> Tensor:
        self.drawn.append(drawn)
        return drawn


class ReplayedNoise:
    """Gives out recorded tensors in order; another shape than the one asked for is an error."""

    def __init__(self, drawn: list[Tensor], phase: Tensor | None = None) -> None:
        self.left, self.phase = list(drawn), phase

    def normal(self, like: Tensor, time_axis: int, steps_per_frame: int) -> Tensor:
        return self._next(like.shape).to(like)

    def uniform(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        return self._next(shape).to(like)

    def start_phase(self, like: Tensor) -> Tensor:
        return torch.zeros(len(like)) if self.phase is None else self.phase

    def _next(self, shape: tuple[int, ...]) -> Tensor:
        drawn = self.left.pop(0)
        assert drawn.shape == tuple(shape), f"{tuple(drawn.shape)} recorded, {tuple(shape)} asked for"
        return drawn
