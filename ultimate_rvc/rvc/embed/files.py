"""A content encoder's folder: config.json with model.safetensors or pytorch_model.bin, as transformers writes it.

Files differ in what they call the same thing: models with a training head put `hubert.` before every key, and keep
what only training needs. Here they become one.
"""

import json
from pathlib import Path
from typing import Any

from ultimate_rvc.errors import CheckpointError, WeightsNotFound
from ultimate_rvc.rvc.embed.front import FIELD_SAMPLES
from ultimate_rvc.rvc.embed.network import HubertSizes
from ultimate_rvc.rvc.seams import CONTENT_HOP_SAMPLES
from ultimate_rvc.rvc.stored_weights import read_weights

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


def read_sizes(folder: Path) -> HubertSizes:
    """What config.json says of the network. Raises WeightsNotFound, or CheckpointError."""
    path = folder / "config.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        kind = settings.get("model_type", "hubert")
        sizes = HubertSizes.of(settings)
        _check_frames(sizes, path)
    except FileNotFoundError as error:
        raise WeightsNotFound(f"{path} does not exist; an encoder is a folder with config.json and weights") from error
    except (ValueError, TypeError, AttributeError) as error:  # no JSON, no table, or values that make no network
        raise not_a_configuration(path, error) from error
    if kind != "hubert":
        raise CheckpointError(f"{path} describes a {kind!r} model; only HuBERT encoders are supported")
    return sizes


def not_a_configuration(path: Path, error: Exception) -> CheckpointError:
    """What to raise for settings that make no network."""
    return CheckpointError(f"{path} is not a HuBERT configuration: {_line(error)}; fetch it again")


def _check_frames(sizes: HubertSizes, path: Path) -> None:
    """Raises CheckpointError unless the strides give a frame per 320 samples that sees 400 of them."""
    hop, field = 1, 1
    for taps, stride in zip(sizes.conv_kernel, sizes.conv_stride, strict=True):
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


def inference_weights(path: Path) -> dict[str, Any]:
    """The file's weights without what only training needs, in the one spelling of the keys that a network has.

    Raises CheckpointError for what cannot be read, UnsafePickleError for a pickle that wants to run code.
    """
    bare = {key.removeprefix(PREFIX): value for key, value in read_weights(path, "an encoder's file").items()}
    return {key: value for key, value in bare.items() if not key.startswith(TRAINING_KEYS)}


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
