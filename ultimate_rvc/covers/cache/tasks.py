"""What is to be made, and all that it depends on."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ultimate_rvc import __version__
from ultimate_rvc.covers.cache.contents import Track

# Raised when results are kept in another way, or when a stage's code gives another sound within one version.
LAYOUT = 1

Facts = dict[str, Any]
# Writes the task's files into the folder, under the names that it gives, and returns what else is to be remembered.
Work = Callable[[Path], Facts]


@dataclass(frozen=True)
class Task:
    """One result: its files by role, and the recipe (hashes, option slices, fingerprints) that alone decides it.

    `song` and `label` are for people and decide nothing.
    """

    stage: str
    song: str
    recipe: Mapping[str, Any]
    gives: Mapping[str, str]
    work: Work
    label: str = ""

    @cached_property
    def key(self) -> str:
        """64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.ingredients, sort_keys=True).encode()).hexdigest()

    @property
    def ingredients(self) -> dict[str, Any]:
        """Everything that the key is made of."""
        return {"layout": LAYOUT, "engine": __version__, "stage": self.stage, "recipe": plain(self.recipe)}


@dataclass(frozen=True)
class Result:
    """What a task gave, now or earlier; `seconds` is how long it took to make it."""

    files: Mapping[str, Track]
    facts: Facts = field(default_factory=dict)
    seconds: float = 0.0
    cached: bool = False


def plain(value: Any) -> Any:
    """Records, tuples and paths as JSON has them."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
