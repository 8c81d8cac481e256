"""Activations computed twice rather than kept (Chen et al., 2016): slower, in a fraction of the memory."""

from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from ultimate_rvc.rvc.synth.flow import WaveNet
from ultimate_rvc.rvc.synth.generators.blocks import ResBlock
from ultimate_rvc.rvc.synth.generators.mrf import MrfBlock
from ultimate_rvc.rvc.synth.generators.refinegan import ParallelBlocks
from ultimate_rvc.rvc.train.discriminators import Judge

# What holds nearly all activations. RefineGAN's parallel blocks hold residual blocks, which would be computed thrice.
COSTLY = (WaveNet, ResBlock, MrfBlock, ParallelBlocks, Judge)


def recompute(network: nn.Module) -> None:
    """Makes the network's costly parts keep nothing but what they are given."""
    for part in network.children():
        if isinstance(part, COSTLY):
            part.forward = partial(checkpoint, part.forward, use_reentrant=False)
        else:
            recompute(part)
