"""MRF HiFi-GAN: Applio's NSF-HiFi-GAN with eight harmonics and blocks of its own naming."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ultimate_rvc.rvc.seams import Noise
from ultimate_rvc.rvc.synth.checkpoint import VoiceConfig
from ultimate_rvc.rvc.synth.generators.blocks import EDGE_TAPS, SLOPE, mean_of, same_conv
from ultimate_rvc.rvc.synth.generators.hifigan import stage_widths, upsamplers
from ultimate_rvc.rvc.synth.generators.nsf import excitation_convs
from ultimate_rvc.rvc.synth.generators.source import HarmonicSource
from ultimate_rvc.rvc.synth.generators.tiles import in_tiles, reach_frames


class MrfHiFiGan(nn.Module):
    """z [B, C, F], f0 [B, F] Hz, speaker [B, G, 1] → wav [B, 1, T]."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        widths = stage_widths(config)
        self.m_source = HarmonicSource(config.sample_rate_hz, config.hop_samples)
        self.conv_pre = same_conv(config.inter_channels, widths[0], EDGE_TAPS)
        self.cond = nn.Conv1d(config.speaker_channels, widths[0], 1)
        self.upsamples = nn.ModuleList(upsamplers(config))
        self.noise_convs = nn.ModuleList(excitation_convs(config))
        kernels = tuple(zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True))
        self.mrfs = nn.ModuleList(nn.ModuleList(MrfBlock(width, *kernel) for kernel in kernels) for width in widths[1:])
        self.conv_post = same_conv(widths[-1], 1, EDGE_TAPS)
        self.hop, self.reach = config.hop_samples, reach_frames(config, EDGE_TAPS)

    def forward(self, z: Tensor, f0: Tensor, speaker: Tensor, noise: Noise) -> Tensor:
        render = partial(self.render, speaker=speaker)
        return in_tiles(render, z, self.m_source(f0, noise), hop=self.hop, reach=self.reach)

    def render(self, z: Tensor, excitation: Tensor, speaker: Tensor) -> Tensor:
        """The convolutional part, local in time: frames further away than `reach` are not heard."""
        x = self.conv_pre(z) + self.cond(speaker)
        for up, hear, blocks in zip(self.upsamples, self.noise_convs, self.mrfs, strict=True):
            x = mean_of(blocks, up(leaky_relu(x, SLOPE)) + hear(excitation))
        return torch.tanh(self.conv_post(leaky_relu(x)).float())


class MrfBlock(nn.Module):
    """Layers of one kernel size and growing dilation: [B, C, T] → [B, C, T]."""

    def __init__(self, channels: int, taps: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(MrfLayer(channels, taps, dilation) for dilation in dilations)

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
