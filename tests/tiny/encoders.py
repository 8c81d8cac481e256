"""A tiny HuBERT folder in the real file formats: the published strides and widths, so that L = (T - 80) // 320 and
D = 768 (last layer) or 256 (final_proj) hold, with little else.

Square matrices of 768 are views into one small pool of random numbers, each at an offset of its own. `torch.save`
writes a pool once, so the .bin file stays below 5 MB; safetensors cannot share, so pass a small `hidden` with it.
"""

import json
import math
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

POSITION_TAPS = 16
GROUPS = 16
CONV_CHANNELS = 16
KERNELS = (10, 3, 3, 3, 3, 2, 2)
STRIDES = (5, 2, 2, 2, 2, 2, 2)
INTERMEDIATE = 16
PROJECTED = 256
# Larger tensors than this are views into the pool.
POOLED_NUMBERS = 100_000
WEIGHT_NORM_KEYS = {
    "g_v": ("weight_g", "weight_v"),
    "parametrized": ("parametrizations.weight.original0", "parametrizations.weight.original1"),
}


def write_encoder(
    folder: Path,
    seed: int = 0,
    *,
    layout: str = "g_v",
    half: bool = False,
    fmt: str = "bin",
    prefix: str = "",
    hidden: int = 768,
    layers: int = 10,
) -> Path:
    """Writes config.json and the weights into `folder`, which is made and returned.

    layout 'g_v' or 'parametrized' (weight norm's keys), fmt 'bin' or 'safetensors', prefix '' or 'hubert.'.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = encoder_weights(seed, layout=layout, half=half, hidden=hidden, layers=layers)
    save_weights(folder, {prefix + key: tensor for key, tensor in weights.items()}, fmt)
    (folder / "config.json").write_text(json.dumps(encoder_config(hidden, layers), indent=1))
    return folder


def save_weights(folder: Path, weights: dict[str, Tensor], fmt: str = "bin") -> Path:
    """The weights file alone."""
    if fmt == "bin":
        torch.save(weights, folder / "pytorch_model.bin")
        return folder / "pytorch_model.bin"
    from safetensors.torch import save_file

    contiguous = {key: tensor.clone() for key, tensor in weights.items()}
    save_file(contiguous, folder / "model.safetensors", metadata={"format": "pt"})
    return folder / "model.safetensors"


def encoder_config(hidden: int = 768, layers: int = 10) -> dict:
    """What config.json says."""
    return {
        "architectures": ["HubertModel"],
        "model_type": "hubert",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 12 if hidden % 12 == 0 else 4,
        "intermediate_size": INTERMEDIATE,
        "conv_dim": [CONV_CHANNELS] * len(KERNELS),
        "conv_kernel": list(KERNELS),
        "conv_stride": list(STRIDES),
        "num_conv_pos_embeddings": POSITION_TAPS,
        "num_conv_pos_embedding_groups": GROUPS,
        "classifier_proj_size": PROJECTED,
    }


def encoder_weights(
    seed: int = 0, *, layout: str = "g_v", half: bool = False, hidden: int = 768, layers: int = 10
) -> dict[str, Tensor]:
    """Key → tensor as in published checkpoints; each tensor depends on the seed and its own key alone."""
    shapes = encoder_shapes(hidden, layers)
    largest = max(math.prod(shape) for shape in shapes.values())
    dtype = torch.float16 if half else torch.float32
    pool = torch.from_numpy(_normal("pool", seed, (largest + largest // 8,))).to(dtype) / math.sqrt(hidden)
    weights = {key: _tensor(key, shape, seed, pool) for key, shape in shapes.items()}
    g, v = WEIGHT_NORM_KEYS[layout]
    at = "encoder.pos_conv_embed.conv."
    names = {at + "g": at + g, at + "v": at + v}
    return {names.get(key, key): tensor for key, tensor in weights.items()}


def encoder_shapes(hidden: int = 768, layers: int = 10) -> dict[str, tuple[int, ...]]:
    """Key → shape; weight norm's two keys are called g and v here."""
    shapes = {"masked_spec_embed": (hidden,), "feature_extractor.conv_layers.0.layer_norm.weight": (CONV_CHANNELS,)}
    shapes["feature_extractor.conv_layers.0.layer_norm.bias"] = (CONV_CHANNELS,)
    for i, taps in enumerate(KERNELS):
        shapes[f"feature_extractor.conv_layers.{i}.conv.weight"] = (CONV_CHANNELS, CONV_CHANNELS if i else 1, taps)
    shapes |= _norm("feature_projection.layer_norm", CONV_CHANNELS)
    shapes |= _linear("feature_projection.projection", CONV_CHANNELS, hidden)
    at = "encoder.pos_conv_embed.conv."
    shapes |= {at + "bias": (hidden,), at + "g": (1, 1, POSITION_TAPS)}
    shapes[at + "v"] = (hidden, hidden // GROUPS, POSITION_TAPS)
    shapes |= _norm("encoder.layer_norm", hidden)
    for i in range(layers):
        shapes |= _layer(f"encoder.layers.{i}.", hidden)
    return shapes | _linear("final_proj", hidden, PROJECTED)


def _layer(at: str, hidden: int) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
        shapes |= _linear(f"{at}attention.{name}", hidden, hidden)
    shapes |= _norm(at + "layer_norm", hidden)
    shapes |= _linear(at + "feed_forward.intermediate_dense", hidden, INTERMEDIATE)
    shapes |= _linear(at + "feed_forward.output_dense", INTERMEDIATE, hidden)
    return shapes | _norm(at + "final_layer_norm", hidden)


def _linear(at: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {at + ".weight": (outputs, inputs), at + ".bias": (outputs,)}


def _norm(at: str, channels: int) -> dict[str, tuple[int, ...]]:
    return {at + ".weight": (channels,), at + ".bias": (channels,)}


def _tensor(key: str, shape: tuple[int, ...], seed: int, pool: Tensor) -> Tensor:
    numbers = math.prod(shape)
    if numbers > POOLED_NUMBERS:
        start = crc32(key.encode()) % (len(pool) - numbers)
        return pool[start : start + numbers].view(shape)
    values = _normal(key, seed, shape)
    if key.endswith(("layer_norm.weight", "conv.g")):
        values = 1 + values / 10
    elif len(shape) > 1:
        values = values * math.sqrt(2 / math.prod(shape[1:]))
    else:
        values = values / 10
    return torch.from_numpy(values).to(pool.dtype)


def _normal(key: str, seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng([seed, crc32(key.encode())]).standard_normal(shape, dtype=np.float32)
