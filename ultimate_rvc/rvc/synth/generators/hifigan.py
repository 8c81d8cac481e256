"""HiFi-GAN (Kong, Kim and Bae, 2020): stages that upsample and then blend residual blocks of several kernel sizes.

B spans · F pitch frames · C latent channels · G speaker channels · T = F · hop samples
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.rvc.seams import Noise
from ultimate_rvc.rvc.synth.checkpoint import VoiceConfig
from ultimate_rvc.rvc.synth.generators.blocks import (
    EDGE_TAPS,
    LAST_SLOPE,
    SLOPE,
    ResBlock,
    mean_of,
    same_conv,
    upsampler,
)
from ultimate_rvc.rvc.synth.generators.rows import RowVocoder, row_vocoder
from ultimate_rvc.rvc.synth.generators.tiles import WHOLE, in_tiles, reach_frames, tile_frames


class Stage(NamedTuple):
    """Upsampling, what hears the excitation (None in voices without pitch), and parallel blocks."""

    up: nn.ConvTranspose1d
    hear: nn.Conv1d | None
    blocks: Iterable[nn.Module]


class StagedVocoder(nn.Module):
    """What the HiFi-GANs have in common: z [B, C, F], excitation [B, 1, T], speaker [B, G, 1] → wav [B, 1, T].

    Which parameters make a stage, and what excites it, is the family members' own.
    """

    def __init__(self, config: VoiceConfig, *, last_bias: bool) -> None:
        super().__init__()
        widths = stage_widths(config)
        self.conv_pre = same_conv(config.inter_channels, widths[0], EDGE_TAPS)
        self.cond = nn.Conv1d(config.speaker_channels, widths[0], 1)
        self.conv_post = same_conv(widths[-1], 1, EDGE_TAPS, bias=last_bias)
        self.hop, self.reach = config.hop_samples, reach_frames(config, EDGE_TAPS)
        self.tiled = True
        self.rows: RowVocoder | None = None

    def optimize(self, optimization: OptimizationConfig) -> None:
        """Chooses how to compute, once the weights are there."""
        self.tiled = optimization.uses("tiles")
        self.rows = row_vocoder(self, optimization) if self.conv_pre.weight.device.type == "cpu" else None

    def stages(self) -> Iterator[Stage]:
        """The stages, lowest rate first."""
        raise NotImplementedError

    def excitation(self, f0: Tensor | None, noise: Noise) -> Tensor | None:
        """f0 [B, F] Hz → what voices with pitch are excited by, [B, 1, T]."""
        return None

    def forward(
        self, z: Tensor, excitation: Tensor | None, speaker: Tensor, noise: Noise, wanted: range | None = None
    ) -> Tensor:
        """The wanted frames' samples [B, 1, wanted · hop]; all without `wanted`."""
        render = partial(self._way(z), speaker=speaker)
        length = tile_frames(z.device, self.hop, self.reach) if self.tiled else WHOLE
        wanted = wanted or range(z.shape[-1])
        return in_tiles(render, z, excitation, wanted, hop=self.hop, reach=self.reach, length=length)

    def render(self, z: Tensor, excitation: Tensor | None, speaker: Tensor) -> Tensor:
        """The convolutional part, local in time: frames further away than `reach` are not heard."""
        x = self.conv_pre(z) + self.cond(speaker)
        for stage in self.stages():
            x = stage.up(leaky_relu(x, SLOPE))
            x = x if stage.hear is None else x + stage.hear(excitation)
            x = mean_of(stage.blocks, x)
        return torch.tanh(self.conv_post(leaky_relu(x, LAST_SLOPE)).float())

    def _way(self, z: Tensor) -> Callable[..., Tensor]:
        """The CPU's own way holds float32 weights, so it is not for autocast."""
        plain = self.rows is None or z.device.type != "cpu" or torch.is_autocast_enabled("cpu")
        return self.render if plain else self.rows


class HiFiGan(StagedVocoder):
    """For voices without pitch."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__(config, last_bias=False)
        self.ups = nn.ModuleList(upsamplers(config))
        kernels = tuple(zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True))
        self.kernels = len(kernels)
        widths = stage_widths(config)[1:]
        self.resblocks = nn.ModuleList(ResBlock(width, *kernel) for width in widths for kernel in kernels)

    def stages(self) -> Iterator[Stage]:
        for i, up in enumerate(self.ups):
            yield Stage(up, self.hearing(i), self.resblocks[i * self.kernels : (i + 1) * self.kernels])

    def hearing(self, stage: int) -> nn.Conv1d | None:
        """What hears the excitation in this stage."""
        return None


def stage_widths(config: VoiceConfig) -> list[int]:
    """Channels before the first upsampling and after each."""
    return [config.upsample_initial_channel >> i for i in range(len(config.upsample_rates) + 1)]


def upsamplers(config: VoiceConfig) -> list[nn.ConvTranspose1d]:
    """One for each stage."""
    widths = stage_widths(config)
    steps = zip(widths, widths[1:], config.upsample_rates, config.upsample_kernel_sizes, strict=False)
    return [upsampler(*step) for step in steps]
