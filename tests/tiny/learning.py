"""What tiny networks are trained with, the same numbers on every machine and for every project that runs them.

Knows no project: a recorder that imports another one uses it too.
"""

from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

RATE_HZ = 32_000
HOP_SAMPLES = RATE_HZ // 100
FEATURES = 256
SEGMENT_FRAMES = 24
NOISE_SEED = 31


def tiny_config(**changes: dict[str, Any]) -> dict[str, Any]:
    """A config.json; `changes` go into its sections."""
    config = {
        "train": {
            "log_interval": 200,
            "seed": 1234,
            "learning_rate": 1e-3,
            "betas": [0.8, 0.99],
            "eps": 1e-9,
            "lr_decay": 0.999875,
            "segment_size": SEGMENT_FRAMES * HOP_SAMPLES,
            "c_mel": 45,
            "c_kl": 1.0,
        },
        "data": {
            "max_wav_value": 32768.0,
            "sample_rate": RATE_HZ,
            "filter_length": 1024,
            "hop_length": HOP_SAMPLES,
            "win_length": 1024,
            "n_mel_channels": 80,
            "mel_fmin": 0.0,
            "mel_fmax": None,
        },
        "model": {
            "inter_channels": 16,
            "hidden_channels": 16,
            "filter_channels": 32,
            "text_enc_hidden_dim": FEATURES,
            "n_heads": 2,
            "n_layers": 2,
            "kernel_size": 3,
            "p_dropout": 0,
            "resblock": "1",
            "resblock_kernel_sizes": [3, 7],
            "resblock_dilation_sizes": [[1, 3], [1, 3]],
            "upsample_rates": [4, 4, 4, 5],
            "upsample_initial_channel": 32,
            "upsample_kernel_sizes": [8, 8, 8, 10],
            "use_spectral_norm": False,
            "gin_channels": 8,
            "spk_embed_dim": 109,
            "discriminator_width": 1 / 32,
            "discriminator_periods": [2, 3],
            "posterior_layers": 2,
        },
    }
    return {name: section | changes.get(name, {}) for name, section in config.items()}


@dataclass(frozen=True)
class Lesson:
    """features [B, F, D], coarse, f0 [B, F], spectrogram [B, S, F], wav [B, 1, T], lengths, speaker [B]."""

    features: Tensor
    coarse: Tensor
    f0: Tensor
    spectrogram: Tensor
    wav: Tensor
    lengths: Tensor
    speaker: Tensor


def lesson(frames: int = 40, shorter: int = 6) -> Lesson:
    """Two rows, the second one shorter by some frames."""
    lengths = torch.tensor([frames, frames - shorter])
    keep = (torch.arange(frames) < lengths[:, None]).float()
    turns = torch.arange(frames) / frames + torch.tensor([[0.0], [0.3]])
    f0 = 220 * 2 ** torch.sin(2 * torch.pi * turns) * keep
    f0[:, 10:14] = 0
    return Lesson(
        drawn("features", 2, frames, FEATURES),
        (f0 / 2).round().clamp(1, 255).long(),
        f0,
        drawn("spectrogram", 2, 513, frames).abs() * keep[:, None],
        0.1 * drawn("wav", 2, 1, frames * HOP_SAMPLES),
        lengths,
        torch.tensor([0, 1]),
    )


def drawn(name: str, *shape: int) -> Tensor:
    """Normal numbers that hang on their name and shape alone."""
    return torch.from_numpy(np.random.default_rng(crc32(name.encode())).standard_normal(shape, dtype=np.float32))


def fill(network: nn.Module) -> nn.Module:
    """Gives every weight the numbers of its name, scaled so that signals keep their size."""
    weights = {key: _value(stored(key), tuple(value.shape)) for key, value in network.state_dict().items()}
    network.load_state_dict(weights)
    return network


def stored(key: str) -> str:
    """Weight norm as files spell it."""
    key = key.replace("parametrizations.weight.original0", "weight_g")
    return key.replace("parametrizations.weight.original1", "weight_v")


def _value(key: str, shape: tuple[int, ...]) -> Tensor:
    numbers = drawn(key, *shape)
    if key.endswith(("weight_g", "gamma")):
        return 1 + numbers / 10
    if key.endswith("l_linear.weight"):
        return 2 + numbers / 10
    if len(shape) == 1:
        return numbers / 20
    return numbers / max(1, int(np.prod(shape[1:]))) ** 0.5


def probes(network: nn.Module) -> tuple[list[str], Tensor]:
    """Of every gradient its length and its product with numbers of its name: names, [N, 2]."""
    names, found = [], []
    for name, parameter in network.named_parameters():
        names.append(stored(name))
        gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        direction = drawn("probe " + stored(name), *gradient.shape)
        found.append(torch.stack([gradient.norm(), (gradient * direction).sum()]))
    return names, torch.stack(found)
