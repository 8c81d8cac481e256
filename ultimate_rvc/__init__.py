"""Ultimate RVC, on-device: song covers with RVC voices, everything between upload and download on the device.

`from ultimate_rvc import Converter` is the way in for programs; what it needs is imported when it is asked for.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

PUBLIC = {
    "Converter": "ultimate_rvc.warm.converter",
    "Conversion": "ultimate_rvc.warm.converter",
    "Audio": "ultimate_rvc.audio.sound",
    "UrvcError": "ultimate_rvc.errors",
}
__all__ = ["Audio", "Conversion", "Converter", "UrvcError"]


def __getattr__(name: str) -> Any:
    """The public names, imported on first use (PEP 562)."""
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; there are {', '.join(PUBLIC)}")
    return getattr(import_module(PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *PUBLIC])
