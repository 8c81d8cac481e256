"""Ultimate RVC, on-device: song covers with RVC voices, everything between upload and download on the device."""

__version__ = "0.1.0"
