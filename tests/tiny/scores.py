"""What a tiny voice is given to sing: made-up features and a melody with a rest, the same on every machine."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Score:
    """features [B, F, D], coarse [B, F], f0 [B, F] Hz, speaker [B], lengths [B]."""

    features: Tensor
    coarse: Tensor
    f0: Tensor
    speaker: Tensor
    lengths: Tensor

    def cut(self, first: int, last: int) -> "Score":
        """The frames from first to last."""
        frames = slice(first, last)
        lengths = torch.full_like(self.lengths, last - first)
        return Score(self.features[:, frames], self.coarse[:, frames], self.f0[:, frames], self.speaker, lengths)

    @property
    def sung(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The arguments of a synthesizer's call, but for the noise."""
        return self.features, self.coarse, self.f0, self.speaker

    @property
    def inferred(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The arguments of `infer`."""
        return self.features, self.lengths, self.coarse, self.f0, self.speaker


def made_up_score(width: int, frames: int, *, batch: int = 1, speakers: int = 1, seed: int = 5) -> Score:
    """Glides between 110 and 440 Hz, an eighth of it unvoiced; the second row is a quarter shorter."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((batch, frames, width), dtype=np.float32)
    turns = np.linspace(0, 1, frames) + np.arange(batch)[:, None] / 3
    f0 = (220 * 2 ** np.sin(2 * np.pi * turns)).astype(np.float32)
    f0[:, frames // 2 : frames // 2 + frames // 8] = 0
    coarse = np.clip(np.rint(f0 / 2), 1, 255).astype(np.int64)
    lengths = [frames - row * (frames // 4) for row in range(batch)]
    who = [(speakers - 1 + row) % speakers for row in range(batch)]
    return Score(*(torch.from_numpy(np.ascontiguousarray(x)) for x in (features, coarse, f0)),
                 torch.tensor(who), torch.tensor(lengths))  # fmt: skip
