"""Voices as files: .pth and .safetensors in, one frozen record with folded float32 weights out.

The format is that of RVC (github.com/RVC-Project) and its forks: a dictionary of `weight`, `config`, `f0`, `version`,
`sr`, `info` and whatever else a trainer notes. `config` is a list of 18 values; ddPn08's rvc-webui writes 19, with the
width of the features in front of the sample rate, and leaves `version` out.

A .safetensors voice holds the entries of `weight` as its tensors; every other field is an entry of its metadata: text
as it is, all else as JSON. w-okada's voice changer writes the same.
"""

import json
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from ultimate_rvc.errors import CheckpointError
from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND
from ultimate_rvc.rvc.stored_weights import LISTED_KEYS, differences, fold_weight_norm, listed, read_weights

KIND = "a voice"
VOCODERS = ("HiFi-GAN", "MRF HiFi-GAN", "RefineGAN")
FEATURES_OF_VERSION = {"v1": 256, "v2": 768}
VERSION_OF_FEATURES = {width: version for version, width in FEATURES_OF_VERSION.items()}
# Trainers drop the posterior encoder before they publish a voice; some tools forget to.
TRAINING_ONLY = "enc_q."
SPEAKERS_AT, FEATURES_AT = 15, 17
# RVC trains six; a number from a damaged file must not build a network of millions.
MOST_LAYERS = 64
# A voice with everything in it stays below half of one; views of one number can claim any size.
MOST_WEIGHTS_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class VoiceConfig:
    """The named values of a checkpoint's `config`, in its order; `feature_channels` is the one that most leave out."""

    spec_channels: int
    segment_frames: int
    inter_channels: int
    hidden_channels: int
    filter_channels: int
    n_heads: int
    n_layers: int
    kernel_size: int
    p_dropout: float
    resblock: str
    resblock_kernel_sizes: tuple[int, ...]
    resblock_dilation_sizes: tuple[tuple[int, ...], ...]
    upsample_rates: tuple[int, ...]
    upsample_initial_channel: int
    upsample_kernel_sizes: tuple[int, ...]
    speakers: int
    speaker_channels: int
    feature_channels: int
    sample_rate_hz: int

    @property
    def hop_samples(self) -> int:
        """Samples that are sung per pitch frame."""
        return math.prod(self.upsample_rates)


@dataclass(frozen=True)
class Checkpoint:
    """A voice as it was published: `weights` are float32 on the CPU with weight norm folded in.

    `about` holds every field that is neither weights nor config, as it was written.
    """

    path: Path
    config: VoiceConfig
    weights: Mapping[str, Tensor]
    version: str
    has_pitch: bool
    vocoder: str
    about: Mapping[str, Any]

    @property
    def sample_rate_hz(self) -> int:
        """What the voice sings at; `config` is believed, `sr` is a note."""
        return self.config.sample_rate_hz

    @property
    def speakers(self) -> int:
        """How many speakers the voice holds."""
        return self.config.speakers

    @property
    def info(self) -> str:
        """The trainer's own remark."""
        return str(self.about.get("info") or "")

    @property
    def epoch(self) -> int | None:
        """How long it was trained, where that was noted: a field of Applio's, or RVC's '200epoch'."""
        if self.about.get("epoch") is not None:
            return _parsed(self.path, "epoch", self.about["epoch"], int)
        found = re.search(r"(\d+)\s*epoch", self.info)
        return int(found[1]) if found else None

    @property
    def embedder(self) -> str | None:
        """The content encoder that it was trained with, where that was noted."""
        return _embedder(self.about)


