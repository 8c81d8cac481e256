"""Files of weights, read as data only and compared strictly with the network that they are for.

Voices, pitch estimators and content encoders come in either of torch's containers or in safetensors, in half or single
precision, and with weight norm (Salimans and Kingma 2016) in either of torch's spellings. Here each becomes plain
float32, or one line that says why it does not.
"""

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ultimate_rvc.errors import CheckpointError, UnsafePickleError, WeightsNotFound

# Magnitude and direction of a weight-normed weight, as torch's two implementations name them.
WEIGHT_NORM_KEYS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)
INDEX_MAGICS = (b"IxF", b"Iw", b"IxH", b"IxM", b"IxP", b"Ixp", b"IBw", b"IxT")
LISTED_KEYS = 6
# What torch's restricted unpickler says of a file that wants more than numbers and text, up to what that is.
WANTS_TO_RUN = re.compile(
    r"(?i)(?:unsupported (?:global|class|function)|unrecognized function|can only (?:create|build) .* got):?"
    r"(?: global)? <?(?:class |function )?'?([\w.]+)"
)


def read_weights(path: Path, kind: str = "a file of weights") -> dict[str, Any]:
    """The dictionary that the file holds, on the host; its tensors still lie in the file where its format allows that.

    Raises WeightsNotFound, UnsafePickleError, or CheckpointError when it is no such file or holds no dictionary.
    """
    if not path.is_file():
        raise WeightsNotFound(f"{path} is no file; it should be {kind}")
    try:
        held = _held(path)
    except CheckpointError:
        raise
    except Exception as error:  # zip, pickle, safetensors and torch raise many kinds
        raise _refusal(path, kind, error) from error
    if isinstance(held, Mapping) and all(isinstance(key, str) for key in held):
        return dict(held)
    raise CheckpointError(f"{path} is not {kind}: it holds a {type(held).__name__}, not a table; download it again")


def fold_weight_norm(weights: Mapping[str, Any], *, copy: bool = False) -> dict[str, Any]:
    """In float32, each pair of magnitude and direction replaced by the weight it stands for.

    What is float32 already stays where it lies, unless copies are wanted.
    """
    plain = dict(weights)
    for magnitude, direction in WEIGHT_NORM_KEYS:
        for stem in [key.removesuffix(magnitude) for key in plain if key.endswith("." + magnitude)]:
            axis = _axis(plain[stem + magnitude], plain.get(stem + direction))
            if axis is not None:
                pair = plain.pop(stem + direction).float(), plain.pop(stem + magnitude).float()
                # The very kernel behind torch's weight_norm, so that nothing changes by a bit.
                plain[stem + "weight"] = torch._weight_norm(*pair, axis)
    return {key: _single(value, copy) for key, value in plain.items()}


def fit(
    network: nn.Module, weights: Mapping[str, Any], path: Path, *, wanted: str = "", as_stored: bool = False
) -> nn.Module:
    """The network, which may lie on the meta device, with exactly these weights, set to inference.

    In float32 with its weight norms folded, or as stored: in what precision the file has.

    Weights that need not be changed stay in their file, mapped into memory: the system reads what is used when it is
    used, once for all processes, and may drop it. A file must be replaced as a whole, never written over.

    Raises CheckpointError with the missing, surplus and misshapen keys; `wanted` is what they do not fit.
    """
    expected = network.state_dict()
    counters = {key: torch.zeros((), dtype=torch.int64) for key in expected if _is_counter(key)}
    needed = {key: value for key, value in weights.items() if not _is_counter(key)}
    given = (needed if as_stored else fold_weight_norm(needed)) | counters
    faults = listed(differences(expected, given))
    if faults:
        raise CheckpointError(f"{path} does not fit {wanted or type(network).__name__}: {faults}; download it again")
    network.load_state_dict(given, assign=True)
    return network.eval().requires_grad_(False)


def differences(expected: Mapping[str, Tensor], given: Mapping[str, Any]) -> dict[str, list[str]]:
    """The keys that are missing, those that are surplus, and with both shapes those that are misshapen."""
    shapes = {key: tuple(tensor.shape) for key, tensor in expected.items()}
    found = {key: tuple(value.shape) if isinstance(value, Tensor) else type(value) for key, value in given.items()}
    return {
        "missing": sorted(shapes.keys() - found.keys()),
        "surplus": sorted(found.keys() - shapes.keys()),
        "misshapen": sorted(f"{k} {found[k]} for {shapes[k]}" for k in shapes if found.get(k, shapes[k]) != shapes[k]),
    }


def listed(faults: Mapping[str, list[str]]) -> str:
    """Each kind of fault with its number and its first keys, in one line; empty when there is no fault.

    >>> listed({"missing": ["a.bias"], "surplus": []})
    '1 missing: a.bias'
    """
    return "; ".join(f"{len(keys)} {kind}: {_few(keys)}" for kind, keys in faults.items() if keys)


def _few(keys: list[str]) -> str:
    return ", ".join(keys[:LISTED_KEYS]) + (f" and {len(keys) - LISTED_KEYS} more" if len(keys) > LISTED_KEYS else "")


def _is_counter(key: str) -> bool:
    """Batch norms count their training batches; inference has no use for it, and converters drop it."""
    return key.endswith("num_batches_tracked")


def _single(value: Any, copy: bool) -> Any:
    return value.to(torch.float32, copy=copy) if isinstance(value, Tensor) else value


def _axis(magnitude: Any, direction: Any) -> int | None:
    """The axis along which the magnitude varies; None if the two are no pair."""
    if not (isinstance(magnitude, Tensor) and isinstance(direction, Tensor)):
        return None
    ones = [1] * direction.dim()
    along = ([*ones[:axis], n, *ones[axis + 1 :]] for axis, n in enumerate(direction.shape))
    return next((axis for axis, shape in enumerate(along) if shape == list(magnitude.shape)), None)


def _held(path: Path) -> Any:
    if path.suffix.lower() == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    other = _other_file(path)
    if other:
        raise CheckpointError(f"{path} is {other}")
    return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))


def _other_file(path: Path) -> str:
    """What a file visibly is that torch did not write, and what to do; else nothing."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return "empty; download it again"
    if head.lstrip()[:1] == b"<":
        return "a web page; download the file itself"
    if head.startswith(INDEX_MAGICS):
        return "a retrieval index; call it .index and find the .pth beside it"
    return _other_archive(path) if head.startswith(b"PK") else ""


def _other_archive(path: Path) -> str:
    if not zipfile.is_zipfile(path):
        return "cut off in the middle; download it again"
    with zipfile.ZipFile(path) as archive:
        held = any(name.endswith("data.pkl") for name in archive.namelist())
    return "" if held else "an archive of files; unpack it and use the file of weights inside"


def _refusal(path: Path, kind: str, error: Exception) -> CheckpointError | UnsafePickleError:
    told = " ".join(str(error).split("\n", 1)[0].split())[:120]
    unsafe = WANTS_TO_RUN.search(str(error)) if isinstance(error, pickle.UnpicklingError) else None
    if unsafe:
        return UnsafePickleError(
            f"{path} wants to run code while it is read ({unsafe[1]}); {kind} holds only numbers and text, "
            "so do not use this file and get another elsewhere"
        )
    if isinstance(error, (EOFError, ValueError, LookupError, AttributeError, TypeError, pickle.UnpicklingError)):
        # What the unpickler stumbles over in a file that is no pickle; its words would help nobody.
        return CheckpointError(f"{path} is damaged, or not {kind} at all; download it again")
    return CheckpointError(f"{path} cannot be read as {kind} ({told}); download it again")
