"""A HiFi-GAN on a CPU: the same samples from rows of channels, in tiles that stay in the cache.

The channels of a step lie side by side, as oneDNN's kernels and matrix products want them. Every stage goes in tiles of
its own, so that the dozens of passes of its residual blocks read and write the cache alone. Long kernels go by
`bilinear`; the rest directly.

T steps · C channels · O outputs
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ultimate_rvc.device import check_precision
from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.rvc.blocks import blocks
from ultimate_rvc.rvc.synth.generators.bilinear import BilinearConv, is_worth_it
from ultimate_rvc.rvc.synth.generators.blocks import LAST_SLOPE, SLOPE, Pair
from ultimate_rvc.rvc.synth.generators.quantized import QuantizedConv, is_worth_quantizing
from ultimate_rvc.rvc.synth.generators.tiles import WHOLE, block_reach

if TYPE_CHECKING:
    from ultimate_rvc.rvc.synth.generators.hifigan import Stage, StagedVocoder

# What a tile of activations takes; with a convolution's own buffers about what a core's second cache holds.
TILE_BYTES = 1 << 22


class RowConv(Protocol):
    """A convolution that keeps the length, between two leaky ReLUs."""

    def __call__(self, x: Tensor, before: float = 1.0, after: float = 1.0) -> Tensor:
        """x [T, C] → [T, O]; the slopes of the leaky ReLUs, of which 1 is none."""


def row_vocoder(vocoder: "StagedVocoder", optimization: OptimizationConfig) -> "RowVocoder | None":
    """The vocoder's own way on a CPU with these optimisations; None where torch's usual layout is asked for.

    Raises DeviceError for a precision that the processor lacks.
    """
    check_precision("cpu", optimization.precision)
    make = _convolution(optimization)
    return RowVocoder(vocoder, make, tiled=optimization.uses("tiles")) if make else None


def _convolution(optimization: OptimizationConfig) -> Callable[[nn.Conv1d], RowConv] | None:
    if optimization.precision == "bf16":
        return partial(DirectConv, dtype=torch.bfloat16)
    if optimization.precision == "int8":
        return lambda conv: QuantizedConv(conv) if is_worth_quantizing(conv) else DirectConv(conv)
    if optimization.uses("fast-convolution"):
        return lambda conv: BilinearConv(conv) if is_worth_it(conv) else DirectConv(conv)
    return DirectConv if optimization.uses("channels-last") else None


class RowVocoder:
    """z [B, C, F], excitation [B, 1, T], speaker [B, G, 1] → wav [B, 1, T]. Holds its own copies of the weights."""

    def __init__(self, vocoder: "StagedVocoder", make: Callable[[nn.Conv1d], RowConv], *, tiled: bool) -> None:
        self.open, self.cond, self.close = vocoder.conv_pre, vocoder.cond, DirectConv(vocoder.conv_post)
        self.stages = [RowStage(stage, make, tiled=tiled) for stage in vocoder.stages()]

    def __call__(self, z: Tensor, excitation: Tensor | None, speaker: Tensor) -> Tensor:
        heard = [None] * len(z) if excitation is None else excitation
        return torch.stack([self._render(*row) for row in zip(z, heard, speaker, strict=True)])

    def _render(self, z: Tensor, excitation: Tensor | None, speaker: Tensor) -> Tensor:
        """z [C, F], excitation [1, T], speaker [G, 1] → [1, T]."""
        x = (self.open(z) + self.cond(speaker)).T.contiguous()  # [F, C]
        for stage in self.stages:
            x = stage(x, excitation)
        return torch.tanh(self.close(x, LAST_SLOPE)).T


class RowStage:
    """One stage: x [T, C], excitation [1, samples] or None → [T · rate, C / 2]."""

    def __init__(self, stage: "Stage", make: Callable[[nn.Conv1d], RowConv], *, tiled: bool) -> None:
        self.up = RowUpsampler(stage.up)
        self.hear = None if stage.hear is None else RowExcitation(stage.hear)
        pairs = [list(block.pairs()) for block in stage.blocks]
        self.blocks = [[(make(dilated), make(plain)) for dilated, plain in block] for block in pairs]
        self.reach = max(map(_reach, pairs))
        self.tile_steps = TILE_BYTES // (4 * stage.up.out_channels) if tiled else WHOLE

    def __call__(self, x: Tensor, excitation: Tensor | None) -> Tensor:
        x = self.up(x)
        if self.hear is not None:
            self.hear(excitation, onto=x)
        out = torch.empty_like(x)
        for tile in blocks(len(x), self.tile_steps, self.reach):
            self._blend(x[tile.first : tile.last], out[tile.start : tile.stop], tile.kept)
        return out

    def _blend(self, x: Tensor, out: Tensor, inner: slice) -> None:
        """The mean over the blocks of what they make of x [t, C], its inner part into out."""
        first, *others = (_residual(block, x)[inner] for block in self.blocks)
        total = sum(others, start=first) if others else first
        torch.div(total, len(self.blocks), out=out)


def _residual(block: Iterable[tuple[RowConv, RowConv]], x: Tensor) -> Tensor:
    for dilated, plain in block:
        x = _added(plain(dilated(x, SLOPE, SLOPE)), x)
    return x


def _added(new: Tensor, x: Tensor) -> Tensor:
    """Their sum in x's precision, in the new one's memory where it fits."""
    return new.add_(x) if new.dtype == x.dtype else x + new


def _reach(pairs: list[Pair]) -> int:
    """Steps to each side that a residual block hears."""
    return block_reach(pairs[0][0].kernel_size[0], (dilated.dilation[0] for dilated, _ in pairs))


class DirectConv:
    """A convolution that keeps the length, as oneDNN does it, in float32 or less: x [T, C] → [T, O]."""

    def __init__(self, conv: nn.Conv1d, dtype: torch.dtype = torch.float32) -> None:
        self.weight, self.bias = (
            _picture_weight(conv.weight, dtype),
            conv.bias if conv.bias is None else conv.bias.to(dtype),
        )
        self.dilation, self.padding = (1, conv.dilation[0]), (0, conv.padding[0])

    def __call__(self, x: Tensor, before: float = 1.0, after: float = 1.0) -> Tensor:
        """See RowConv; the result is of this convolution's dtype."""
        x = x if before == 1.0 else F.leaky_relu(x, before)
        picture = _picture(x.to(self.weight.dtype))
        out = _rows(F.conv2d(picture, self.weight, self.bias, 1, self.padding, self.dilation))
        return out if after == 1.0 else F.leaky_relu(out, after, inplace=True)


