"""What happens to a voice before it reaches the encoder: another speed, equaliser, room, noise, band and level.

Everything is done to a whole batch of crops [B, T] in torch, most of it in the frequency domain.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from starter.corpus.store import RATE_HZ

SPEEDS = (0.82, 1.22)


def retimed(wave: Tensor, factors: Tensor, samples: int) -> Tensor:
    """Rows read at their own speed by linear interpolation: [B, >= samples * max] → [B, samples]."""
    place = torch.arange(samples) * factors[:, None]
    low = place.long()
    share = place - low
    return wave.gather(1, low) * (1 - share) + wave.gather(1, low + 1) * share


def spoilt(wave: Tensor, chance: torch.Generator) -> Tensor:
    """Crops [B, T] as a poor room and a poor microphone give them."""
    wave = _filtered(wave, chance)
    level = wave.square().mean(1, keepdim=True).sqrt()
    wave = wave + level * _noise(wave, chance) + level * _others(wave, chance)
    loud = wave.abs().amax(1, keepdim=True).clamp(min=1e-4)
    return wave / loud * 10 ** _between(-1.3, 0.0, (len(wave), 1), chance)


def _between(low: float, high: float, shape: tuple[int, ...], chance: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=chance) * (high - low) + low


def _happens(share: float, rows: int, chance: torch.Generator) -> Tensor:
    return (torch.rand(rows, 1, generator=chance) < share).float()


def _filtered(wave: Tensor, chance: torch.Generator) -> Tensor:
    """Equaliser, band limit and room at once."""
    rows, samples = wave.shape
    spectrum = torch.fft.rfft(wave)
    bins = spectrum.shape[1]
    response = _equaliser(rows, bins, chance) * _band(rows, bins, chance)
    return torch.fft.irfft(spectrum * response * torch.fft.rfft(_room(rows, samples, chance)), samples)


def _equaliser(rows: int, bins: int, chance: torch.Generator) -> Tensor:
    """Smooth gains of up to 9 dB, equally spaced in octaves."""
    knots = torch.randn(rows, 1, 10, generator=chance) * _between(0, 5, (rows, 1, 1), chance)
    place = torch.log2(1 + torch.linspace(0, 1, bins) * 63) / 6 * 2 - 1
    curve = F.interpolate(knots.clamp(-9, 9), size=256, mode="linear", align_corners=True)[:, 0]
    return 10 ** (curve[:, ((place + 1) / 2 * 255).long()] / 20)


def _band(rows: int, bins: int, chance: torch.Generator) -> Tensor:
    """Now and then nothing above 3.4 to 8 kHz or below 60 to 300 Hz."""
    hz = torch.linspace(0, RATE_HZ / 2, bins)
    high = torch.where(_happens(0.2, rows, chance) > 0, _between(3400, 8000, (rows, 1), chance), torch.tensor(9000.0))
    low = torch.where(_happens(0.3, rows, chance) > 0, _between(60, 300, (rows, 1), chance), torch.tensor(1.0))
    return torch.sigmoid((high - hz) / 100) * (1 / (1 + (low / hz.clamp(min=0.5)) ** 4))


def _room(rows: int, samples: int, chance: torch.Generator) -> Tensor:
    """Impulse responses: decaying noise behind the direct sound."""
    length = RATE_HZ // 2
    seconds = torch.arange(length) / RATE_HZ
    decay = torch.exp(-6.9 * seconds / _between(0.1, 0.7, (rows, 1), chance))
    tail = torch.randn(rows, length, generator=chance) * decay
    tail /= tail.square().sum(1, keepdim=True).sqrt()
    response = tail * _between(0.1, 0.7, (rows, 1), chance) * _happens(0.4, rows, chance)
    response[:, 0] = 1.0
    return F.pad(response, (0, samples - length))


def _noise(wave: Tensor, chance: torch.Generator) -> Tensor:
    """Noise of a random colour, 4 to 50 dB below the voice."""
    rows, samples = wave.shape
    spectrum = torch.fft.rfft(torch.randn(rows, samples, generator=chance))
    hz = torch.linspace(1, RATE_HZ / 2, spectrum.shape[1])
    noise = torch.fft.irfft(spectrum * hz ** -_between(0, 1, (rows, 1), chance), samples)
    noise /= noise.square().mean(1, keepdim=True).sqrt()
    return noise * 10 ** (-_between(4, 50, (rows, 1), chance) / 20) * _happens(0.8, rows, chance)


def _others(wave: Tensor, chance: torch.Generator) -> Tensor:
    """Somebody else in the background, 10 to 30 dB below."""
    other = wave.roll(1, 0)
    other = other / other.square().mean(1, keepdim=True).sqrt().clamp(min=1e-4)
    return other * 10 ** (-_between(10, 30, (len(wave), 1), chance) / 20) * _happens(0.25, len(wave), chance)
