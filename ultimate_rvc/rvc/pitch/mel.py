"""Log-mel frames at a hop of 160 samples: what the spectral pitch networks see.

The triangles are those of Slaney's Auditory Toolbox (area-normalised), on the HTK or on Slaney's own mel scale.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ultimate_rvc.rvc.seams import PITCH_HOP_SAMPLES, SAMPLE_RATE_HZ

WINDOW_SAMPLES = 1024
MEL_BANDS = 128
AMPLITUDE_FLOOR = 1e-5


@dataclass(frozen=True)
class MelScale:
    """A range in Hz, a mel formula, and what is added to each power so that its root stays smooth at zero."""

    low_hz: float
    high_hz: float
    htk: bool
    power_floor: float = 0.0


class LogMel(nn.Module):
    """A bank of mel bands over Hann windows. Padding is the caller's: window j begins at sample 160·j of its input."""

    def __init__(self, scale: MelScale) -> None:
        super().__init__()
        self.power_floor = scale.power_floor
        self.register_buffer("bank", torch.from_numpy(filterbank(scale)))  # [M, 513]
        self.register_buffer("window", torch.hann_window(WINDOW_SAMPLES))

    def forward(self, padded: Tensor) -> Tensor:
        """padded [S] with S ≥ 1024 → natural logarithm of mel amplitudes [M, 1 + (S - 1024) // 160]."""
        spectrum = torch.stft(
            padded, WINDOW_SAMPLES, PITCH_HOP_SAMPLES, window=self.window, center=False, return_complex=True
        )
        amplitude = (spectrum.real**2 + spectrum.imag**2 + self.power_floor).sqrt()  # [513, N]
        return (self.bank @ amplitude).clamp(min=AMPLITUDE_FLOOR).log()  # [M, N]


def samples_of(padded: Tensor, first: int, last: int) -> Tensor:
    """The part of a padded signal that the windows first..last-1 cover."""
    return padded[first * PITCH_HOP_SAMPLES : (last - 1) * PITCH_HOP_SAMPLES + WINDOW_SAMPLES]


def filterbank(scale: MelScale) -> np.ndarray:
    """Triangles [M, 513] in float32, each of unit area in Hz, between M + 2 corners that are even in mel."""
    to_mel, to_hz = (_htk_mel, _htk_hz) if scale.htk else (_slaney_mel, _slaney_hz)
    corners = to_hz(np.linspace(to_mel(scale.low_hz), to_mel(scale.high_hz), MEL_BANDS + 2))  # [M + 2]
    bins_hz = np.linspace(0, SAMPLE_RATE_HZ / 2, WINDOW_SAMPLES // 2 + 1)  # [513]
    left, centre, right = (corners[i : i + MEL_BANDS, None] for i in range(3))
    rising = (bins_hz - left) / (centre - left)
    falling = (right - bins_hz) / (right - centre)
    return (np.clip(np.minimum(rising, falling), 0, None) * 2 / (right - left)).astype(np.float32)


def _htk_mel(hz: float) -> float:
    return 2595 * np.log10(1 + hz / 700)


def _htk_hz(mel: np.ndarray) -> np.ndarray:
    return 700 * (10 ** (mel / 2595) - 1)


# Slaney: linear with 3 mel in 200 Hz up to 1 kHz, then 27 mel in a factor of 6.4.
BREAK_HZ, BREAK_MEL = 1000.0, 15.0
MEL_PER_NEPER = 27 / np.log(6.4)


def _slaney_mel(hz: float) -> float:
    return BREAK_MEL + MEL_PER_NEPER * np.log(hz / BREAK_HZ) if hz > BREAK_HZ else hz * BREAK_MEL / BREAK_HZ


def _slaney_hz(mel: np.ndarray) -> np.ndarray:
    linear = mel * BREAK_HZ / BREAK_MEL
    return np.where(mel > BREAK_MEL, BREAK_HZ * np.exp((mel - BREAK_MEL) / MEL_PER_NEPER), linear)
