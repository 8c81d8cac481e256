"""The normalising flow of VITS. It sings backwards, from the text's latent to the voice's, and is trained forwards.

Coupling layers after RealNVP (Dinh et al., 2017) that shift and never scale, each a WaveNet (van den Oord et al.,
2016) that hears the speaker.

B spans · F pitch frames · C latent channels · H hidden channels · G speaker channels
"""

import torch
from torch import Tensor, nn

from ultimate_rvc.rvc.synth.checkpoint import VoiceConfig

COUPLINGS = 4
WAVENET_LAYERS = 3
WAVENET_TAPS = 5
# Frames to each side that the whole flow hears.
REACH_FRAMES = COUPLINGS * WAVENET_LAYERS * (WAVENET_TAPS // 2)


class Flow(nn.Module):
    """z_p [B, C, F], keep [B, 1, F], speaker [B, G, 1] → z [B, C, F], zero where not kept."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        # Checkpoints count the reversals of channels between the couplings too.
        self.flows = nn.ModuleDict({str(2 * i): Coupling(config) for i in range(COUPLINGS)})

    def forward(self, z_p: Tensor, keep: Tensor, speaker: Tensor) -> Tensor:
        z = z_p
        for coupling in reversed(self.flows.values()):
            z = coupling(z.flip(1), keep, speaker)
        return z

    def to_text(self, z: Tensor, keep: Tensor, speaker: Tensor) -> Tensor:
        """The way that is trained: z [B, C, F] → z_p [B, C, F]."""
        for coupling in self.flows.values():
            z = coupling.give(z, keep, speaker).flip(1)
        return z


class Coupling(nn.Module):
    """Takes back the shift that one half of the channels gave to the other."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        half = config.inter_channels // 2
        self.pre = nn.Conv1d(half, config.hidden_channels, 1)
        self.enc = WaveNet(config.hidden_channels, config.speaker_channels)
        self.post = nn.Conv1d(config.hidden_channels, half, 1)

    def forward(self, z: Tensor, keep: Tensor, speaker: Tensor) -> Tensor:
        kept, shifted = z.chunk(2, 1)
        return torch.cat([kept, (shifted - self._shift(kept, keep, speaker)) * keep], 1)

    def give(self, z: Tensor, keep: Tensor, speaker: Tensor) -> Tensor:
        """The reverse of forward: gives the shift."""
        kept, plain = z.chunk(2, 1)
        return torch.cat([kept, self._shift(kept, keep, speaker) + plain * keep], 1)

    def _shift(self, kept: Tensor, keep: Tensor, speaker: Tensor) -> Tensor:
        return self.post(self.enc(self.pre(kept) * keep, keep, speaker)) * keep


class WaveNet(nn.Module):
    """Gated convolutions with skips: [B, H, F] → [B, H, F]."""

    def __init__(self, hidden: int, speaker_channels: int, layers: int = WAVENET_LAYERS) -> None:
        super().__init__()
        self.cond_layer = nn.Conv1d(speaker_channels, 2 * hidden * layers, 1)
        self.in_layers = nn.ModuleList(
            nn.Conv1d(hidden, 2 * hidden, WAVENET_TAPS, padding=WAVENET_TAPS // 2) for _ in range(layers)
        )
        self.res_skip_layers = nn.ModuleList(
            nn.Conv1d(hidden, hidden if i == layers - 1 else 2 * hidden, 1) for i in range(layers)
        )

    def forward(self, x: Tensor, keep: Tensor, speaker: Tensor) -> Tensor:
        hints = self.cond_layer(speaker).chunk(len(self.in_layers), 1)  # each [B, 2H, 1]
        out = torch.zeros_like(x)
        for into, onward, hint in zip(self.in_layers, self.res_skip_layers, hints, strict=True):
            wave, gate = (into(x) + hint).chunk(2, 1)
            *residual, skip = onward(torch.tanh(wave) * torch.sigmoid(gate)).split(x.shape[1], 1)
            out = out + skip
            x = (x + residual[0]) * keep if residual else x
        return out * keep
