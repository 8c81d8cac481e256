"""Convolutions that the vocoders share. Weight norm is folded when a voice is loaded, so there is none here.

B spans · C channels · T steps
"""

from collections.abc import Iterable, Iterator

from torch import Tensor, nn
from torch.nn.functional import leaky_relu

SLOPE = 0.1
# The slope behind the last stage: torch's own default, which HiFi-GAN never set.
LAST_SLOPE = 0.01
EDGE_TAPS = 7

Pair = tuple[nn.Conv1d, nn.Conv1d]


def same_conv(inputs: int, outputs: int, taps: int, dilation: int = 1, *, bias: bool = True) -> nn.Conv1d:
    """A convolution that keeps the length: [B, inputs, T] → [B, outputs, T]."""
    return nn.Conv1d(inputs, outputs, taps, dilation=dilation, padding=dilation * (taps - 1) // 2, bias=bias)


def upsampler(inputs: int, outputs: int, rate: int, taps: int) -> nn.ConvTranspose1d:
    """[B, inputs, T] → [B, outputs, T · rate], for odd rates with an even number of taps too."""
    padding = (taps - rate) // 2 if rate % 2 == 0 else rate // 2 + rate % 2
    return nn.ConvTranspose1d(inputs, outputs, taps, rate, padding=padding, output_padding=rate % 2)


def excitation_conv(outputs: int, stride: int) -> nn.Conv1d:
    """The excitation at a stage's own rate: [B, 1, T] → [B, outputs, T / stride]."""
    if stride == 1:
        return nn.Conv1d(1, outputs, 1)
    taps = 2 * stride - stride % 2
    return nn.Conv1d(1, outputs, taps, stride, padding=(taps - stride) // 2)


class ResBlock(nn.Module):
    """HiFi-GAN's residual block (Kong, Kim and Bae, 2020): [B, C, T] → [B, C, T]."""

    def __init__(self, channels: int, taps: int, dilations: Iterable[int], slope: float = SLOPE) -> None:
        super().__init__()
        self.slope = slope
        dilations = tuple(dilations)
        self.convs1 = nn.ModuleList(same_conv(channels, channels, taps, d) for d in dilations)
        self.convs2 = nn.ModuleList(same_conv(channels, channels, taps) for _ in dilations)

    def pairs(self) -> Iterator[Pair]:
        """Its convolutions: a dilated and a plain one beside each shortcut."""
        return zip(self.convs1, self.convs2, strict=True)

    def forward(self, x: Tensor) -> Tensor:
        for dilated, plain in self.pairs():
            x = x + plain(leaky_relu(dilated(leaky_relu(x, self.slope)), self.slope))
        return x


def mean_of(blocks: Iterable[nn.Module], x: Tensor) -> Tensor:
    """The mean of what parallel blocks make of x, added up one by one so that only two are held."""
    total, count = None, 0
    for block in blocks:
        total = block(x) if total is None else total + block(x)
        count += 1
    return total / count
