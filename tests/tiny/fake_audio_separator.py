"""A stand-in for audio-separator: the few calls that are made of it, and the manners that it is known for.

Its model halves the track it reads ("Vocals") and needs one file, FILE, from SITE/FILE.
"""

import logging
import os
import random
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FILE = "half.onnx"
VERSION = "0.0.test"


class Network:
    """An architecture: writes stems through `final_process`, louder ones made quieter."""

    stems: tuple[str, ...] = ("Vocals", "Instrumental")
    late_samples = 0

    def __init__(self) -> None:
        self.normalization_threshold = 0.9

    def separate(self, path: str) -> None:
        import soundfile

        samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
        bars = sys.modules[type(self).__module__].tqdm
        for _ in bars(range(4)):
            random.random()
        samples = np.pad(samples, ((0, self.late_samples), (0, 0)))
        for name in self.stems:
            self.final_process(f"{name}.wav", 0.5 * samples, name)

    def final_process(self, path: str, source: np.ndarray, name: str) -> dict:
        raise AssertionError("a stem was written")


class Separator:
    """The package's front: looks for ffmpeg, logs, and switches warnings off."""

    site = ""
    network = Network

    def __init__(self, *, log_level: int = logging.INFO, model_file_dir: str = "", **settings: Any) -> None:
        self.logger = logging.getLogger("audio_separator.separator.separator")
        if not self.logger.hasHandlers():
            self.logger.addHandler(logging.StreamHandler())
        warnings.filterwarnings("ignore")
        self.settings, self.model_file_dir = settings, os.environ.get("AUDIO_SEPARATOR_MODEL_DIR", model_file_dir)
        self.model_instance: Network | None = None
        self.check_ffmpeg_installed()

    def check_ffmpeg_installed(self) -> None:
        raise FileNotFoundError("ffmpeg")

    def download_file_if_not_exists(self, url: str, output_path: str) -> None:
        raise AssertionError("the package downloaded on its own")

    def download_model_files(self, name: str) -> tuple:
        if name != FILE:
            raise ValueError(f"Model file {name} not found in supported model files")
        path = os.path.join(self.model_file_dir, name)
        try:
            self.download_file_if_not_exists(f"{self.site}/elsewhere/{name}", path)
        except RuntimeError:
            self.download_file_if_not_exists(f"{self.site}/{name}", path)
        return name, "MDX", name, path, None

    def load_model_data_using_hash(self, path: str) -> dict:
        return {"primary_stem": "Vocals"}

    def load_model(self, name: str) -> None:
        self.model_instance = self.network()

    def separate(self, path: str) -> None:
        assert self.model_instance is not None
        self.model_instance.separate(path)


def install(patch: pytest.MonkeyPatch, *, site: str = "", **network: Any) -> Path:
    """Puts the stand-in in place of the package, its network with these attributes; returns its file of weights."""
    from ultimate_rvc import paths
    from ultimate_rvc.covers.separators import package

    mine = type("Network", (Network,), network)
    module = types.ModuleType("audio_separator.separator")
    module.Separator = type("Separator", (Separator,), {"site": site, "network": mine})
    patch.setitem(sys.modules, "audio_separator", types.ModuleType("audio_separator"))
    patch.setitem(sys.modules, "audio_separator.separator", module)
    patch.setattr(sys.modules[__name__], "tqdm", list, raising=False)
    patch.setattr(package, "version", lambda: f"audio-separator {VERSION}")
    return paths.separators_dir() / FILE
