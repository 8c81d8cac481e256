"""RefineGAN (Xu, Zhao and Guo, 2022) as Applio trains it: a U-Net that refines a sine at the pitch.

The excitation is brought down to the frame rate, stage by stage, joined with the latent there, and brought up again
beside what was kept on the way down. Noise is added in every block.

B spans · F pitch frames · C latent channels · G speaker channels · T = F · hop samples
"""

import logging
import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.rvc.seams import Noise
from ultimate_rvc.rvc.synth.checkpoint import VoiceConfig
from ultimate_rvc.rvc.synth.generators.blocks import EDGE_TAPS, ResBlock, same_conv
from ultimate_rvc.rvc.synth.generators.source import GlidingSource

logger = logging.getLogger(__name__)

SLOPE = 0.2
EXCITATION_CHANNELS = 16
KERNELS = (3, 7, 11)
DILATIONS = (1, 3, 5)
# The low-pass in front of a decimation: zero crossings to each side, cut-off as a share of the new Nyquist, window.
ZERO_CROSSINGS = 64
ROLLOFF = 0.9475937167399596
KAISER_BETA = 14.769656459379492


class RefineGan(nn.Module):
    """z [B, C, F], excitation [B, 1, T], speaker [B, G, 1] → wav [B, 1, T].

    Widths follow from the structure alone (trainers ignore config's): latent and excitation meet as equals.
    """

    # It is computed as a whole: noise is drawn for every layer, and 150 frames are heard.
    reach = None

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        rates, self.hop = config.upsample_rates, config.hop_samples
        narrow = [EXCITATION_CHANNELS << i for i in range(len(rates) + 1)]  # on the way down
        wide = [2 * width for width in reversed(narrow)]  # on the way up
        self.m_source = GlidingSource(config.sample_rate_hz, config.hop_samples)
        self.pre_conv = same_conv(1, narrow[0], EDGE_TAPS)
        self.decimators = nn.ModuleList(Decimator(rate) for rate in reversed(rates))
        self.downsample_blocks = nn.ModuleList(same_conv(a, b, EDGE_TAPS) for a, b in pairwise(narrow))
        self.mel_conv = same_conv(config.inter_channels, narrow[-1], EDGE_TAPS)
        self.cond = nn.Conv1d(config.speaker_channels, narrow[-1], 1)
        self.upsample_blocks = nn.ModuleList(nn.Upsample(scale_factor=rate, mode="linear") for rate in rates)
        self.upsample_conv_blocks = nn.ModuleList(ParallelBlocks(a + a // 4, b) for a, b in pairwise(wide))
        self.conv_post = same_conv(wide[-1], 1, EDGE_TAPS, bias=False)

    def optimize(self, optimization: OptimizationConfig) -> None:
        """There is one way to compute it, in float32."""
        if optimization.precision != "fp32":
            logger.warning("RefineGAN sings in fp32; precision %s is for the content encoder", optimization.precision)

    def excitation(self, f0: Tensor, noise: Noise) -> Tensor:
        """f0 [B, F] Hz → a gliding sine [B, 1, T]."""
        return self.m_source(f0, noise)

    def forward(
        self, z: Tensor, excitation: Tensor, speaker: Tensor, noise: Noise, wanted: range | None = None
    ) -> Tensor:
        """The wanted frames' samples [B, 1, wanted · hop]; all without `wanted`."""
        x, kept = self.descend(excitation)
        x = torch.cat([self.mel_conv(z) + self.cond(speaker), x], 1)  # [B, 512, F]
        for up, refine, beside in zip(self.upsample_blocks, self.upsample_conv_blocks, reversed(kept), strict=True):
            x = torch.cat([up(leaky_relu(x, SLOPE)), beside], 1)
            x = refine(x, noise, steps_per_frame=x.shape[-1] // z.shape[-1])
        wav = torch.tanh(self.conv_post(leaky_relu(x, SLOPE)).float())
        return wav if wanted is None else wav[..., wanted.start * self.hop : wanted.stop * self.hop]

    def descend(self, excitation: Tensor) -> tuple[Tensor, list[Tensor]]:
        """excitation [B, 1, T] → [B, 256, F], and what the stages keep on the way: [B, 16, T] first.

        Frames further away than 150 are not heard, almost all of them through the low-pass at the frame rate.
        """
        x, kept = self.pre_conv(excitation), []
        for decimate, conv in zip(self.decimators, self.downsample_blocks, strict=True):
            kept.append(leaky_relu(x, SLOPE))
            x = conv(decimate(kept[-1]))
        return x, kept


class ParallelBlocks(nn.Module):
    """Three residual blocks side by side, each between two sources of noise: [B, a, T] → [B, b, T]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.input_conv = same_conv(inputs, outputs, EDGE_TAPS)
        self.blocks = nn.ModuleList(
            nn.ModuleList([AddedNoise(outputs), ResBlock(outputs, taps, DILATIONS, SLOPE), AddedNoise(outputs)])
            for taps in KERNELS
        )

    def forward(self, x: Tensor, noise: Noise, *, steps_per_frame: int) -> Tensor:
        x = self.input_conv(x)
        total = torch.zeros_like(x)
        for before, block, after in self.blocks:
            total = total + after(block(before(x, noise, steps_per_frame)), noise, steps_per_frame)
        return total / len(self.blocks)


class AddedNoise(nn.Module):
    """Noise with a level for each channel, then a leaky rectifier (upstream calls it AdaIN)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels))

    def forward(self, x: Tensor, noise: Noise, steps_per_frame: int) -> Tensor:
        return leaky_relu(x + noise.normal(x, 2, steps_per_frame) * self.weight[:, None], SLOPE)


class Decimator(nn.Module):
    """A windowed-sinc low-pass and every rate-th sample of it: [B, C, T] → [B, C, T / rate].

    torchaudio's `resample` with `sinc_interp_kaiser` comes to this when the new rate divides the old one.
    """

    def __init__(self, rate: int) -> None:
        super().__init__()
        self.rate = rate
        # from_numpy, unlike torch's factories, makes real numbers while the modules are built without storage.
        self.register_buffer("taps", torch.from_numpy(lowpass_taps(rate))[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        reach = self.taps.shape[-1] // 2
        flat = nn.functional.pad(x.flatten(0, 1)[:, None], (reach, reach))
        out = nn.functional.conv1d(flat, self.taps.to(x.dtype), stride=self.rate)
        return out[:, 0, : math.ceil(x.shape[-1] / self.rate)].unflatten(0, x.shape[:2])


def lowpass_taps(rate: int) -> np.ndarray:
    """Odd number of float32 taps, Kaiser-windowed, cut off at ROLLOFF times the new Nyquist frequency."""
    reach = math.ceil(ZERO_CROSSINGS * rate / ROLLOFF)
    crossings = np.clip(np.arange(-reach, reach + 1) * ROLLOFF / rate, -ZERO_CROSSINGS, ZERO_CROSSINGS)
    window = np.i0(KAISER_BETA * np.sqrt(1 - (crossings / ZERO_CROSSINGS) ** 2)) / np.i0(KAISER_BETA)
    return (np.sinc(crossings) * window * ROLLOFF / rate).astype(np.float32)
