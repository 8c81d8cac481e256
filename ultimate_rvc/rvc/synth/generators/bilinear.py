"""Convolutions with fewer multiplications: y = A · [(G · w) ⊙ (B · x)] for a window of x at a time.

Instead of `taps` products for each output and pair of channels, a window of N inputs gives m = N - taps + 1 outputs for
α products: 8 for 6 outputs of 3 taps, 47 for 22 outputs of 11. Over the channels the products are α matrix products,
which every processor's library does at its peak; A and B are small matrices of the same kind.

Short kernels go by Winograd's algorithm ("Arithmetic Complexity of Computations", 1980; Lavin and Gray, "Fast
Algorithms for Convolutional Neural Networks", 2016), longer ones by the discrete Fourier transform with Gauss's three
products for a complex one, which rounds no worse than adding up the taps does.

T steps · C inputs · O outputs · N window · m outputs of a window · α products
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

# Where Winograd's polynomial is evaluated, beside infinity. More points round worse: these leave 117 dB of a whole
# residual block, six convolutions deep.
WINOGRAD_POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
WINOGRAD_TAPS = 3
FOURIER_WINDOW = 32
LONGEST_TAPS = 16
# From here on the products saved are worth the passes over memory: measured on two cores, 64 channels with 7 taps gain
# 1.2 times and 128 with 3 taps do, 64 with 3 taps and 32 with 11 lose or break even.
LEAST_TAPS_TIMES_CHANNELS = 384


@dataclass(frozen=True)
class Scheme:
    """The matrices of one algorithm: outputs A [m, α], taps G [α, taps], inputs B [α, N]."""

    outputs: np.ndarray
    taps: np.ndarray
    inputs: np.ndarray


@cache
def scheme_for(taps: int) -> Scheme:
    """The algorithm for kernels of so many taps."""
    return winograd(taps) if taps <= WINOGRAD_TAPS else fourier(taps, FOURIER_WINDOW)


def winograd(taps: int) -> Scheme:
    """The transpose of multiplying polynomials by their values at points and at infinity."""
    window = len(WINOGRAD_POINTS) + 1
    outputs = window - taps + 1
    inputs = np.linalg.inv(_values(window)).T
    # Rows of one size, so that float32 holds all products equally well.
    scale = np.abs(inputs).sum(1, keepdims=True)
    return Scheme(_values(outputs).T, _values(taps) * scale, inputs / scale)


def _values(coefficients: int) -> np.ndarray:
    """Coefficients of a polynomial → its values at the points, and its leading one."""
    finite = np.vander(WINOGRAD_POINTS, coefficients, increasing=True)
    return np.vstack([finite, np.eye(coefficients)[-1]])


def fourier(taps: int, window: int) -> Scheme:
    """Circular correlation of a window, where only the outputs that do not wrap around are taken.

    A bin's product (a + ib)(c + id) is k1 - k3 and k1 + k2 of k1 = c(a + b), k2 = a(d - c), k3 = b(c + d).
    """
    rows = [_bin(k, taps, window) for k in range(window // 2 + 1)]
    outputs, kernel, inputs = (np.vstack(part) for part in zip(*rows, strict=True))
    return Scheme(outputs.T, kernel, inputs)


def _bin(k: int, taps: int, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What bin k of the transform contributes: rows of outputs, taps and inputs."""
    angle = 2 * np.pi * k / window * np.arange(window)
    cos, sin = np.cos(angle), np.sin(angle)
    c, d = cos[:taps], sin[:taps]  # of the conjugate, which makes a correlation
    back_cos, back_sin = cos[: window - taps + 1] / window, sin[: window - taps + 1] / window
    if k in (0, window // 2):
        return back_cos[None], c[None], cos[None]
    back = 2 * np.stack([back_cos - back_sin, -back_sin, -back_cos])
    return back, np.stack([c, d - c, c + d]), np.stack([cos - sin, cos, -sin])


def is_worth_it(conv: nn.Conv1d) -> bool:
    """Whether this convolution is faster so than directly, on a CPU in float32."""
    taps, channels = conv.kernel_size[0], min(conv.in_channels, conv.out_channels)
    return 1 < taps <= LONGEST_TAPS and taps * channels >= LEAST_TAPS_TIMES_CHANNELS


class BilinearConv:
    """A convolution of stride 1 that keeps the length, on rows of channels: x [T, C] → [T, O]."""

    def __init__(self, conv: nn.Conv1d) -> None:
        taps = conv.kernel_size[0]
        scheme = scheme_for(taps)
        self.half, self.dilation = taps // 2, conv.dilation[0]
        self.window, self.step = scheme.inputs.shape[1], scheme.outputs.shape[0]
        self.into = _matrix(scheme.inputs)  # [α, N]
        self.weight = _transformed(conv.weight.detach(), scheme)  # [α, C, O]
        # The bias is one product more, which every output takes.
        self.out_of = _matrix(np.hstack([scheme.outputs, np.ones((self.step, 1))]))  # [m, α + 1]
        self.bias = conv.weight.new_zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()

    def __call__(self, x: Tensor, before: float = 1.0, after: float = 1.0) -> Tensor:
        """x [T, C] → [T, O], with leaky ReLUs of these slopes before and after the convolution."""
        phases, steps = self.dilation, -(-len(x) // self.dilation)
        # Phases lie one behind the other; what the last windows of one hear of the next is never used.
        margin = 0 if phases == 1 else self.window - self.step
        windows = -(-(steps + margin) // self.step)
        heard = self._windows(x, before, windows)  # [phases · windows, N, C]
        out = self._multiply(heard).view(phases, windows * self.step, -1)  # [phases, steps and more, O]
        if phases == 1:
            return leaky_relu(out[0, : len(x)], after, inplace=True)
        woven = out.new_empty(steps, phases, out.shape[-1])
        _leaky_relu_into(woven, out[:, :steps].transpose(0, 1), after)
        return woven.flatten(0, 1)[: len(x)]

    def _windows(self, x: Tensor, slope: float, windows: int) -> Tensor:
        """Every phase of a dilated convolution is a signal of its own; their overlapping windows, [·, N, C]."""
        phases, channels, length = self.dilation, x.shape[1], windows * self.step
        room = x.new_empty(phases * length + self.window - self.step, channels)
        room[phases * length :].zero_()
        inner = room[: phases * length].view(phases, length, channels)
        _lay(x, slope, room[:, None] if phases == 1 else inner.transpose(0, 1), self.half)
        step = self.step * channels
        return room.as_strided((phases * windows, self.window, channels), (step, channels, 1))

    def _multiply(self, heard: Tensor) -> Tensor:
        """[W, N, C] → [W, m, O]."""
        count, (products, _, outputs) = len(heard), self.weight.shape
        into = torch.bmm(self.into.expand(count, -1, -1), heard)  # [W, α, C]
        found = into.new_empty(products + 1, count, outputs)
        torch.bmm(into.transpose(0, 1), self.weight, out=found[:products])
        found[products] = self.bias
        return torch.bmm(self.out_of.expand(count, -1, -1), found.transpose(0, 1))


def _lay(x: Tensor, slope: float, signal: Tensor, margin: int) -> None:
    """x [T, C] through the leaky ReLU into signal [steps, phases, C], behind a margin, silence around it."""
    phases = signal.shape[1]
    whole, rest = divmod(len(x), phases)
    last = margin + whole
    signal[:margin].zero_()
    signal[last:].zero_()
    _leaky_relu_into(signal[margin:last], x[: whole * phases].unflatten(0, (whole, phases)), slope)
    if rest:
        _leaky_relu_into(signal[last, :rest], x[whole * phases :], slope)


def _leaky_relu_into(place: Tensor, x: Tensor, slope: float) -> None:
    torch.ops.aten.leaky_relu.out(x, slope, out=place)


def _matrix(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _transformed(weight: Tensor, scheme: Scheme) -> Tensor:
    """weight [O, C, taps] → [α, C, O]."""
    taps = weight.permute(2, 1, 0).contiguous()
    return (_matrix(scheme.taps) @ taps.flatten(1)).unflatten(1, taps.shape[1:])
