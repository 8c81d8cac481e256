"""Rows of convolutions over long pictures of time, in tiles that stay in the processor's cache.

A convolution of three frames sees one to each side, so a tile with as many frames of context as it goes through
convolutions gives what the whole picture would.
"""

import torch
from torch import Tensor, nn

from ultimate_rvc.rvc.blocks import blocks
from ultimate_rvc.rvc.mapped import let_go
from ultimate_rvc.rvc.pitch.folding import folded

# Over the whole picture, layers are so large that glibc maps fresh pages for each, which takes as long as the
# arithmetic. Tiles of 128 to 1024 frames differ by a tenth.
TILE_FRAMES = 256


def whole(row: nn.Sequential, *parts: Tensor) -> Tensor:
    """The row over parts [B, C, n, m] that lie side by side in channels."""
    return row(torch.cat(parts, dim=1) if len(parts) > 1 else parts[0])


def in_tiles(row: nn.Sequential, *parts: Tensor) -> Tensor:
    """As `whole`, for a row whose convolutions all see one frame to each side, folded here and now."""
    # What has no norm behind it is laid out afterwards; the large weights are not copied for it.
    ready = folded(row, layout=torch.channels_last).to(memory_format=torch.channels_last)
    let_go(row.parameters())
    frames = parts[0].shape[2]
    reach = sum(isinstance(module, nn.Conv2d) and module.padding[0] for module in row.modules())
    out = None
    for block in blocks(frames, TILE_FRAMES, reach):
        made = whole(ready, *(part[:, :, block.first : block.last] for part in parts))[:, :, block.kept]
        if out is None:  # only now its channels are known
            out = made.new_empty(len(made), frames, made.shape[3], made.shape[1]).permute(0, 3, 1, 2)
        out[:, :, block.start : block.stop] = made
    return out
