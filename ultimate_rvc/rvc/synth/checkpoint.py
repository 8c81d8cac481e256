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
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from ultimate_rvc.errors import CheckpointError, UnsafePickleError
from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND

VOCODERS = ("HiFi-GAN", "MRF HiFi-GAN", "RefineGAN")
FEATURES_OF_VERSION = {"v1": 256, "v2": 768}
VERSION_OF_FEATURES = {width: version for version, width in FEATURES_OF_VERSION.items()}
# Magnitude and direction of a weight-normed weight, as torch's two implementations name them.
WEIGHT_NORM_KEYS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
# Trainers drop the posterior encoder before they publish a voice; some tools forget to.
TRAINING_ONLY = "enc_q."
LISTED_KEYS = 6
SPEAKERS_AT, FEATURES_AT = 15, 17
INDEX_MAGICS = (b"IxF", b"Iw", b"IxH", b"IxM", b"IxP", b"Ixp", b"IBw", b"IxT")


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
        return self.about.get("embedder_model") or self.about.get("embedder_name")


def load_checkpoint(path: Path | str) -> Checkpoint:
    """The voice in a .pth or .safetensors file, checked for everything but the fit of its weights.

    Raises UnsafePickleError for a pickle that wants to run code, CheckpointError for anything else that is no voice.
    """
    path = Path(path)
    raw = read_fields(path)
    config = _config(path, raw)
    about = {key: value for key, value in raw.items() if key not in ("weight", "config")}
    checkpoint = Checkpoint(
        path=path,
        config=config,
        weights=MappingProxyType(fold_weight_norm(_sung(raw["weight"]))),
        version=VERSION_OF_FEATURES.get(config.feature_channels, _version(path, raw)),
        has_pitch=_parsed(path, "f0", raw.get("f0", 1), _flag),
        vocoder=raw.get("vocoder") or VOCODERS[0],
        about=MappingProxyType(about),
    )
    _check(checkpoint)
    return checkpoint


def read_fields(path: Path) -> dict[str, Any]:
    """The dictionary that the file holds, `weight` and `config` among it, as it was written."""
    if not path.is_file():
        raise CheckpointError(f"{path} is no file; give the .pth or .safetensors file of a voice")
    raw = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    if isinstance(raw, dict) and isinstance(raw.get("weight"), dict) and isinstance(raw.get("config"), list | tuple):
        return raw
    raise CheckpointError(f"{path} is no voice: {_what_instead(raw)}")


def save_safetensors(raw: Mapping[str, Any], path: Path) -> None:
    """Writes what `read_fields` gave as a .safetensors voice; see the top of this file for the layout."""
    from safetensors.torch import save_file

    others = {key: value for key, value in raw.items() if key != "weight"}
    notes = {key: value if isinstance(value, str) else json.dumps(value) for key, value in others.items()}
    part = path.with_name(path.name + ".part")
    try:
        save_file({key: tensor.clone() for key, tensor in raw["weight"].items()}, part, {"format": "pt"} | notes)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def fold_weight_norm(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """float32 copies, each pair of magnitude and direction replaced by the weight it stands for."""
    full = {key: tensor.to(torch.float32, copy=True) for key, tensor in weights.items()}
    folded = dict(_folded(full))
    return {key: folded.get(key, tensor) for key, tensor in full.items() if not _is_half_a_pair(key, full)} | folded


def check_weights(checkpoint: Checkpoint, expected: Mapping[str, Tensor]) -> None:
    """Raises CheckpointError, with the keys, unless names and shapes are those of `expected` and all is finite."""
    have = checkpoint.weights
    misshapen = [f"{k} {_shape(have[k])} for {_shape(expected[k])}" for k in expected.keys() & have.keys()
                 if have[k].shape != expected[k].shape]  # fmt: skip
    wrong = {
        "missing": sorted(expected.keys() - have.keys()),
        "surplus": sorted(have.keys() - expected.keys()),
        "misshapen": sorted(misshapen),
        "not finite": sorted(key for key, tensor in have.items() if not torch.isfinite(tensor).all()),
    }
    if any(wrong.values()):
        kind = f"{checkpoint.version} voice with {checkpoint.vocoder}"
        problems = "; ".join(_listed(name, keys) for name, keys in wrong.items() if keys)
        raise CheckpointError(f"{checkpoint.path} does not fit a {kind}: {problems}. Download or export it again")


def _listed(name: str, keys: list[str]) -> str:
    more = f" and {len(keys) - LISTED_KEYS} more" if len(keys) > LISTED_KEYS else ""
    return f"{len(keys)} {name} ({', '.join(keys[:LISTED_KEYS])}{more})"


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape))


