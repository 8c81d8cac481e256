"""RMVPE: a U-net over log-mel frames, a bidirectional GRU and a salience over 360 bins of 20 cents.

Wei et al., "RMVPE: A Robust Model for Vocal Pitch Estimation in Polyphonic Music" (Interspeech 2023). Reads the
rmvpe.pt that RVC tools share.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ultimate_rvc.rvc.blocks import Block, blocks
from ultimate_rvc.rvc.pitch.folding import folded
from ultimate_rvc.rvc.pitch.mel import MEL_BANDS, WINDOW_SAMPLES, LogMel, MelScale, samples_of
from ultimate_rvc.rvc.pitch.salience import BINS, around, bins_to_hz
from ultimate_rvc.rvc.pitch.tiles import in_tiles, whole
from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND, PITCH_HOP_SAMPLES
from ultimate_rvc.rvc.stored_weights import fit, read_weights

SCALE = MelScale(low_hz=30, high_hz=8000, htk=True)
VOICED_SALIENCE = 0.03
# The U-net halves time five times, so frames come in multiples of 32; what is missing is mirrored from the end,
# which needs 17 frames or more.
GRID_FRAMES = 32
SHORTEST_SAMPLES = (GRID_FRAMES // 2) * PITCH_HOP_SAMPLES
MAX_BLOCK_S = 60.8
# Measured on singing with made-up weights: without context a block's saliences are off by 3e-2, with 1.3 s by 4e-6,
# with 2.6 s by no more than rounding. A trained GRU may remember longer, so it has half as much again.
CONTEXT_FRAMES = 12 * GRID_FRAMES


@dataclass(frozen=True)
class Sizes:
    """The network of rmvpe.pt: stages of the U-net, residual blocks in each, channels of the first, GRU layers."""

    stages: int = 5
    blocks: int = 4
    middle_stages: int = 4
    channels: int = 16
    gru_layers: int = 1
    gru_width: int = 256


class Rmvpe:
    """RMVPE with its weights. `max_block_s` bounds memory; None computes the whole signal at once, as RVC tools do.

    `fast` takes the quickest equal way on the device.
    """

    def __init__(
        self,
        network: "RmvpeNetwork",
        device: torch.device,
        *,
        max_block_s: float | None = MAX_BLOCK_S,
        fast: bool = True,
    ):
        if fast and device.type == "cpu":
            # The rows hold nearly all weights: they stay in their file, and each is folded when its turn comes.
            self.network = folded(network, leave=is_row)
            self.network.unet.over = in_tiles
            for part in (self.network.cnn, *self.network.unet.risers()):
                part.to(memory_format=torch.channels_last)
        else:
            self.network = folded(network).to(device)
        self.mel = LogMel(SCALE).to(device)
        self.longest = None if max_block_s is None else on_grid(round(max_block_s * FRAMES_PER_SECOND))

    @classmethod
    def load(
        cls, path: Path, device: torch.device, *, max_block_s: float | None = MAX_BLOCK_S, fast: bool = True
    ) -> "Rmvpe":
        """Weights from rmvpe.pt; see `stored_weights` for the errors."""
        with torch.device("meta"):
            network = RmvpeNetwork(Sizes())
        weights = fit(network, read_weights(path), path, as_stored=True)
        return cls(weights, device, max_block_s=max_block_s, fast=fast)

    @torch.no_grad()
    def __call__(self, wav: Tensor) -> Tensor:
        """wav [T] at 16 kHz → f0 [T // 160] in Hz, frame j centred at sample 160·j; 0 is unvoiced."""
        frames = wav.shape[0] // PITCH_HOP_SAMPLES
        padded = centred(wav)
        parts = [self._block(padded, block) for block in blocks(frames + 1, self.longest, CONTEXT_FRAMES)]
        return torch.cat(parts)[:frames]  # [F]

    def _block(self, padded: Tensor, block: Block) -> Tensor:
        mel = self.mel(samples_of(padded, block.first, max(block.last, 1 + SHORTEST_SAMPLES // PITCH_HOP_SAMPLES)))
        return decode(self.salience(mel)[block.kept])

    def salience(self, mel: Tensor) -> Tensor:
        """mel [M, N] with N ≥ 17 → salience [N, 360] in 0..1."""
        frames = mel.shape[1]
        mel = F.pad(mel[None], (0, on_grid(frames) - frames), mode="reflect")  # [1, M, N up to the grid]
        return self.network(mel)[0, :frames]


def on_grid(frames: int) -> int:
    """The next multiple of 32 frames."""
    return -(-frames // GRID_FRAMES) * GRID_FRAMES


def centred(wav: Tensor) -> Tensor:
    """The signal mirrored by half a window at both ends; one that is too short to be mirrored ends in silence first."""
    wav = F.pad(wav, (0, max(0, SHORTEST_SAMPLES - wav.shape[0])))
    return F.pad(wav[None], (WINDOW_SAMPLES // 2, WINDOW_SAMPLES // 2), mode="reflect")[0]


def decode(salience: Tensor) -> Tensor:
    """salience [N, 360] → f0 [N] in Hz; a peak of 0.03 or less is unvoiced."""
    peak, centre = salience.max(1)
    return torch.where(peak > VOICED_SALIENCE, bins_to_hz(around(salience, centre)), 0.0)


class RmvpeNetwork(nn.Module):
    """mel [B, M, N], N a multiple of 32 → salience [B, N, 360]. Parameter names are those of rmvpe.pt."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.unet = Unet(sizes)
        self.cnn = nn.Conv2d(sizes.channels, 3, 3, padding=1)
        self.fc = nn.ModuleList([Recurrent(3 * MEL_BANDS, sizes), nn.Linear(2 * sizes.gru_width, BINS)])

    def forward(self, mel: Tensor) -> Tensor:
        picture = self.cnn(self.unet(mel.mT[:, None]))  # [B, 3, N, M]
        recurrent, project = self.fc
        return project(recurrent(picture.transpose(1, 2).flatten(2))).sigmoid()  # [B, N, 360]


class Recurrent(nn.Module):
    """A bidirectional GRU: [B, N, inputs] → [B, N, 2·width]."""

    def __init__(self, inputs: int, sizes: Sizes) -> None:
        super().__init__()
        self.gru = nn.GRU(inputs, sizes.gru_width, sizes.gru_layers, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(x)[0]


class Unet(nn.Module):
    """[B, 1, N, M] → [B, C, N, M]: halved in time and mel by each stage, then doubled with what was seen before.

    `over(row, *parts)` runs a row of residual blocks over its inputs.
    """

    over: Callable[..., Tensor] = staticmethod(whole)

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        widths = [sizes.channels * 2**i for i in range(sizes.stages)]
        down = [stage(before, after, sizes.blocks) for before, after in zip([1, *widths], widths, strict=False)]
        deepest = [widths[-1]] + [2 * widths[-1]] * sizes.middle_stages
        middle = [stage(before, after, sizes.blocks) for before, after in pairwise(deepest)]
        self.encoder = nn.ModuleDict({"bn": nn.BatchNorm2d(1), "layers": nn.ModuleList(down)})
        self.intermediate = nn.ModuleDict({"layers": nn.Sequential(*middle)})
        self.decoder = nn.ModuleDict({"layers": nn.ModuleList(rise(width, sizes.blocks) for width in widths[::-1])})

    def risers(self) -> list[nn.Module]:
        """What doubles time and mel, between the rows of the decoder."""
        return [up["conv1"] for up in self.decoder["layers"]]

    def forward(self, x: Tensor) -> Tensor:
        x = self.encoder["bn"](x)
        seen = []
        for down in self.encoder["layers"]:
            seen.append(self.over(down["conv"], x))
            x = F.avg_pool2d(seen[-1], 2)
        for middle in self.intermediate["layers"]:
            x = self.over(middle["conv"], x)
        for up in self.decoder["layers"]:
            x = self.over(up["conv2"], up["conv1"](x), seen.pop())
        return x


class Residual(nn.Module):
    """Two convolutions beside a shortcut: [B, before, n, m] → [B, after, n, m]."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(*convolved(before, after), *convolved(after, after))
        self.shortcut = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).add_(self.shortcut(x))


def convolved(before: int, after: int) -> tuple[nn.Module, ...]:
    """A 3×3 convolution, normalised and rectified."""
    return nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)


def residuals(before: int, after: int, count: int) -> nn.Sequential:
    """Residual blocks in a row; the first changes the width."""
    return nn.Sequential(*(Residual(before if i == 0 else after, after) for i in range(count)))


def is_row(module: nn.Module) -> bool:
    """Whether the module is a row of residual blocks."""
    return isinstance(module, nn.Sequential) and all(isinstance(block, Residual) for block in module)


def stage(before: int, after: int, count: int) -> nn.ModuleDict:
    """A row of residual blocks under the name that it has in rmvpe.pt."""
    return nn.ModuleDict({"conv": residuals(before, after, count)})


def rise(width: int, count: int) -> nn.ModuleDict:
    """Twice the size, [B, 2C, n, m] → [B, C, 2n, 2m], and the row over that beside what the encoder saw."""
    grow = nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1, bias=False)
    grown = nn.Sequential(grow, nn.BatchNorm2d(width), nn.ReLU(inplace=True))
    return nn.ModuleDict({"conv1": grown, "conv2": residuals(2 * width, width, count)})
