"""A zero-phase Butterworth high-pass without a recursion, so that it runs on a GPU in float32.

Forward-backward filtering starts each pass in the steady state of its first sample (Gustafsson 1996, as
scipy.signal.filtfilt does it). A high-pass does not pass a constant, so that state is the same as filtering
`x - x[0]` from rest, and filtering from rest is a convolution with the impulse response, which has died away after
some 4,000 samples. The convolution runs over blocks by FFT (overlap-save).
"""

from dataclasses import dataclass
from functools import lru_cache
from operator import mul

import numpy as np
import torch
from torch import Tensor

from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ

ORDER = 5
CUTOFF_HZ = 48
# filtfilt's own choice: three times the number of coefficients.
EDGE_SAMPLES = 3 * (ORDER + 1)
# The slowest pole falls by 51 dB per 1,000 samples at 16 kHz; here it is at -208 dB, far below float32.
TAPS = 4096


@dataclass(frozen=True)
class Blocks:
    """How the convolution is cut: FFT length in samples, and how many FFTs are done at once."""

    fft_samples: int = 32_768
    at_once: int = 64

    @property
    def step_samples(self) -> int:
        """New samples per block; the rest repeats what came before."""
        return self.fft_samples - TAPS + 1


class DeviceHighpass:
    """The filter as blocked FFT convolution in float32, both passes in place on one copy of the signal.

    A pass goes through the blocks against its own direction, so that what a block hears is still unfiltered.
    """

    def __init__(self, device: torch.device | str, *, blocks: Blocks = Blocks()) -> None:
        spectrum = np.fft.rfft(impulse_response(), blocks.fft_samples).astype(np.complex64)
        self._spectrum = torch.from_numpy(spectrum).to(device)
        self._blocks = blocks

    def __call__(self, wav: Tensor) -> Tensor:
        """wav [T] at 16 kHz on the filter's device → [T] float32; signals shorter than the edges have shorter edges."""
        if not len(wav):
            return wav.float()
        edge = edge_samples(len(wav))
        line = extend(wav.float(), edge)  # [T + 2·edge]
        self._forward(line)
        self._backward(line)
        return line[edge : edge + len(wav)]

    def _forward(self, line: Tensor) -> None:
        """Filters from the steady state of the first sample."""
        steady = line[0].clone()
        for start, stop in reversed(self._strides(len(line))):
            heard = line[max(0, start - TAPS + 1) : stop] - steady
            line[start:stop] = self._filtered(heard, stop - start)

    def _backward(self, line: Tensor) -> None:
        """The same from the last sample to the first."""
        steady = line[-1].clone()
        for start, stop in self._strides(len(line)):
            heard = line[start : stop + TAPS - 1].flip(0) - steady
            line[start:stop] = self._filtered(heard, stop - start).flip(0)

    def _strides(self, length: int) -> list[tuple[int, int]]:
        stride = self._blocks.step_samples * self._blocks.at_once
        return [(start, min(start + stride, length)) for start in range(0, length, stride)]

    def _filtered(self, heard: Tensor, count: int) -> Tensor:
        """heard [h + count] → its last `count` samples, filtered; before the first is silence."""
        step = self._blocks.step_samples
        blocks = -(-count // step)
        before = TAPS - 1 - (len(heard) - count)
        padded = torch.nn.functional.pad(heard, (before, blocks * step - count))
        frames = padded.unfold(0, self._blocks.fft_samples, step)  # [count, fft]
        filtered = torch.fft.irfft(torch.fft.rfft(frames) * self._spectrum, self._blocks.fft_samples)
        return filtered[:, TAPS - 1 :].reshape(-1)[:count]


class HostHighpass:
    """scipy's own filtfilt in float64 on the host: the reference, and the way of `use_gpu_filter=False`.

    `dtype` is the result's; None keeps the input's. float64 carries scipy's result unrounded.
    """

    def __init__(self, *, dtype: torch.dtype | None = None) -> None:
        self._dtype = dtype

    def __call__(self, wav: Tensor) -> Tensor:
        """wav [T] at 16 kHz → [T] on wav's device; signals shorter than the edges have shorter edges."""
        from scipy import signal

        if not len(wav):
            return wav.clone()
        filtered = signal.filtfilt(*scipys_coefficients(), wav.cpu().numpy(), padlen=edge_samples(len(wav)))
        return torch.from_numpy(filtered.copy()).to(self._dtype or wav.dtype).to(wav.device)


def edge_samples(length: int) -> int:
    """How many samples the signal is extended by at both ends: an odd extension needs one sample more than that."""
    return max(0, min(EDGE_SAMPLES, length - 1))


def extend(wav: Tensor, edge: int) -> Tensor:
    """wav [T] → [T + 2·edge], turned by 180° about its first and its last sample."""
    left = 2 * wav[:1] - wav[1 : edge + 1].flip(0)
    right = 2 * wav[-1:] - wav[len(wav) - 1 - edge : len(wav) - 1].flip(0)
    return torch.cat([left, wav, right])


@lru_cache
def scipys_coefficients() -> tuple[np.ndarray, np.ndarray]:
    """Numerator and denominator [ORDER + 1], float64, to scipy's last digit."""
    from scipy import signal

    return signal.butter(ORDER, CUTOFF_HZ, btype="high", fs=SAMPLE_RATE_HZ)


def coefficients() -> tuple[np.ndarray, np.ndarray]:
    """The same within rounding, without scipy.signal, whose import takes longer than a short song's pitch.

    Butterworth's poles lie evenly on a half circle; the bilinear transform brings them inside the unit circle, and the
    zeros of a high-pass to 1.
    """
    double_rate = 2.0 * SAMPLE_RATE_HZ
    radius = double_rate * np.tan(np.pi * CUTOFF_HZ / SAMPLE_RATE_HZ)
    poles = radius * np.exp(1j * np.pi * (2 * np.arange(ORDER) + ORDER + 1) / (2 * ORDER))
    gain = (double_rate**ORDER / np.prod(double_rate - poles)).real
    return gain * np.poly(np.ones(ORDER)), np.poly((double_rate + poles) / (double_rate - poles)).real


@lru_cache
def impulse_response() -> np.ndarray:
    """What the filter answers to a single 1 [TAPS], float64."""
    forward, back = (part.tolist() for part in coefficients())
    answer: list[float] = []
    for time in range(TAPS):
        heard = forward[time] if time <= ORDER else 0.0
        answer.append(heard - sum(map(mul, back[1:], answer[: -ORDER - 1 : -1])))  # the newest answer first
    return np.array(answer)
