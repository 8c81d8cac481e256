"""A vocoder's convolutions in tiles of time: equal samples, in bounded memory, within every device's limits.

A convolution stack hears a bounded stretch of time, so a tile with that much context on both sides gives the samples
that the whole would. On the CPU short tiles are several times faster too: their activations stay below the size from
which the allocator maps fresh pages for every layer.
"""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ultimate_rvc.device import conv_limit
from ultimate_rvc.rvc.blocks import blocks
from ultimate_rvc.rvc.synth.checkpoint import VoiceConfig

# Activations of a real voice's widest layers take 50 kB a frame; glibc reuses buffers of up to 32 MB.
CPU_TILE_FRAMES = 512
WHOLE = 1 << 40

Render = Callable[[Tensor, Tensor | None], Tensor]


def reach_frames(config: VoiceConfig, edge_taps: int) -> int:
    """How many frames to each side a HiFi-GAN of this shape hears."""
    steps_per_frame, reach = 1, edge_taps // 2
    for rate, taps in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
        reach += math.ceil(taps / rate) / steps_per_frame
        steps_per_frame *= rate
        reach += max(map(block_reach, config.resblock_kernel_sizes, config.resblock_dilation_sizes)) / steps_per_frame
    # One frame more for the excitation's strided convolutions, and the last convolution's edge.
    return math.ceil(reach + edge_taps / steps_per_frame) + 1


def block_reach(taps: int, dilations: Iterable[int]) -> int:
    """Steps to each side that a residual block hears: every dilated convolution is followed by a plain one."""
    return sum((dilation + 1) * (taps - 1) // 2 for dilation in dilations)


def in_tiles(
    render: Render, z: Tensor, excitation: Tensor | None, wanted: range, *, hop: int, reach: int, length: int
) -> Tensor:
    """z [B, C, F] and excitation [B, 1, F · hop] → render's samples of the wanted frames, [B, 1, wanted · hop]."""
    out = torch.empty(len(z), 1, len(wanted) * hop, device=z.device)
    for tile in blocks(z.shape[-1], length, reach, wanted):
        heard = None if excitation is None else excitation[..., tile.first * hop : tile.last * hop]
        piece = render(z[..., tile.first : tile.last], heard)
        place = slice((tile.start - wanted.start) * hop, (tile.stop - wanted.start) * hop)
        out[..., place] = piece[..., tile.kept.start * hop : tile.kept.stop * hop]
    return out


def tile_frames(device: torch.device, hop: int, reach: int) -> int:
    """Frames of a tile without its context; on a GPU the whole, unless it limits the length of a convolution."""
    if device.type == "cpu":
        return CPU_TILE_FRAMES
    limit = conv_limit(device)
    return limit // hop - 2 * reach if limit else WHOLE
