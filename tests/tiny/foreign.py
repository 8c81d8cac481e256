"""Foreign models, as people's own code hands them to the pipeline, whose result is known beforehand.

`Frames` hears content frames as the very samples that they stand on, and `Repeat` sings them back: together they are
the identity, at 16 kHz, sample for sample.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ultimate_rvc.rvc.infer.shelf import Shelf


def steady(f0_hz: float = 220.0) -> Callable[[Tensor], Tensor]:
    """An estimator that hears one note all the time."""
    return lambda wav: torch.full((len(wav) // 160,), f0_hz, device=wav.device)


def shelf_with(
    melody: Callable[[Tensor], Tensor], method: str = "swift", *, device: str = "cpu", strict: bool = False
) -> Shelf:
    """A shelf on which this estimator already lies under the method's name."""
    shelf = Shelf()
    shelf.get("pitch", (method, device, strict, not strict), lambda: melody)
    return shelf


class Frames:
    """A content encoder whose features are the 320 samples from each frame's start: [B, T] → [B, L, 320]."""

    def __call__(self, wav: Tensor) -> dict[str, Tensor]:
        frames = (wav.shape[1] - 80) // 320
        return {"last_hidden_state": wav[:, : frames * 320].reshape(len(wav), frames, 320)}


class Repeat:
    """A generator that gives each pitch frame its half of the content frame: [B, F, 320] → [B, 1, F·160]."""

    def infer(self, feats: Tensor, lengths: Tensor, pitch: Tensor, pitchf: Tensor, sid: Tensor) -> tuple[Tensor, ...]:
        halves = feats.unflatten(-1, (2, 160))  # [B, F, 2, 160]
        place = torch.arange(feats.shape[1]) % 2
        wav = halves[:, torch.arange(feats.shape[1]), place]  # [B, F, 160]
        return wav.flatten(1)[:, None], None, None


class Tone:
    """A generator that sings the f0 that it is given as a sine, with the phase running on inside a span."""

    def __init__(self, rate_hz: int):
        self.rate_hz = rate_hz

    def infer(self, feats: Tensor, lengths: Tensor, pitch: Tensor, pitchf: Tensor, sid: Tensor) -> tuple[Tensor, ...]:
        f0 = pitchf.repeat_interleave(self.rate_hz // 100, dim=1)
        phase = torch.cumsum(f0.double() / self.rate_hz, 1)
        return (0.5 * torch.sin(2 * torch.pi * phase) * (f0 > 0)).float()[:, None], None, None
