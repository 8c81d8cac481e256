"""A content encoder's folder: config.json with model.safetensors or pytorch_model.bin, as transformers writes it.

Files differ in what they call the same thing: weight norm of the positional convolution has two spellings, models
with a training head put `hubert.` before every key, and half precision is common. Here they become one.
"""

import json
import pickle
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ultimate_rvc.errors import CheckpointError, UnsafePickleError, WeightsNotFound
from ultimate_rvc.rvc.embed.front import FIELD_SAMPLES
from ultimate_rvc.rvc.seams import CONTENT_HOP_SAMPLES

if TYPE_CHECKING:
    from transformers import HubertConfig

WEIGHTS_FILES = ("model.safetensors", "pytorch_model.bin")
# What training leaves in a file: the mask's embedding, the cluster and CTC heads, the quantizer.
TRAINING_KEYS = (
    "masked_spec_embed",
    "mask_time_emb",
    "mask_emb",
    "label_embs_concat",
    "quantizer.",
    "project_q.",
    "project_hid.",
    "lm_head.",
    "projector.",
    "classifier.",
    "layer_weights",
)
PREFIX = "hubert."
WEIGHT_NORM_SPELLINGS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
POSITION_CONV = "encoder.pos_conv_embed.conv."
# What torch's restricted unpickler says of a file that wants more than plain weights.
UNSAFE_WORDS = ("Unsupported global", "Unsupported class", "unrecognized function", "Can only")
LISTED_KEYS = 5


def read_config(folder: Path) -> "HubertConfig":
    """config.json, with training's masks and layer drop off. Raises WeightsNotFound, or CheckpointError."""
    from transformers import HubertConfig

    path = folder / "config.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        kind = settings.get("model_type", "hubert")
        settings |= {"mask_time_prob": 0.0, "mask_feature_prob": 0.0, "layerdrop": 0.0}
        config = HubertConfig(**{**settings, "attn_implementation": "sdpa"})
    except FileNotFoundError as error:
        raise WeightsNotFound(f"{path} does not exist; an encoder is a folder with config.json and weights") from error
    except Exception as error:  # transformers' own checks raise many kinds
        raise not_a_configuration(path, error) from error
    if kind != "hubert":
        raise CheckpointError(f"{path} describes a {kind!r} model; only HuBERT encoders are supported")
    _check_frames(config, path)
    return config


def not_a_configuration(path: Path, error: Exception) -> CheckpointError:
    """What to raise for settings that make no network."""
    return CheckpointError(f"{path} is not a HuBERT configuration: {_line(error)}; fetch it again")


def _check_frames(config: "HubertConfig", path: Path) -> None:
    """Raises CheckpointError unless the strides give a frame per 320 samples that sees 400 of them."""
    hop, field = 1, 1
    for taps, stride in zip(config.conv_kernel, config.conv_stride, strict=True):  # transformers compared the lengths
        field += (taps - 1) * hop
        hop *= stride
    if (hop, field) != (CONTENT_HOP_SAMPLES, FIELD_SAMPLES):
        wanted = f"{CONTENT_HOP_SAMPLES} that see {FIELD_SAMPLES}"
        raise CheckpointError(f"{path}: frames every {hop} samples that see {field}; RVC voices need {wanted}")


def weights_file(folder: Path) -> Path:
    """The folder's weights, safetensors first. Raises WeightsNotFound."""
    for name in WEIGHTS_FILES:
        if (folder / name).is_file():
            return folder / name
    raise WeightsNotFound(f"{folder} holds no weights; put {' or '.join(WEIGHTS_FILES)} there")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Key → float32 tensor on the host, in the one spelling that `fit` wants.

    Raises CheckpointError for what cannot be read, UnsafePickleError for a pickle that wants to run code.
    """
    held = _open(path)
    if not isinstance(held, Mapping) or not all(isinstance(value, Tensor) for value in held.values()):
        raise CheckpointError(f"{path} does not hold a table of weights; fetch it again")
    inference = {key: value for key, value in held.items() if not _bare(key).startswith(TRAINING_KEYS)}
    return _fold_weight_norm({_bare(key): _single(value) for key, value in inference.items()})


def _open(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle, safetensors and torch raise many kinds
        if isinstance(error, pickle.UnpicklingError) and any(words in str(error) for words in UNSAFE_WORDS):
            message = f"{path} wants to run code while it is read; only plain weights are loaded"
            raise UnsafePickleError(message) from error
        raise CheckpointError(f"{path} is not a readable file of weights: {_line(error)}; fetch it again") from error


def _single(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _bare(key: str) -> str:
    return key.removeprefix(PREFIX)


def _fold_weight_norm(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The positional convolution's direction and length, in either spelling, as one plain weight."""
    for g, v in WEIGHT_NORM_SPELLINGS:
        if POSITION_CONV + g in weights and POSITION_CONV + v in weights:
            length, direction = weights.pop(POSITION_CONV + g), weights.pop(POSITION_CONV + v)
            norm = torch.linalg.vector_norm(direction, dim=(0, 1), keepdim=True)  # [1, 1, taps]
            weights[POSITION_CONV + "weight"] = direction * (length / norm)
    return weights


def fit(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Gives the model, which may lie on the meta device, exactly these weights.

    Raises CheckpointError with the missing, surplus and misshapen keys.
    """
    wanted = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in weights.items()}
    shared = wanted.keys() & given.keys()
    bent = [f"{key} {given[key]} for {wanted[key]}" for key in shared if given[key] != wanted[key]]
    faults = {"missing": wanted.keys() - shared, "surplus": given.keys() - shared, "misshapen": bent}
    told = [f"{len(keys)} {kind}: {_few(keys)}" for kind, keys in faults.items() if keys]
    if told:
        raise CheckpointError(f"{path} does not fit its config.json: {'; '.join(told)}")
    model.load_state_dict(weights, assign=True)


def _few(keys: Collection[str]) -> str:
    listed: Iterable[str] = sorted(keys)[:LISTED_KEYS]
    return ", ".join(listed) + (f" and {len(keys) - LISTED_KEYS} more" if len(keys) > LISTED_KEYS else "")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
