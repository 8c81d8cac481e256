"""From a salience over 360 pitch bins to a frequency: the mean of the bins around a peak, weighted by salience.

Kim et al., "CREPE: a convolutional representation for pitch estimation" (ICASSP 2018). The mean is taken of offsets
from the peak, not of cents, so that float32 is exact enough.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

BINS = 360
REACH_BINS = 4
REFERENCE_HZ = 10.0
# CREPE's and RMVPE's grid: bin 0 is 31.70 Hz, found by the authors of CREPE as C1 less a few cents.
CENTS_PER_BIN = 20.0
FIRST_BIN_CENTS = 1997.3794084376191


def around(salience: Tensor, centre: Tensor) -> Tensor:
    """salience [N, 360] ≥ 0 and its peaks' bins centre [N] → fractional bins [N]."""
    offsets = torch.arange(-REACH_BINS, REACH_BINS + 1, device=salience.device)  # [9]
    weights = F.pad(salience, (REACH_BINS, REACH_BINS)).gather(1, centre[:, None] + REACH_BINS + offsets)  # [N, 9]
    return centre + (weights * offsets).sum(1) / weights.sum(1).clamp(min=torch.finfo(weights.dtype).tiny)


def bins_to_hz(bins: Tensor) -> Tensor:
    """Bins on CREPE's grid, fractional or not → Hz."""
    return cents_to_hz(FIRST_BIN_CENTS + CENTS_PER_BIN * bins)


def cents_to_hz(cents: Tensor) -> Tensor:
    """Cents above 10 Hz → Hz."""
    return REFERENCE_HZ * torch.exp2(cents / 1200)
