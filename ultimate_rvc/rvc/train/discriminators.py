"""Judges of sound: HiFi-GAN's scale and period discriminators, and for RefineGAN discriminators of spectrograms.

    v1  one scale, periods 2 to 17           voices of 256 features
    v2  one scale, periods 2 to 37           voices of 768 features
    v3  one scale, periods 2 to 11, three resolutions (UnivNet, Jang et al., 2021)    RefineGAN

B rows · T samples · P period · C channels
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from ultimate_rvc.rvc.synth.generators.source import full_precision

SLOPE = 0.1
PERIODS = {"v1": (2, 3, 5, 7, 11, 17), "v2": (2, 3, 5, 7, 11, 17, 23, 37), "v3": (2, 3, 5, 7, 11)}
# FFT, hop and window of each spectrogram, in samples.
RESOLUTIONS = {"v1": (), "v2": (), "v3": ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))}
# Channels, taps, stride and groups.
SCALE_LAYERS = (
    (16, 15, 1, 1),
    (64, 41, 4, 4),
    (256, 41, 4, 16),
    (1024, 41, 4, 64),
    (1024, 41, 4, 256),
    (1024, 5, 1, 1),
)
PERIOD_LAYERS = ((32, 3), (128, 3), (512, 3), (1024, 3), (1024, 1))  # channels, stride
PERIOD_TAPS = 5
# Taps along frequency and frames, stride along frames.
RESOLUTION_LAYERS = (((3, 9), 1), ((3, 9), 2), ((3, 9), 2), ((3, 9), 2), ((3, 3), 1))
RESOLUTION_CHANNELS = 32

# One judgement [B, N] and the layers' outputs.
Judgement = tuple[Tensor, list[Tensor]]


@dataclass(frozen=True)
class Bench:
    """Which discriminators there are: a set, other periods than its own, and the share of their channels."""

    version: str = "v2"
    periods: tuple[int, ...] | None = None
    width: float = 1.0
    spectral: bool = False

    def channels(self, full: int) -> int:
        """What is left of a layer's channels."""
        return max(1, round(full * self.width))


class Discriminators(nn.Module):
    """wav [B, 1, T] → what each of them thinks, and hears in its layers."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        judges = [ScaleDiscriminator(bench)]
        judges += [PeriodDiscriminator(period, bench) for period in bench.periods or PERIODS[bench.version]]
        judges += [ResolutionDiscriminator(resolution, bench) for resolution in RESOLUTIONS[bench.version]]
        self.discriminators = nn.ModuleList(judges)

    def forward(self, wav: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        judgements, features = zip(*(judge(wav) for judge in self.discriminators), strict=True)
        return list(judgements), list(features)


class Judge(nn.Module):
    """Layers whose outputs are listened to as well."""

    convs: nn.ModuleList
    conv_post: nn.Module

    def prepared(self, wav: Tensor) -> Tensor:
        """wav [B, 1, T] → what the first layer gets."""
        return wav

    def forward(self, wav: Tensor) -> Judgement:
        x, features = self.prepared(wav), []
        for conv in self.convs:
            x = leaky_relu(conv(x), SLOPE)
            features.append(x)
        x = self.conv_post(x)
        return x.flatten(1), [*features, x]


class ScaleDiscriminator(Judge):
    """Hears the signal as it is, coarser from layer to layer."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.convs, inputs = nn.ModuleList(), 1
        for full, taps, stride, groups in SCALE_LAYERS:
            outputs = bench.channels(full)
            groups = math.gcd(groups, inputs, outputs)
            self.convs.append(
                normed(nn.Conv1d(inputs, outputs, taps, stride, taps // 2, groups=groups), bench.spectral)
            )
            inputs = outputs
        self.conv_post = normed(nn.Conv1d(inputs, 1, 3, padding=1), bench.spectral)


class PeriodDiscriminator(Judge):
    """Hears every P-th sample, for each of the P places to begin at."""

    def __init__(self, period: int, bench: Bench) -> None:
        super().__init__()
        self.period, self.convs, inputs = period, nn.ModuleList(), 1
        for full, stride in PERIOD_LAYERS:
            outputs, padding = bench.channels(full), (PERIOD_TAPS // 2, 0)
            conv = nn.Conv2d(inputs, outputs, (PERIOD_TAPS, 1), (stride, 1), padding)
            self.convs.append(normed(conv, bench.spectral))
            inputs = outputs
        self.conv_post = normed(nn.Conv2d(inputs, 1, (3, 1), padding=(1, 0)), bench.spectral)

    def prepared(self, wav: Tensor) -> Tensor:
        missing = -wav.shape[-1] % self.period
        wav = nn.functional.pad(wav, (0, missing), "reflect") if missing else wav
        return wav.unflatten(-1, (-1, self.period))  # [B, 1, T / P, P]


class ResolutionDiscriminator(Judge):
    """Hears a spectrogram."""

    def __init__(self, resolution: tuple[int, int, int], bench: Bench) -> None:
        super().__init__()
        self.n_fft, self.hop, window = resolution
        self.register_buffer("window", torch.ones(window), persistent=False)
        self.convs, inputs, outputs = nn.ModuleList(), 1, bench.channels(RESOLUTION_CHANNELS)
        for taps, stride in RESOLUTION_LAYERS:
            conv = nn.Conv2d(inputs, outputs, taps, (1, stride), (taps[0] // 2, taps[1] // 2))
            self.convs.append(normed(conv, bench.spectral))
            inputs = outputs
        self.conv_post = normed(nn.Conv2d(inputs, 1, 3, padding=1), bench.spectral)

    def prepared(self, wav: Tensor) -> Tensor:
        edge = (self.n_fft - self.hop) // 2
        with full_precision(wav.device.type):
            mirrored = nn.functional.pad(wav.float(), (edge, edge), "reflect")[:, 0]
            bins = torch.stft(
                mirrored, self.n_fft, self.hop, len(self.window), self.window, center=False, return_complex=True
            )
            return torch.view_as_real(bins).norm(dim=-1)[:, None]


def normed(conv: nn.Module, spectral: bool) -> nn.Module:
    """The layer under spectral norm (Miyato et al., 2018) or weight norm."""
    return spectral_norm(conv) if spectral else weight_norm(conv)
