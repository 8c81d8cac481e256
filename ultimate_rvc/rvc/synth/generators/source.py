"""What a voice is excited by: a sine at the pitch where it is voiced, noise where it is not.

The harmonic-plus-noise source of NSF (Wang, Takaki and Yamagishi, 2019). Phase is counted in cycles and in float32,
modulo one, whatever precision the convolutions run in.

B spans · F pitch frames · T = F · hop samples · S sines
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from ultimate_rvc.rvc.seams import Noise
from ultimate_rvc.rvc.synth.noise import exclusive, running_phase, wrap

SINE_AMPLITUDE = 0.1
VOICED_NOISE = 0.003
UNVOICED_NOISE = SINE_AMPLITUDE / 3
MRF_SINES = 9


def full_precision(device_type: str) -> AbstractContextManager:
    """No autocast inside, on devices that have it."""
    if not torch.amp.is_autocast_available(device_type):
        return nullcontext()
    return torch.autocast(device_type, enabled=False)


class Source(nn.Module):
    """f0 [B, F] Hz → excitation [B, 1, T]. Below: where phases come from, and how sines become one signal."""

    def __init__(self, sample_rate_hz: int, hop_samples: int) -> None:
        super().__init__()
        self.sample_rate_hz, self.hop_samples = sample_rate_hz, hop_samples

    def forward(self, f0: Tensor, noise: Noise) -> Tensor:
        with full_precision(f0.device.type):
            sines = self.sines(f0.float(), noise)
        return self.merge_sines(sines).transpose(1, 2)

    def sines(self, f0: Tensor, noise: Noise) -> Tensor:
        """f0 [B, F] → sines and noise [B, T, S]."""
        phase, voiced = self.phases(f0, noise)
        level = torch.where(voiced, VOICED_NOISE, UNVOICED_NOISE)
        tone = torch.where(voiced, torch.sin(2 * torch.pi * phase) * SINE_AMPLITUDE, 0.0)
        return tone + level * noise.normal(phase, 1, self.hop_samples)

    def phases(self, f0: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """f0 [B, F] → cycles [B, T, S] and whether each sample is voiced [B, T, 1]."""
        raise NotImplementedError

    def merge_sines(self, sines: Tensor) -> Tensor:
        """[B, T, S] → [B, T, 1]."""
        raise NotImplementedError

    def _initial_phases(self, shape: tuple[int, ...], f0: Tensor, noise: Noise) -> Tensor:
        """Random phases of the harmonics; the fundamental's is drawn too, as upstream does, and set to zero."""
        drawn = noise.uniform(shape, f0)
        return drawn * (torch.arange(shape[-1], device=f0.device) > 0)


class FundamentalSource(Source):
    """NSF-HiFi-GAN's: one sine, its frequency held for a frame."""

    def __init__(self, sample_rate_hz: int, hop_samples: int) -> None:
        super().__init__(sample_rate_hz, hop_samples)
        self.l_linear = nn.Linear(1, 1)

    def phases(self, f0: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        steps = torch.arange(1, self.hop_samples + 1, dtype=f0.dtype, device=f0.device)
        inside = (f0 / self.sample_rate_hz)[..., None] * steps  # [B, F, hop]
        before = exclusive(running_phase(wrap(inside[..., -1]))) + noise.start_phase(f0)[:, None]
        phase = (inside + before[..., None]).flatten(1)[..., None]  # [B, T, 1]
        return phase + self._initial_phases((1, 1, 1), f0, noise), _held(f0 > 0, self.hop_samples)

    def merge_sines(self, sines: Tensor) -> Tensor:
        return torch.tanh(self.l_linear(sines))


class HarmonicSource(Source):
    """MRF HiFi-GAN's: the fundamental and eight harmonics, their frequencies held for a frame."""

    def __init__(self, sample_rate_hz: int, hop_samples: int) -> None:
        super().__init__(sample_rate_hz, hop_samples)
        self.l_linear = nn.Linear(MRF_SINES, 1)

    def phases(self, f0: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        orders = torch.arange(1, MRF_SINES + 1, dtype=f0.dtype, device=f0.device)
        per_sample = wrap(f0[..., None] * orders / self.sample_rate_hz)  # [B, F, S]
        start = noise.start_phase(f0)[:, None] * orders + self._initial_phases((len(f0), MRF_SINES), f0, noise)
        run = running_phase(_held(per_sample, self.hop_samples).transpose(1, 2)).transpose(1, 2)  # [B, T, S]
        return run + start[:, None], _held((f0 > 0)[..., None], self.hop_samples)

    def merge_sines(self, sines: Tensor) -> Tensor:
        return torch.tanh(self.l_linear(sines))


class GlidingSource(Source):
    """RefineGAN's: one sine, its frequency gliding from the middle of a frame to the middle of the next.

    Summed over frames, what a glide takes from one it gives to its neighbour; so the phase of `source_phase`, which
    holds every frame's frequency, is also where this source goes on, exactly so after its first frame.
    """

    def __init__(self, sample_rate_hz: int, hop_samples: int) -> None:
        super().__init__(sample_rate_hz, hop_samples)
        self.merge = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Tanh())

    def phases(self, f0: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        gliding = nn.functional.interpolate(f0[:, None], size=f0.shape[1] * self.hop_samples, mode="linear")[:, 0]
        start = noise.start_phase(f0)[:, None] + self._initial_phases((len(f0), 1), f0, noise)
        phase = running_phase(wrap(gliding / self.sample_rate_hz)) + start  # [B, T]
        return phase[..., None], (gliding > 0)[..., None]

    def merge_sines(self, sines: Tensor) -> Tensor:
        return self.merge(sines)


def _held(x: Tensor, hop_samples: int) -> Tensor:
    """[B, F] or [B, F, S] → [B, T, S], each frame repeated."""
    x = x if x.ndim == 3 else x[..., None]
    return x.repeat_interleave(hop_samples, 1)
