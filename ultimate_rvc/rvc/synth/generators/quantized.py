"""Convolutions in 8-bit integers, by oneDNN: on processors with VNNI or AMX faster than any in float32, and less exact.

Weights are rounded once, each output channel to its own scale. Activations are rounded as they come, every tile to the
range that it has, so that nothing has to be calibrated and nothing is clipped.

T steps · C channels · O outputs
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

# Zero and the whole range of a tile lie on bytes 0 to 254; one is left for rounding.
LEVELS = 254
WEIGHT_LEVELS = 127
# Below this many taps times channels, rounding the activations costs more than their products save.
LEAST_TAPS_TIMES_CHANNELS = 128


def is_worth_quantizing(conv: nn.Conv1d) -> bool:
    """Whether this convolution is faster in bytes."""
    return conv.kernel_size[0] * conv.in_channels >= LEAST_TAPS_TIMES_CHANNELS


class QuantizedConv:
    """A convolution of stride 1 that keeps the length, on rows of channels: x [T, C] → [T, O] in float32."""

    def __init__(self, conv: nn.Conv1d) -> None:
        weight = conv.weight.detach()[:, :, None]  # [O, C, 1, taps]
        self.scales = weight.abs().amax((1, 2, 3)).clamp_min(torch.finfo(torch.float32).tiny) / WEIGHT_LEVELS
        levels = (weight / self.scales[:, None, None, None]).round()
        self.sums = levels.sum((1, 2, 3)) * self.scales
        self.bias = torch.zeros_like(self.sums) if conv.bias is None else conv.bias.detach()
        self.zeros = torch.zeros(len(weight), dtype=torch.int32)
        self.dilation, self.padding = conv.dilation[0], conv.padding[0]
        # The input's scale is made known at each call; here it only has to be a number.
        self.weight = torch.ops.onednn.qconv_prepack(
            levels.to(torch.int8), self.scales, 1.0, 0, [1, 1], [0, 0], [1, self.dilation], 1, None
        )

    def __call__(self, x: Tensor, before: float = 1.0, after: float = 1.0) -> Tensor:
        """See rows.RowConv."""
        levels, scale, zero = self._rounded(x if before == 1.0 else leaky_relu(x, before))
        # oneDNN is several times slower with a zero that is not byte 0; what that adds everywhere is taken from the
        # bias instead, and the padding is laid around the signal as that byte.
        bias = self.bias - self.sums * (scale * zero)
        out = torch.ops.onednn.qconv_pointwise(
            levels, scale, 0, self.weight, self.scales, self.zeros, bias, [1, 1], [0, 0], [1, self.dilation], 1,
            1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        return leaky_relu(out[0, :, 0].T, after, inplace=True)

    def _rounded(self, x: Tensor) -> tuple[Tensor, float, int]:
        """x [T, C] → bytes [1, C, 1, T + 2 · padding] with the channels last, a level's size, the byte of zero."""
        low, high = (float(end) for end in torch.aminmax(x))
        low, high = min(low, 0.0), max(high, 0.0)
        scale = (high - low) / LEVELS or 1.0
        zero = round(-low / scale)
        room = torch.empty(len(x) + 2 * self.padding, x.shape[1], dtype=torch.uint8)
        room[: self.padding] = room[len(x) + self.padding :] = zero
        # A byte is cut off, not rounded, so half a level is added first.
        room[self.padding : len(x) + self.padding] = torch.add(x.new_tensor(zero + 0.5), x, alpha=1 / scale)
        return room[None, None].permute(0, 3, 1, 2), scale, zero
