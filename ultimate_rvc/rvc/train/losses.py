"""What a voice is trained towards: VITS's KL term, and HiFi-GAN's adversarial and feature-matching losses.

Least squares after Mao et al. (2017). Judgements and features come as lists, an entry for each discriminator; all sums
are taken in float32.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

FEATURES_WEIGHT = 2.0


def kl_loss(z_p: Tensor, log_q: Tensor, mean_p: Tensor, log_p: Tensor, keep: Tensor) -> Tensor:
    """How far the posterior, seen through the flow, lies from the text's prior, a frame: all [B, C, F], keep [B, 1, F].

    log_q, log_p: logarithms of the standard deviations.
    """
    z_p, log_q, mean_p, log_p = (x.float() for x in (z_p, log_q, mean_p, log_p))
    kl = log_p - log_q - 0.5 + 0.5 * (z_p - mean_p).square() * torch.exp(-2 * log_p)
    return (kl * keep).sum() / keep.sum()


def discriminator_loss(true: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
    """Ones are wanted for what is true, zeros for what is made."""
    return sum((1 - t.float()).square().mean() + m.float().square().mean() for t, m in zip(true, made, strict=True))


def adversarial_loss(made: Sequence[Tensor]) -> Tensor:
    """The generator wants ones for what it made."""
    return sum((1 - m.float()).square().mean() for m in made)


def features_loss(true: Sequence[Sequence[Tensor]], made: Sequence[Sequence[Tensor]]) -> Tensor:
    """How differently the discriminators' layers hear the two."""
    pairs = ((t, m) for ts, ms in zip(true, made, strict=True) for t, m in zip(ts, ms, strict=True))
    return FEATURES_WEIGHT * sum((t.float() - m.float()).abs().mean() for t, m in pairs)
