"""The convolutional front end of HuBERT (Hsu et al. 2021) in bounded memory, and in pieces that every device computes.

Seven convolutions turn 16 kHz into 50 frames a second. No convolution is padded, so frames [a, b) come from samples
[320·a, 320·(b - 1) + 400) alone, and tiles of time, joined, are exact. Only the group norm behind the first layer
sees the whole signal; it keeps every channel to itself, so it goes a block of channels at a time.

A tile is shorter than any device's limit. The first convolution, 3,200 steps a second, is not: see `device.conv_limit`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ultimate_rvc.device import conv_limit
from ultimate_rvc.errors import AudioError
from ultimate_rvc.rvc.seams import CONTENT_HOP_SAMPLES

FIELD_SAMPLES = 400
TILE_FRAMES = 1000
BLOCK_CHANNELS = 64


def features_in_tiles(extractor: nn.Module, wav: Tensor) -> Tensor:
    """What HuBERT's convolutions `extractor` gives for wav [B, T]: [B, C, L], L = (T - 80) // 320.

    Raises AudioError for a wav that is shorter than one frame.
    """
    first, *rest = extractor.conv_layers
    places = list(frame_tiles(wav.shape[-1], TILE_FRAMES))
    opened, tiles = _opening(first, wav), []
    for start, stop in places:
        hidden = opened(start, stop)
        for layer in rest:
            hidden = layer(hidden)
        tiles.append(hidden)
    return torch.cat(tiles, dim=-1)


def frame_tiles(samples: int, longest: int) -> Iterator[tuple[int, int]]:
    """The frames start..stop-1 of each tile of that many samples; AudioError when they are less than one frame."""
    if samples < FIELD_SAMPLES:
        raise AudioError(f"{samples} samples are too few to hear words in; {FIELD_SAMPLES} is the least")
    frames = (samples - FIELD_SAMPLES) // CONTENT_HOP_SAMPLES + 1
    for start in range(0, frames, longest):
        yield start, min(start + longest, frames)


def _opening(layer: nn.Module, wav: Tensor) -> Callable[[int, int], Tensor]:
    """The first layer's part that frames [start, stop) need: [B, C, t]."""
    if isinstance(getattr(layer, "layer_norm", None), nn.GroupNorm):
        (hop, field), dtype = _in_steps(layer.conv), _dtype_behind(wav, layer.conv)
        signal = _normed_over_time(layer, wav)
        return lambda start, stop: layer.activation(signal[..., start * hop : (stop - 1) * hop + field].to(dtype))
    hop, field = CONTENT_HOP_SAMPLES, FIELD_SAMPLES
    return lambda start, stop: layer(wav[:, None, start * hop : (stop - 1) * hop + field])


def _in_steps(conv: nn.Conv1d) -> tuple[int, int]:
    """Hop and field of a frame, counted in the first layer's steps."""
    stride, taps = conv.stride[0], conv.kernel_size[0]
    return CONTENT_HOP_SAMPLES // stride, (FIELD_SAMPLES - taps) // stride + 1


def _normed_over_time(layer: nn.Module, wav: Tensor) -> Tensor:
    """The first layer before its activation, [B, T] → [B, C, T / 5].

    In full precision, because moments over a minute of sound do not fit a half; all behind them does.
    """
    norm = layer.layer_norm
    with _full_precision(wav):
        signal = _convolve(layer.conv, wav.float())
        for start in range(0, norm.num_channels, BLOCK_CHANNELS):
            block = slice(start, start + BLOCK_CHANNELS)
            weight, bias = norm.weight[block].float(), norm.bias[block].float()
            signal[:, block] = F.group_norm(signal[:, block], len(weight), weight, bias, norm.eps)
    return signal


def _convolve(conv: nn.Conv1d, wav: Tensor) -> Tensor:
    """[B, T] → [B, C, T / 5], in pieces where the device has a limit."""
    stride, taps = conv.stride[0], conv.kernel_size[0]
    weight, bias = conv.weight.float(), None if conv.bias is None else conv.bias.float()
    steps, pieces = (wav.shape[-1] - taps) // stride + 1, []
    longest = conv_limit(wav.device) or steps
    for start in range(0, steps, longest):
        stop = min(start + longest, steps)
        piece = wav[:, None, start * stride : (stop - 1) * stride + taps]
        pieces.append(F.conv1d(piece, weight, bias, stride))
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=-1)


def _full_precision(wav: Tensor) -> AbstractContextManager:
    kind = wav.device.type
    return torch.autocast(kind, enabled=False) if _autocasts(kind) else nullcontext()


def _dtype_behind(wav: Tensor, conv: nn.Conv1d) -> torch.dtype:
    kind = wav.device.type
    return torch.get_autocast_dtype(kind) if _autocasts(kind) else conv.weight.dtype


def _autocasts(kind: str) -> bool:
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