class RowUpsampler:
    """A transposed convolution behind a leaky ReLU: x [T, C] → [T · rate, O]."""

    def __init__(self, conv: nn.ConvTranspose1d) -> None:
        self.weight, self.bias = _picture_weight(conv.weight), conv.bias
        self.stride = (1, conv.stride[0])
        self.padding, self.surplus = (0, conv.padding[0]), (0, conv.output_padding[0])

    def __call__(self, x: Tensor) -> Tensor:
        picture = _picture(F.leaky_relu(x, SLOPE))
        return _rows(F.conv_transpose2d(picture, self.weight, self.bias, self.stride, self.padding, self.surplus))


class RowExcitation:
    """A strided convolution of one channel, as a product of its windows, added onto rows [T, O] in place."""

    def __init__(self, conv: nn.Conv1d) -> None:
        self.weight, self.bias = conv.weight[:, 0].T.contiguous(), conv.bias
        self.stride, self.padding = conv.stride[0], conv.padding[0]

    def __call__(self, excitation: Tensor, *, onto: Tensor) -> None:
        """excitation [1, samples]."""
        heard = F.pad(excitation[0], (self.padding, self.padding))
        windows = heard.unfold(0, len(self.weight), self.stride)  # [T, taps]
        onto.addmm_(windows.contiguous(), self.weight).add_(self.bias)


def _picture(x: Tensor) -> Tensor:
    """Rows [T, C] as a picture [1, C, 1, T] with the channels last in memory, where they are."""
    return x[None, None].permute(0, 3, 1, 2)


def _rows(picture: Tensor) -> Tensor:
    return picture[0, :, 0].T


def _picture_weight(weight: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    return weight.detach()[:, :, None].to(dtype).contiguous(memory_format=torch.channels_last)
