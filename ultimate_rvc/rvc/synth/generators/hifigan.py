"""HiFi-GAN (Kong, Kim and Bae, 2020) for voices without pitch.

B spans · F pitch frames · C latent channels · G speaker channels · T = F · hop samples
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ultimate_rvc.rvc.seams import Noise
from ultimate_rvc.rvc.synth.checkpoint import VoiceConfig
from ultimate_rvc.rvc.synth.generators.blocks import EDGE_TAPS, SLOPE, ResBlock, mean_of, same_conv, upsampler
from ultimate_rvc.rvc.synth.generators.tiles import in_tiles, reach_frames


class HiFiGan(nn.Module):
    """z [B, C, F], f0 (ignored), speaker [B, G, 1] → wav [B, 1, T]."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        widths = stage_widths(config)
        self.conv_pre = same_conv(config.inter_channels, widths[0], EDGE_TAPS)
        self.cond = nn.Conv1d(config.speaker_channels, widths[0], 1)
        self.ups = nn.ModuleList(upsamplers(config))
        kernels = tuple(zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True))
        self.kernels = len(kernels)
        self.resblocks = nn.ModuleList(ResBlock(width, *kernel) for width in widths[1:] for kernel in kernels)
        self.conv_post = same_conv(widths[-1], 1, EDGE_TAPS, bias=False)
        self.hop, self.reach = config.hop_samples, reach_frames(config, EDGE_TAPS)

    def forward(self, z: Tensor, f0: Tensor | None, speaker: Tensor, noise: Noise) -> Tensor:
        render = partial(self.render, speaker=speaker)
        return in_tiles(render, z, self.excitation(f0, noise), hop=self.hop, reach=self.reach)

    def excitation(self, f0: Tensor | None, noise: Noise) -> Tensor | None:
        """None: voices with pitch have one."""
        return None

    def render(self, z: Tensor, excitation: Tensor | None, speaker: Tensor) -> Tensor:
        """The convolutional part, local in time: frames further away than `reach` are not heard."""
        x = self.conv_pre(z) + self.cond(speaker)
        for stage, up in enumerate(self.ups):
            x = self.excite(up(leaky_relu(x, SLOPE)), excitation, stage)
            x = mean_of(self.resblocks[stage * self.kernels : (stage + 1) * self.kernels], x)
        return torch.tanh(self.conv_post(leaky_relu(x)).float())

    def excite(self, x: Tensor, excitation: Tensor | None, stage: int) -> Tensor:
        """Where voices with pitch add the excitation."""
        return x


def stage_widths(config: VoiceConfig) -> list[int]:
    """Channels before the first upsampling and after each."""
    return [config.upsample_initial_channel >> i for i in range(len(config.upsample_rates) + 1)]


def upsamplers(config: VoiceConfig) -> list[nn.ConvTranspose1d]:
    """One for each stage."""
    widths = stage_widths(config)
    steps = zip(widths, widths[1:], config.upsample_rates, config.upsample_kernel_sizes, strict=False)
    return [upsampler(*step) for step in steps]
