"""Trainings that are ready to run, with a melody of sawtooth vowels for a dataset and networks of two layers."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
import torch

from tiny.learning import FEATURES, HOP_SAMPLES, RATE_HZ, tiny_config
from ultimate_rvc.rvc.pitch.contour import quantise
from ultimate_rvc.rvc.train.configuration import TrainingConfig, read_config
from ultimate_rvc.rvc.train.experiment import Experiment

EMBEDDER, F0_METHOD = "contentvec", "swift"
# Formants of five vowels in Hz, which are what the features tell.
VOWELS_HZ = ((730, 1090), (530, 1840), (270, 2290), (570, 840), (300, 870))


def write_training(folder: Path, slices: int = 6, seconds: float = 1.2, **changes: dict[str, Any]) -> Experiment:
    """An experiment with so many slices, as feature extraction leaves it."""
    experiment, draw = Experiment(folder), np.random.default_rng(0)
    folder.mkdir(parents=True)
    experiment.config.write_text(json.dumps(tiny_config(**changes)))
    facts = {"sample_rate": RATE_HZ, "total_dataset_duration": slices * seconds, "embedder_model": EMBEDDER}
    experiment.info.write_text(json.dumps(facts | {"speakers_id": 1, "model_author": None}))
    lines = [_write_slice(experiment, f"0_0_{i}", seconds, draw) for i in range(slices)]
    experiment.filelist.write_text("\n".join(lines))
    return experiment


def _write_slice(experiment: Experiment, name: str, seconds: float, draw: np.random.Generator) -> str:
    frames = round(seconds * 100) // 2 * 2
    f0 = draw.uniform(150, 400) * 2 ** (0.3 * np.sin(np.arange(frames) / 30 + draw.uniform(0, 6)))
    vowels = draw.integers(0, len(VOWELS_HZ), frames // 2 // 10 + 1).repeat(10)[: frames // 2]
    f0[: frames // 10] = 0
    files = {
        experiment.slices / f"{name}.wav": None,
        experiment.features(EMBEDDER) / f"{name}.npy": _features(vowels),
        experiment.coarse(F0_METHOD) / f"{name}.wav.npy": quantise(torch.from_numpy(f0)).numpy(),
        experiment.pitch(F0_METHOD) / f"{name}.wav.npy": f0,
    }
    for path, array in files.items():
        path.parent.mkdir(exist_ok=True)
        if array is None:
            soundfile.write(path, _sing(f0, vowels.repeat(2), draw), RATE_HZ, subtype="FLOAT")
        else:
            np.save(path, array, allow_pickle=False)
    return "|".join([*map(str, files), "0"])


def _features(vowels: np.ndarray) -> np.ndarray:
    table = np.random.default_rng(1).standard_normal((len(VOWELS_HZ), FEATURES), dtype=np.float32)
    return table[vowels]


def _sing(f0: np.ndarray, vowels: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Harmonics below 8 kHz, louder near the vowel's formants; faint noise where there is no pitch."""
    per_sample = f0.repeat(HOP_SAMPLES)
    phase, formants = 2 * np.pi * np.cumsum(per_sample / RATE_HZ), np.array(VOWELS_HZ)[vowels].repeat(HOP_SAMPLES, 0)
    out = 0.003 * draw.standard_normal(len(per_sample))
    for order in range(1, 21):
        distance = np.abs(order * per_sample[:, None] - formants).min(1)
        out += 0.15 * np.exp(-distance / 300) * np.sin(order * phase) * (per_sample > 0)
    return out.astype(np.float32)


def training_config(folder: Path | None = None, **changes: dict[str, Any]) -> TrainingConfig:
    """The configuration of `tiny_config`, read as a training reads it."""
    with TemporaryDirectory() as temporary:
        experiment = Experiment(folder or Path(temporary))
        experiment.config.write_text(json.dumps(tiny_config(**changes)))
        return read_config(experiment)
