"""Recorded arrays and the manifest that says where each came from."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).parent.parent / "parity" / "golden"


def store(name: str, arrays: dict[str, np.ndarray], /, *, versions: tuple[str, ...] = ("torch",), **about: Any) -> None:
    """Writes golden/name.npz and its entry: project, commit, ran, seed, and the versions of these packages."""
    path = GOLDEN / f"{name}.npz"
    np.savez_compressed(path, **arrays)
    manifest = GOLDEN / "MANIFEST.json"
    entries = json.loads(manifest.read_text()) if manifest.exists() else {}
    installed = {package: version(package) for package in versions}
    entries[path.name] = about | {"bytes": path.stat().st_size} | installed
    manifest.write_text(json.dumps(dict(sorted(entries.items())), indent=1) + "\n")
