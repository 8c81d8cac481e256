"""HuBERT's convolutional front end (Hsu et al. 2021) on a CPU: products of matrices, in tiles of time that fit a cache.

Frames lie one after the other with their channels together, [t, C]. Then the rows that a convolution of stride s reads
for its first s taps are the signal itself, cut into rows of s frames, and so are those of the next s taps: nothing is
copied, and a convolution is as many products, added up, as its kernel has strides.

The norm over time behind the first layer would need the whole signal at once. But that layer is linear, so a channel's
mean and variance follow from those of its windows of ten samples, and the norm becomes part of the layer's weights.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ultimate_rvc.rvc.embed.front import FIELD_SAMPLES, frame_tiles
from ultimate_rvc.rvc.seams import CONTENT_HOP_SAMPLES

# The widest layer's tile takes 13 MB, below what glibc maps afresh; 50 or 200 frames take 5 % longer.
TILE_FRAMES = 100


class FrontInProducts:
    """What HuBERT's convolutions `extractor` gives, with its weights laid out for products.

    In another dtype than float32 all layers behind the first are less exact.
    """

    def __init__(self, extractor: nn.Module, dtype: torch.dtype = torch.float32):
        self.first, *rest = extractor.conv_layers
        self.rest = [Layer(layer, dtype) for layer in rest]

    def __call__(self, wav: Tensor) -> Tensor:
        """wav [B, T] → frames [B, L, C], L = (T - 80) // 320. Raises AudioError when T is less than one frame."""
        tiles = list(frame_tiles(wav.shape[-1], TILE_FRAMES))
        with torch.autocast(wav.device.type, enabled=False):
            return torch.stack([self._row(row, tiles) for row in wav.float()]).float()

    def _row(self, wav: Tensor, tiles: list[tuple[int, int]]) -> Tensor:
        opened = opening(self.first, wav)
        return torch.cat([self._tile(opened, wav, *tile) for tile in tiles])  # [L, C]

    def _tile(self, opened: Callable[[Tensor], Tensor], wav: Tensor, start: int, stop: int) -> Tensor:
        x = opened(wav[start * CONTENT_HOP_SAMPLES : (stop - 1) * CONTENT_HOP_SAMPLES + FIELD_SAMPLES])
        for layer in self.rest:
            x = layer(x)
        return x


class Layer:
    """One convolution and what follows it: x [t, in] → [n, out], contiguous; computed in the dtype."""

    def __init__(self, layer: nn.Module, dtype: torch.dtype):
        conv = layer.conv
        self.taps, self.stride = conv.kernel_size[0], conv.stride[0]
        weight = conv.weight.detach().to(dtype).permute(2, 1, 0)  # [taps, in, out]
        self.weights = [part.reshape(-1, conv.out_channels) for part in weight.split(self.stride)]
        self.bias = None if conv.bias is None else conv.bias.detach().to(dtype)
        self.finish = finish(layer)

    def __call__(self, x: Tensor) -> Tensor:
        steps = (len(x) - self.taps) // self.stride + 1
        first, *more = self._rows(x.to(self.weights[0].dtype), steps)
        out = first @ self.weights[0] if self.bias is None else torch.addmm(self.bias, first, self.weights[0])
        for rows, weight in zip(more, self.weights[1:], strict=True):
            out.addmm_(rows, weight)
        return self.finish(out)

    def _rows(self, x: Tensor, steps: int) -> Iterator[Tensor]:
        """What each part of the weights is multiplied with, as it lies: [n, taps of that part · in]."""
        hop = self.stride * x.shape[1]
        for part, weight in enumerate(self.weights):
            yield x.as_strided((steps, len(weight)), (hop, 1), x.storage_offset() + part * hop)


def finish(layer: nn.Module) -> Callable[[Tensor], Tensor]:
    """What a layer does behind its convolution: [n, C] → [n, C]."""
    norm = getattr(layer, "layer_norm", None)
    return layer.activation if norm is None else lambda x: layer.activation(norm(x.float()))


def opening(layer: nn.Module, wav: Tensor) -> Callable[[Tensor], Tensor]:
    """The first layer for any part of this signal: samples [s] → [n, C]."""
    conv, normed = layer.conv, isinstance(getattr(layer, "layer_norm", None), nn.GroupNorm)
    taps, stride = conv.kernel_size[0], conv.stride[0]
    weight, bias = _normalising(layer, wav.unfold(0, taps, stride)) if normed else _plain(conv)
    behind = layer.activation if normed else finish(layer)
    return lambda samples: behind(torch.addmm(bias, samples.unfold(0, taps, stride), weight))


def _plain(conv: nn.Conv1d) -> tuple[Tensor, Tensor]:
    weight = conv.weight[:, 0].float().T.contiguous()  # [taps, C]
    return weight, torch.zeros_like(weight[0]) if conv.bias is None else conv.bias.float()


def _normalising(layer: nn.Module, windows: Tensor) -> tuple[Tensor, Tensor]:
    """Weights [taps, C] and bias [C] of the first layer and the norm behind it, for these windows [n, taps].

    In float64, which the host has: a window's ten samples are nearly equal, and a channel may hear their differences.
    """
    norm, weight = layer.layer_norm, layer.conv.weight[:, 0].double()  # [C, taps]
    mean = windows.mean(0, dtype=torch.float64)
    centred = windows - mean
    covariance = centred.T @ centred / len(windows)  # [taps, taps]
    variance = ((weight @ covariance) * weight).sum(1)  # [C]
    scale = norm.weight.double() * (variance + norm.eps).rsqrt()
    # The convolution's own bias moves the mean by as much, so it falls out.
    bias = norm.bias.double() - scale * (weight @ mean)
    return (scale[:, None] * weight).T.float().contiguous(), bias.float()
