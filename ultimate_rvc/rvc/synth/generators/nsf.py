"""NSF-HiFi-GAN: HiFi-GAN whose stages hear a sine at the pitch. What nearly every RVC voice sings with."""

import math

from torch import Tensor, nn

from ultimate_rvc.rvc.seams import Noise
from ultimate_rvc.rvc.synth.checkpoint import VoiceConfig
from ultimate_rvc.rvc.synth.generators.blocks import excitation_conv
from ultimate_rvc.rvc.synth.generators.hifigan import HiFiGan, stage_widths
from ultimate_rvc.rvc.synth.generators.source import FundamentalSource


class NsfHiFiGan(HiFiGan):
    """z [B, C, F], excitation [B, 1, T], speaker [B, G, 1] → wav [B, 1, T]."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__(config)
        self.m_source = FundamentalSource(config.sample_rate_hz, config.hop_samples)
        self.noise_convs = nn.ModuleList(excitation_convs(config))

    def excitation(self, f0: Tensor, noise: Noise) -> Tensor:
        """f0 [B, F] Hz → a sine at the pitch [B, 1, T]."""
        return self.m_source(f0, noise)

    def hearing(self, stage: int) -> nn.Conv1d:
        return self.noise_convs[stage]


def excitation_convs(config: VoiceConfig) -> list[nn.Conv1d]:
    """One for each stage, with what is left to upsample as its stride."""
    rates = config.upsample_rates
    strides = [math.prod(rates[i + 1 :]) for i in range(len(rates))]
    return [excitation_conv(width, stride) for width, stride in zip(stage_widths(config)[1:], strides, strict=True)]
