"""FCPE: depthwise convolutions in the shape of a conformer over log-mel frames, with a salience over 360 bins.

Luo et al., "FCPE: A Fast Context-based Pitch Estimation Model" (2025). Reads torchfcpe's fcpe_c_v001.pt, which RVC
tools share as fcpe.pt. Its only layer that sees the whole signal is a group norm; the rest reaches 92 frames, so
blocks with that much context and with the whole signal's statistics give the whole signal's result.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ultimate_rvc.errors import CheckpointError
from ultimate_rvc.rvc.blocks import Block, blocks
from ultimate_rvc.rvc.pitch.mel import MEL_BANDS, WINDOW_SAMPLES, LogMel, MelScale, samples_of
from ultimate_rvc.rvc.pitch.salience import BINS, around, cents_to_hz
from ultimate_rvc.rvc.seams import PITCH_HOP_SAMPLES, SAMPLE_RATE_HZ
from ultimate_rvc.rvc.stored_weights import fit, read_weights

SCALE = MelScale(low_hz=0, high_hz=8000, htk=False, power_floor=1e-9)
VOICED_SALIENCE = 0.006
KERNEL_FRAMES = 31
STEM_REACH_FRAMES = 1
NORM_GROUPS = 4
BLOCK_FRAMES = 6000
# What a window has more than a hop, on each side.
MARGIN_SAMPLES = (WINDOW_SAMPLES - PITCH_HOP_SAMPLES) // 2


@dataclass(frozen=True)
class Sizes:
    """The network of fcpe_c_v001.pt: layers and channels."""

    layers: int = 6
    width: int = 512

    @property
    def context_frames(self) -> int:
        """How far an output frame sees to each side."""
        return 2 * STEM_REACH_FRAMES + self.layers * (KERNEL_FRAMES // 2)


# A mel spectrogram and network of these sizes, as torchfcpe's configuration names them; others are not read.
EXPECTED = {
    "mel": {"sr": SAMPLE_RATE_HZ, "num_mels": MEL_BANDS, "n_fft": WINDOW_SAMPLES, "win_size": WINDOW_SAMPLES,
            "hop_size": PITCH_HOP_SAMPLES, "fmin": 0, "fmax": 8000},
    "model": {"out_dims": BINS, "conv_only": True},
}  # fmt: skip


class Fcpe:
    """FCPE with its weights."""

    def __init__(self, network: "FcpeNetwork", device: torch.device, *, block_frames: int | None = BLOCK_FRAMES):
        self.network = network.to(device)
        self.mel = LogMel(SCALE).to(device)
        self.block_frames = block_frames

    @classmethod
    def load(cls, path: Path, device: torch.device) -> "Fcpe":
        """Weights from fcpe.pt; see `stored_weights` for the errors."""
        held = read_weights(path)
        with torch.device("meta"):
            network = FcpeNetwork(_sizes(held, path))
        return cls(fit(network, held["model"], path), device)

    @torch.no_grad()
    def __call__(self, wav: Tensor) -> Tensor:
        """wav [T] at 16 kHz → f0 [T // 160] in Hz, frame j's window beginning at sample 160·j - 432; 0 is unvoiced."""
        frames = wav.shape[0] // PITCH_HOP_SAMPLES
        if not frames:
            return wav.new_zeros(0)
        padded = mirrored(wav)
        moments = self._moments(padded, frames)
        reach = self.network.sizes.context_frames
        parts = [self._block(padded, frames, b, moments) for b in blocks(frames + 1, self.block_frames, reach)]
        return torch.cat(parts)[:frames]  # [F]

    def _moments(self, padded: Tensor, frames: int) -> "Moments":
        parts = []
        for block in blocks(frames + 1, self.block_frames, STEM_REACH_FRAMES):
            heard = self.network.input_stack[0](self._mel(padded, frames, block))  # [1, W, N]
            parts.append(Moments.of(heard[..., block.kept]))
        return Moments.together(parts)

    def _block(self, padded: Tensor, frames: int, block: Block, moments: "Moments") -> Tensor:
        salience = self.network(self._mel(padded, frames, block), moments)
        return decode(salience[block.kept], self.network.cent_table)

    def _mel(self, padded: Tensor, frames: int, block: Block) -> Tensor:
        """The block's mel [1, M, N]. Windows fit F times, the network expects F + 1: the last one comes twice."""
        fitting = min(block.last, frames)
        mel = self.mel(samples_of(padded, block.first, fitting))
        return F.pad(mel[None], (0, block.last - fitting), mode="replicate")


def mirrored(wav: Tensor) -> Tensor:
    """The signal mirrored at both ends so that a window has its hop in the middle; a short one ends in silence."""
    missing = WINDOW_SAMPLES - wav.shape[0] - MARGIN_SAMPLES
    if max(MARGIN_SAMPLES, missing) >= wav.shape[0]:
        return F.pad(wav, (MARGIN_SAMPLES, max(MARGIN_SAMPLES, missing)))
    return F.pad(wav[None], (MARGIN_SAMPLES, MARGIN_SAMPLES), mode="reflect")[0]


def decode(salience: Tensor, cents: Tensor) -> Tensor:
    """salience [N, 360] over bins at cents [360] → f0 [N] in Hz; a peak of 0.006 or less is unvoiced."""
    peak, centre = salience.max(1)
    step = (cents[-1] - cents[0]) / (BINS - 1)
    return torch.where(peak > VOICED_SALIENCE, cents_to_hz(cents[0] + step * around(salience, centre)), 0.0)


class FcpeNetwork(nn.Module):
    """mel [1, M, N] → salience [N, 360] in 0..1. Parameter names are those of torchfcpe's file."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        first, second = (nn.Conv1d(n, sizes.width, 3, padding=STEM_REACH_FRAMES) for n in (MEL_BANDS, sizes.width))
        norm = nn.GroupNorm(NORM_GROUPS, sizes.width)
        self.input_stack = nn.Sequential(first, norm, nn.LeakyReLU(), second)
        self.net = nn.ModuleDict({"encoder_layers": nn.ModuleList(layer(sizes.width) for _ in range(sizes.layers))})
        self.norm = nn.LayerNorm(sizes.width)
        self.output_proj = nn.Linear(sizes.width, BINS)
        self.register_buffer("cent_table", torch.empty(BINS))
        self.register_buffer("gaussian_blurred_cent_mask", torch.empty(()))

    def forward(self, mel: Tensor, moments: "Moments") -> Tensor:
        first, affine, bend, second = self.input_stack
        x = second(bend(moments.normalise(first(mel), affine))).mT  # [1, N, W]
        for layer in self.net["encoder_layers"]:
            x = x + layer["conformer"](x)
        return self.output_proj(self.norm(x)).sigmoid()[0]  # [N, 360]


def layer(width: int) -> nn.ModuleDict:
    """One layer under its names in the file, which keeps an unused norm of the attention that was trained away."""
    return nn.ModuleDict({"conformer": Conformer(width), "norm": nn.LayerNorm(width)})


class Conformer(nn.Module):
    """The convolution module of a conformer: [1, N, W] → [1, N, W]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        deep = nn.Conv1d(2 * width, 2 * width, KERNEL_FRAMES, padding=KERNEL_FRAMES // 2, groups=2 * width)
        # Numbered as in the file; 1, 3, 5 and 7 have no weights there.
        self.net = nn.ModuleDict(
            {
                "0": nn.LayerNorm(width),
                "2": nn.Conv1d(width, 4 * width, 1),
                "4": nn.ModuleDict({"conv": deep}),
                "6": nn.Conv1d(2 * width, width, 1),
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        x = F.glu(self.net["2"](self.net["0"](x).mT), dim=1)  # [1, 2W, N]
        return self.net["6"](F.silu(self.net["4"]["conv"](x))).mT


@dataclass(frozen=True)
class Moments:
    """A group norm's count, mean [G] and variance [G] of the values in a stretch of frames."""

    count: int
    mean: Tensor
    variance: Tensor

    @classmethod
    def of(cls, x: Tensor) -> "Moments":
        """Of x [1, W, N]."""
        grouped = x.reshape(NORM_GROUPS, -1)
        return cls(grouped.shape[1], grouped.mean(1), grouped.var(1, correction=0))

    @classmethod
    def together(cls, parts: "list[Moments]") -> "Moments":
        """Of all stretches as one (Chan et al., 1979)."""
        count = sum(part.count for part in parts)
        mean = torch.stack([part.mean * (part.count / count) for part in parts]).sum(0)
        spread = [(part.variance + (part.mean - mean) ** 2) * (part.count / count) for part in parts]
        return cls(count, mean, torch.stack(spread).sum(0))

    def normalise(self, x: Tensor, affine: nn.GroupNorm) -> Tensor:
        """x [1, W, N] as the group norm with these moments gives it."""
        grouped = x.reshape(NORM_GROUPS, -1)
        scaled = (grouped - self.mean[:, None]) * (self.variance[:, None] + affine.eps).rsqrt()
        return scaled.reshape(x.shape) * affine.weight[:, None] + affine.bias[:, None]


def _sizes(held: Mapping[str, Any], path: Path) -> Sizes:
    """The sizes that the file's configuration names; CheckpointError when it is not of the kind that is read here."""
    config = held.get("config_dict")
    if not isinstance(config, Mapping) or not isinstance(held.get("model"), Mapping):
        keys = ", ".join(sorted(map(str, held))[:6])
        raise CheckpointError(f"{path} has the keys {keys}; an FCPE has config_dict and model")
    for section, wanted in EXPECTED.items():
        for name, value in wanted.items():
            found = config.get(section, {}).get(name)
            if found != value:
                raise CheckpointError(f"{path} was trained with {section}.{name} = {found}; only {value} is supported")
    return Sizes(config["model"]["n_layers"], config["model"]["hidden_dims"])
