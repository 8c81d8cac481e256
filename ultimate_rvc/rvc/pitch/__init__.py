"""Pitch: wav [T] at 16 kHz → f0 [T // 160] in Hz, 0 = unvoiced. One estimator a file, found by name here."""

from ultimate_rvc.rvc.pitch.files import require, weights_file
from ultimate_rvc.rvc.pitch.registry import choose_auto, load, needs_download

__all__ = ["choose_auto", "load", "needs_download", "require", "weights_file"]