def _sung(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in weights.items() if not key.startswith(TRAINING_ONLY)}


def _folded(full: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    for magnitude, direction in WEIGHT_NORM_KEYS:
        for key in [key for key in full if key.endswith("." + magnitude)]:
            stem = key.removesuffix(magnitude)
            if stem + direction in full:
                # The very kernel behind torch's weight_norm, so that a folded voice sings bit for bit the same.
                yield stem + "weight", torch._weight_norm(full[stem + direction], full[key], 0)


def _is_half_a_pair(key: str, full: Mapping[str, Tensor]) -> bool:
    for pair in WEIGHT_NORM_KEYS:
        for mine, other in (pair, pair[::-1]):
            if key.endswith("." + mine) and key.removesuffix(mine) + other in full:
                return True
    return False


def _check(checkpoint: Checkpoint) -> None:
    config, path = checkpoint.config, checkpoint.path
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


def _read_pickle(path: Path) -> Any:
    _refuse_other_files(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise _refusal(path, str(error)) from error
    except (RuntimeError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read as a voice ({_first_line(error)}); download it again") from error
    except (EOFError, ValueError, LookupError, AttributeError, TypeError) as error:
        # What the unpickler stumbles over in a file that is no pickle; its words would help nobody.
        raise CheckpointError(f"{path} is damaged, or no voice at all; download it again") from error


def _refusal(path: Path, reason: str) -> CheckpointError | UnsafePickleError:
    named = re.search(r"(?i)unsupported (?:global|class|function):?\s*(?:global )?([\w.]+)", reason)
    if named is None:
        return CheckpointError(f"{path} is damaged, or no voice at all; download it again")
    return UnsafePickleError(
        f"{path} wants to run code while it is read ({named[1]}); a voice holds only numbers and text, "
        "so do not use this file and get the voice elsewhere"
    )


def _refuse_other_files(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise CheckpointError(f"{path} is empty; download it again")
    if head.lstrip()[:1] == b"<":
        raise CheckpointError(f"{path} is a web page, not a voice; download the file itself")
    if head.startswith(INDEX_MAGICS):
        raise CheckpointError(f"{path} is a retrieval index, not a voice; call it .index and find the .pth beside it")
    if head.startswith(b"PK"):
        _refuse_other_archives(path)


def _refuse_other_archives(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{path} is cut off in the middle; download it again")
    with zipfile.ZipFile(path) as archive:
        if not any(name.endswith("data.pkl") for name in archive.namelist()):
            raise CheckpointError(f"{path} is an archive of files, not a voice; unpack it and use the .pth inside")


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            notes = {key: _note(text) for key, text in (file.metadata() or {}).items() if key != "format"}
            return notes | {"weight": {key: file.get_tensor(key) for key in file.keys()}}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read as safetensors ({error}); download it again") from error


def _note(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _what_instead(raw: Any) -> str:
    if not isinstance(raw, dict):
        return f"it holds a {type(raw).__name__}; use the small .pth that training exports"
    if "model" in raw:
        return "it is a training checkpoint (G_*.pth or D_*.pth); export the voice from it and use that file"
    return f"it lacks weight and config (it holds {', '.join(map(str, list(raw)[:LISTED_KEYS])) or 'nothing'})"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]