def load_checkpoint(path: Path | str) -> Checkpoint:
    """The voice in a .pth or .safetensors file, checked for everything but the fit of its weights.

    Raises UnsafePickleError for a pickle that wants to run code, CheckpointError for anything else that is no voice.
    """
    path = Path(path)
    raw = read_fields(path)
    _refuse_swollen(path, raw["weight"])
    config = _config(path, raw)
    about = {key: value for key, value in raw.items() if key not in ("weight", "config")}
    checkpoint = Checkpoint(
        path=path,
        config=config,
        # People put new voices in the place of old ones by hand, so that nothing may hang on the file.
        weights=MappingProxyType(fold_weight_norm(_sung(raw["weight"]), copy=True)),
        version=VERSION_OF_FEATURES.get(config.feature_channels, _version(path, raw)),
        has_pitch=_parsed(path, "f0", raw.get("f0", 1), _flag),
        vocoder=raw.get("vocoder") or VOCODERS[0],
        about=MappingProxyType(about),
    )
    _check(checkpoint)
    return checkpoint


def named_embedder(path: Path | str) -> str | None:
    """The content encoder that a voice's file names, without looking at its weights. Raises as `read_fields` does."""
    return _embedder(read_fields(Path(path)))


def _embedder(about: Mapping[str, Any]) -> str | None:
    # Trainers name the field in two ways.
    return about.get("embedder_model") or about.get("embedder_name")


def read_fields(path: Path) -> dict[str, Any]:
    """The dictionary that the file holds, `weight` and `config` among it, as it was written."""
    if not path.is_file():
        raise CheckpointError(f"{path} is no file; give the .pth or .safetensors file of a voice")
    raw = _read_safetensors(path) if path.suffix.lower() == ".safetensors" else read_weights(path, KIND)
    if isinstance(raw.get("weight"), dict) and isinstance(raw.get("config"), list | tuple):
        return raw
    raise CheckpointError(f"{path} is no voice: {_what_instead(raw)}")


def save_safetensors(raw: Mapping[str, Any], path: Path) -> None:
    """Writes what `read_fields` gave as a .safetensors voice; see the top of this file for the layout.

    Raises CheckpointError for a field that is neither number nor text nor a list or table of them.
    """
    from safetensors.torch import save_file

    notes = {key: _noted(path, key, value) for key, value in raw.items() if key != "weight"}
    whole = {key: tensor.clone(memory_format=torch.contiguous_format) for key, tensor in raw["weight"].items()}
    part = path.with_name(path.name + ".part")
    try:
        save_file(whole, part, {"format": "pt"} | notes)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def check_weights(checkpoint: Checkpoint, expected: Mapping[str, Tensor]) -> None:
    """Raises CheckpointError, with the keys, unless names and shapes are those of `expected` and all is finite."""
    tensors = {key: value for key, value in checkpoint.weights.items() if isinstance(value, Tensor)}
    not_finite = sorted(key for key, tensor in tensors.items() if not torch.isfinite(tensor).all())
    problems = listed(differences(expected, checkpoint.weights) | {"not finite": not_finite})
    if problems:
        kind = f"{checkpoint.version} voice with {checkpoint.vocoder}"
        raise CheckpointError(f"{checkpoint.path} does not fit a {kind}: {problems}. Download or export it again")


def _refuse_swollen(path: Path, weights: Mapping[str, Any]) -> None:
    size = sum(value.numel() * value.element_size() for value in weights.values() if isinstance(value, Tensor))
    if size > MOST_WEIGHTS_BYTES:
        raise CheckpointError(f"{path} claims weights of {size:,} bytes; no voice is above {MOST_WEIGHTS_BYTES:,}")


def _sung(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in weights.items() if not key.startswith(TRAINING_ONLY)}


