"""From content features and pitch to the mean and spread of VITS's latent (Kim, Kong and Son, 2021).

A transformer with relative positions after Shaw, Uszkoreit and Vaswani (2018): ten frames to each side have vectors of
their own, everything further away has none. So only that band is computed, and queries are taken in blocks of rows.

B spans · F pitch frames · D feature channels · H hidden channels · N heads · K = H / N · C latent channels
"""

import math

import torch
from torch import Tensor, nn

from ultimate_rvc.rvc.synth.checkpoint import VoiceConfig

PITCH_STEPS = 256
WINDOW_FRAMES = 10
INPUT_SLOPE = 0.1
HIDDEN_SCORE = -1e4
# Scores that are held at once (128 MiB in float32); rows of queries are blocked to stay below. On a CPU those of a
# block stay in the cache: 1.8 times faster for spans of 42 s.
SCORES_AT_ONCE = 2**25
CPU_SCORES_AT_ONCE = 2**21


class TextEncoder(nn.Module):
    """features [B, F, D], coarse [B, F] or None, keep [B, 1, F] → mean and log deviation [B, C, F], 0 outside keep."""

    def __init__(self, config: VoiceConfig, has_pitch: bool) -> None:
        super().__init__()
        hidden = config.hidden_channels
        self.scale = math.sqrt(hidden)
        self.emb_phone = nn.Linear(config.feature_channels, hidden)
        self.emb_pitch = table(PITCH_STEPS, hidden) if has_pitch else NoPitch()
        self.encoder = Transformer(config)
        self.proj = nn.Conv1d(hidden, 2 * config.inter_channels, 1)

    def forward(self, features: Tensor, coarse: Tensor | None, keep: Tensor) -> tuple[Tensor, Tensor]:
        x = (self.emb_phone(features) + self.emb_pitch(coarse)) * self.scale  # [B, F, H]
        x = nn.functional.leaky_relu(x, INPUT_SLOPE).transpose(1, 2)  # [B, H, F]
        mean, log_deviation = (self.proj(self.encoder(x, keep)) * keep).float().chunk(2, 1)
        return mean, log_deviation


def table(rows: int, width: int) -> nn.Embedding:
    """An embedding without first values.

    torch draws them by a normal distribution, and without storage (meta) that imports its compiler for a second.
    """
    return nn.Embedding.from_pretrained(torch.empty(rows, width))


class NoPitch(nn.Module):
    """Stands where voices with pitch have its embedding."""

    def forward(self, coarse: Tensor | None) -> float:
        return 0.0


class Transformer(nn.Module):
    """Post-norm layers of attention and convolution: [B, H, F] → [B, H, F]."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        hidden, layers = config.hidden_channels, range(config.n_layers)
        self.attn_layers = nn.ModuleList(RelativeAttention(hidden, config.n_heads) for _ in layers)
        self.norm_layers_1 = nn.ModuleList(ChannelNorm(hidden) for _ in layers)
        self.ffn_layers = nn.ModuleList(FeedForward(hidden, config.filter_channels, config.kernel_size) for _ in layers)
        self.norm_layers_2 = nn.ModuleList(ChannelNorm(hidden) for _ in layers)

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        x = x * keep
        layers = zip(self.attn_layers, self.norm_layers_1, self.ffn_layers, self.norm_layers_2, strict=True)
        for attend, norm_1, feed_forward, norm_2 in layers:
            x = norm_1(x + attend(x, keep))
            x = norm_2(x + feed_forward(x, keep))
        return x * keep


class RelativeAttention(nn.Module):
    """Self-attention whose keys and values also know how far away they are, up to WINDOW_FRAMES: [B, H, F] → same."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.conv_q, self.conv_k, self.conv_v, self.conv_o = (nn.Conv1d(hidden, hidden, 1) for _ in range(4))
        distances = (1, 2 * WINDOW_FRAMES + 1, hidden // heads)
        self.emb_rel_k = nn.Parameter(torch.empty(distances))
        self.emb_rel_v = nn.Parameter(torch.empty(distances))

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        query, key, value = (self._split(conv(x)) for conv in (self.conv_q, self.conv_k, self.conv_v))  # [B, N, F, K]
        query = query / math.sqrt(query.shape[-1])
        hidden = (keep == 0)[:, None]  # [B, 1, 1, F]
        scores = CPU_SCORES_AT_ONCE if x.device.type == "cpu" else SCORES_AT_ONCE
        rows = max(1, scores // (len(x) * self.heads * x.shape[-1]))
        starts = range(0, x.shape[-1], rows)
        out = [self._attend(query[:, :, i : i + rows], key, value, (hidden, i)) for i in starts]
        return self.conv_o(torch.cat(out, 2).transpose(2, 3).flatten(1, 2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.heads, -1)).transpose(2, 3)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, place: tuple[Tensor, int]) -> Tensor:
        """query [B, N, R, K] of the frames from place[1] on → [B, N, R, K]."""
        hidden, first = place
        scores = query @ key.transpose(-2, -1)  # [B, N, R, F]
        near, inside = _band(first, query.shape[2], key.shape[2], query.device)
        bias = query @ self.emb_rel_k.to(query.dtype).transpose(-2, -1) * inside  # [B, N, R, 21]
        near = near.expand(bias.shape)
        scores = scores.scatter_add_(-1, near, bias.to(scores.dtype)).masked_fill_(hidden, HIDDEN_SCORE)
        # The weights of a long row are small; half precision would lose them in the sum.
        weights = torch.softmax(scores.float(), -1).to(value.dtype)
        return weights @ value + (weights.gather(-1, near) * inside) @ self.emb_rel_v.to(value.dtype)


def _band(first: int, rows: int, frames: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Frames near each row [R, 21], and whether they exist (those that do not point at a neighbour instead)."""
    middle = torch.arange(first, first + rows, device=device)[:, None]
    near = middle + torch.arange(-WINDOW_FRAMES, WINDOW_FRAMES + 1, device=device)
    return near.clamp(0, frames - 1), (near >= 0) & (near < frames)


class FeedForward(nn.Module):
    """Two convolutions along time: [B, H, F] → [B, H, F]."""

    def __init__(self, hidden: int, filters: int, taps: int) -> None:
        super().__init__()
        self.conv_1 = nn.Conv1d(hidden, filters, taps, padding=taps // 2)
        self.conv_2 = nn.Conv1d(filters, hidden, taps, padding=taps // 2)

    def forward(self, x: Tensor, keep: Tensor) -> Tensor:
        x = torch.relu(self.conv_1(x * keep))
        return self.conv_2(x * keep) * keep


class ChannelNorm(nn.Module):
    """Layer norm over the channels of [B, H, F], in float32 whatever comes in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(channels))
        self.beta = nn.Parameter(torch.empty(channels))

    def forward(self, x: Tensor) -> Tensor:
        x = x.float().transpose(1, 2)
        return nn.functional.layer_norm(x, self.gamma.shape, self.gamma, self.beta).transpose(1, 2)
