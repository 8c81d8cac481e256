"""MRF HiFi-GAN: Applio's NSF-HiFi-GAN with eight harmonics and blocks of its own naming."""

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ultimate_rvc.rvc.seams import Noise
from ultimate_rvc.rvc.synth.checkpoint import VoiceConfig
from ultimate_rvc.rvc.synth.generators.blocks import SLOPE, Pair, same_conv
from ultimate_rvc.rvc.synth.generators.hifigan import Stage, StagedVocoder, stage_widths, upsamplers
from ultimate_rvc.rvc.synth.generators.nsf import excitation_convs
from ultimate_rvc.rvc.synth.generators.source import HarmonicSource


class MrfHiFiGan(StagedVocoder):
    """z [B, C, F], excitation [B, 1, T], speaker [B, G, 1] → wav [B, 1, T]."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__(config, last_bias=True)
        self.m_source = HarmonicSource(config.sample_rate_hz, config.hop_samples)
        self.upsamples = nn.ModuleList(upsamplers(config))
        self.noise_convs = nn.ModuleList(excitation_convs(config))
        kernels = tuple(zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True))
        widths = stage_widths(config)[1:]
        self.mrfs = nn.ModuleList(nn.ModuleList(MrfBlock(width, *kernel) for kernel in kernels) for width in widths)

    def excitation(self, f0: Tensor, noise: Noise) -> Tensor:
        """f0 [B, F] Hz → nine sines, merged [B, 1, T]."""
        return self.m_source(f0, noise)

    def stages(self) -> Iterator[Stage]:
        yield from map(Stage, self.upsamples, self.noise_convs, self.mrfs)


class MrfBlock(nn.Module):
    """Layers of one kernel size and growing dilation: [B, C, T] → [B, C, T]."""

    def __init__(self, channels: int, taps: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(MrfLayer(channels, taps, dilation) for dilation in dilations)

    def pairs(self) -> Iterator[Pair]:
        """Its convolutions: a dilated and a plain one beside each shortcut."""
        return ((layer.conv1, layer.conv2) for layer in self.layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class MrfLayer(nn.Module):
    """A dilated and a plain convolution beside a shortcut."""

    def __init__(self, channels: int, taps: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = same_conv(channels, channels, taps, dilation)
        self.conv2 = same_conv(channels, channels, taps)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(leaky_relu(self.conv1(leaky_relu(x, SLOPE)), SLOPE))
