"""The convolutional front end of HuBERT (Hsu et al. 2021), a tile of time at a time.

Seven convolutions turn 16 kHz into 50 frames a second. At once they need 13 MB for each second of audio, and the
first one leaves more steps behind than Conv1d computes on a Mac before macOS 15.1. No convolution is padded, so
frames [a, b) come from samples [320·a, 320·(b - 1) + 400) alone, and tiles joined are exact. Only the group norm
behind the first convolution sees the whole signal: its moments are gathered in a first pass over that cheap layer.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ultimate_rvc.errors import AudioError
from ultimate_rvc.rvc.seams import CONTENT_HOP_SAMPLES

FIELD_SAMPLES = 400
TILE_FRAMES = 500
# The first layer's steps of one tile, with what the longest field adds: far below 65,536, where MPS gave up.
FIRST_STRIDE_SAMPLES = 5
TILE_STEPS = (TILE_FRAMES * CONTENT_HOP_SAMPLES + FIELD_SAMPLES) // FIRST_STRIDE_SAMPLES
assert TILE_STEPS < 65_536


def features_in_tiles(extractor: nn.Module, wav: Tensor) -> Tensor:
    """What transformers' HubertFeatureEncoder `extractor` gives for wav [B, T]: [B, C, L], L = (T - 80) // 320.

    Raises AudioError for a wav that is shorter than one frame.
    """
    if wav.shape[-1] < FIELD_SAMPLES:
        raise AudioError(f"{wav.shape[-1]} samples are too few to hear words in; {FIELD_SAMPLES} is the least")
    first, *rest = extractor.conv_layers
    opened = _opening(first, wav)
    tiles = []
    for tile in _tiles(wav):
        hidden = opened(tile[:, None])
        for layer in rest:
            hidden = layer(hidden)
        tiles.append(hidden)
    return torch.cat(tiles, dim=-1)


def _tiles(wav: Tensor) -> Iterator[Tensor]:
    frames = (wav.shape[-1] - FIELD_SAMPLES) // CONTENT_HOP_SAMPLES + 1
    for start in range(0, frames, TILE_FRAMES):
        stop = min(start + TILE_FRAMES, frames)
        yield wav[:, start * CONTENT_HOP_SAMPLES : (stop - 1) * CONTENT_HOP_SAMPLES + FIELD_SAMPLES]


def _opening(layer: nn.Module, wav: Tensor) -> Callable[[Tensor], Tensor]:
    """The first layer [B, 1, t] → [B, C, t / 5]; where it norms over time, with the moments of the whole wav."""
    norm = getattr(layer, "layer_norm", None)
    if not isinstance(norm, nn.GroupNorm):
        return layer
    with _full_precision(wav):
        mean, variance = _moments(layer.conv, wav)
        scale = norm.weight.float()[:, None] * torch.rsqrt(variance + norm.eps)  # [B, C, 1]
        shift = norm.bias.float()[:, None] - mean * scale

    def normed(tile: Tensor) -> Tensor:
        with _full_precision(tile):
            steps = torch.addcmul(shift, _convolve(layer.conv, tile), scale)
        return layer.activation(steps.to(_dtype_behind(tile, layer.conv)))

    return normed


def _moments(conv: nn.Conv1d, wav: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance over time of conv(wav), each [B, C, 1].

    Chan, Golub and LeVeque's pairwise update: sums of squares over half a million steps would cancel in float32.
    """
    stride, taps = conv.stride[0], conv.kernel_size[0]
    steps = (wav.shape[-1] - taps) // stride + 1
    mean = squares = wav.new_zeros((), dtype=torch.float32)
    for start in range(0, steps, TILE_STEPS):
        here = min(TILE_STEPS, steps - start)
        piece = wav[:, None, start * stride : (start + here - 1) * stride + taps]
        made = _convolve(conv, piece)
        centre = made.mean(-1, keepdim=True)  # [B, C, 1]
        spread = torch.linalg.vector_norm(made.sub_(centre), dim=-1, keepdim=True)  # three times as fast as var_mean
        apart, share = centre - mean, here / (start + here)
        squares = squares + spread.square() + apart.square() * (start * share)
        mean = mean + apart * share
    return mean, squares / steps


def _convolve(conv: nn.Conv1d, wav: Tensor) -> Tensor:
    bias = None if conv.bias is None else conv.bias.float()
    return F.conv1d(wav.float(), conv.weight.float(), bias, conv.stride)


def _full_precision(wav: Tensor) -> AbstractContextManager:
    """Moments over a minute of sound do not fit half precision; everything behind them does."""
    kind = wav.device.type
    return torch.autocast(kind, enabled=False) if _autocasts(kind) else nullcontext()


def _dtype_behind(wav: Tensor, conv: nn.Conv1d) -> torch.dtype:
    kind = wav.device.type
    return torch.get_autocast_dtype(kind) if _autocasts(kind) else conv.weight.dtype


def _autocasts(kind: str) -> bool:
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