def _check(checkpoint: Checkpoint) -> None:
    config, path = checkpoint.config, checkpoint.path
    if not 0 < config.n_layers <= MOST_LAYERS:
        told = f"{config.n_layers} layers in its config; voices have 1 to {MOST_LAYERS}"
        raise CheckpointError(f"{path} has {told}, so it is damaged")
    if checkpoint.vocoder not in VOCODERS:
        raise CheckpointError(f"{path} has vocoder {checkpoint.vocoder!r}; supported are {', '.join(VOCODERS)}")
    if not checkpoint.has_pitch and checkpoint.vocoder != VOCODERS[0]:
        raise CheckpointError(f"{path} has no pitch, but {checkpoint.vocoder} needs it; the file is damaged")
    if config.resblock != "1":
        raise CheckpointError(f"{path} has residual blocks of type {config.resblock!r}; RVC voices have type '1'")
    if config.hop_samples * FRAMES_PER_SECOND != config.sample_rate_hz:
        raise CheckpointError(
            f"{path} sings {config.hop_samples} samples a frame at {config.sample_rate_hz} Hz; "
            f"expected {config.sample_rate_hz / FRAMES_PER_SECOND:g}; its config is damaged"
        )


def _config(path: Path, raw: Mapping[str, Any]) -> VoiceConfig:
    values = list(raw["config"])
    names = [spec.name for spec in fields(VoiceConfig)]
    if len(values) not in (len(names) - 1, len(names)):
        raise CheckpointError(f"{path} has a config of {len(values)} values; expected 18, or 19 as rvc-webui writes")
    if len(values) < len(names):
        values.insert(FEATURES_AT, FEATURES_OF_VERSION[_version(path, raw)])
    if "emb_g.weight" in raw["weight"]:
        # Trainers write 109 whatever they trained; the table of speakers knows.
        values[SPEAKERS_AT] = len(raw["weight"]["emb_g.weight"])
    return VoiceConfig(**{n: _parsed(path, n, v, _READERS[n]) for n, v in zip(names, values, strict=True)})


def _version(path: Path, raw: Mapping[str, Any]) -> str:
    version = raw.get("version") or "v1"
    if version not in FEATURES_OF_VERSION:
        raise CheckpointError(f"{path} has version {version!r}; supported are {', '.join(FEATURES_OF_VERSION)}")
    return version


def _parsed(path: Path, name: str, value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path} has {name} = {value!r}, which makes no sense; its fields are damaged") from error


def rate_hz(value: Any) -> int:
    """Hz from a number or from text like '40k' or '40000'.

    >>> rate_hz("40k"), rate_hz(48000)
    (40000, 48000)
    """
    text = str(value).strip().lower().removesuffix("hz").strip()
    return int(float(text[:-1]) * 1000) if text.endswith("k") else int(text)


def _flag(value: Any) -> bool:
    words = {"1": True, "true": True, "0": False, "false": False}
    if str(value).lower() not in words:
        raise ValueError(value)
    return words[str(value).lower()]


def _tuple(read: Callable[[Any], Any], values: Any) -> tuple:
    return tuple(read(value) for value in values)


_ints = partial(_tuple, int)
_READERS = {spec.name: int for spec in fields(VoiceConfig)} | {
    "p_dropout": float,
    "resblock": str,
    "resblock_kernel_sizes": _ints,
    "resblock_dilation_sizes": partial(_tuple, _ints),
    "upsample_rates": _ints,
    "upsample_kernel_sizes": _ints,
    "sample_rate_hz": rate_hz,
}


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    weights = read_weights(path, KIND)
    with safe_open(path, "pt") as file:
        notes = {key: _note(text) for key, text in (file.metadata() or {}).items() if key != "format"}
    return notes | {"weight": weights}


def _note(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _noted(path: Path, key: str, value: Any) -> str:
    """A field as metadata; text that would be taken for JSON, such as '40000', is quoted."""
    try:
        return value if isinstance(value, str) and _note(value) == value else json.dumps(value)
    except (TypeError, ValueError) as error:
        kind = type(value).__name__
        raise CheckpointError(f"{path.stem}: its field {key!r} is a {kind}, which .safetensors cannot hold") from error


def _what_instead(raw: Mapping[str, Any]) -> str:
    if "model" in raw:
        return "it is a training checkpoint (G_*.pth or D_*.pth); export the voice from it and use that file"
    return f"it lacks weight and config (it holds {', '.join(map(str, list(raw)[:LISTED_KEYS])) or 'nothing'})"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]
