"""Where finished samples land on the host, while the device goes on with the next span."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ultimate_rvc.errors import ModelError


class Tape:
    """The finished samples [T]; silence wherever nothing was put."""

    def __init__(self, samples: int) -> None:
        self.samples = np.zeros(samples, np.float32)
        self._peak = np.float32(0)
        self._coming: tuple[list[slice], Download] | None = None

    def put(self, placed: Sequence[tuple[int, Tensor]]) -> None:
        """Pieces [n] with their places, in one download; what reaches behind the end is cut off."""
        if not placed:
            return
        coming = [slice(start, start + len(piece)) for start, piece in placed], Download([piece for _, piece in placed])
        self._land()
        self._coming = coming

    def finished(self, ceiling: float) -> np.ndarray:
        """The samples, all scaled down if any exceeds the ceiling."""
        self._land()
        if self._peak > ceiling:
            self.samples /= self._peak / np.float32(ceiling)
        return self.samples

    def _land(self) -> None:
        """What was on its way is there. Raises ModelError for what is no number."""
        if self._coming is None:
            return
        places, download = self._coming
        self._coming, at, landed = None, 0, finite(download.wait())
        self._peak = max(self._peak, landed.max(initial=0), -landed.min(initial=0))
        for place in places:
            self.samples[place] = landed[at : at + place.stop - place.start][: max(0, len(self.samples) - place.start)]
            at += place.stop - place.start


class Download:
    """Pieces [n] on their way to the host; on CUDA beside the work that is started after them."""

    def __init__(self, pieces: Sequence[Tensor]) -> None:
        self._samples = torch.cat(list(pieces)) if len(pieces) > 1 else pieces[0]
        self._arrived = None
        if self._samples.is_cuda:
            pinned = torch.empty(self._samples.shape, dtype=self._samples.dtype, pin_memory=True)
            self._samples = pinned.copy_(self._samples, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()

    def wait(self) -> np.ndarray:
        """The samples, end to end."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._samples.cpu().numpy()


def finite(samples: np.ndarray) -> np.ndarray:
    """The samples; what is not a number is never handed on as sound."""
    if not np.isfinite(samples).all():
        raise ModelError("the voice gave samples that are not numbers; try RVC_USE_FP16=0, else the voice is damaged")
    return samples
