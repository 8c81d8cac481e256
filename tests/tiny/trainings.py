"""Trainings that are ready to run, with a melody of sawtooth vowels for a dataset and networks of two layers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from ultimate_rvc.rvc.pitch.contour import quantise
from ultimate_rvc.rvc.train.experiment import Experiment

RATE_HZ = 32_000
HOP_SAMPLES = RATE_HZ // 100
FEATURES = 256
EMBEDDER, F0_METHOD = "contentvec", "swift"
# Formants of five vowels in Hz, which are what the features tell.
VOWELS_HZ = ((730, 1090), (530, 1840), (270, 2290), (570, 840), (300, 870))


def tiny_config(**changes: dict[str, Any]) -> dict[str, Any]:
    """A config.json; `changes` go into its sections."""
    config = {
        "train": {
            "log_interval": 200,
            "seed": 1234,
            "learning_rate": 1e-3,
            "betas": [0.8, 0.99],
            "eps": 1e-9,
            "lr_decay": 0.999875,
            "segment_size": 24 * HOP_SAMPLES,
            "c_mel": 45,
            "c_kl": 1.0,
        },
        "data": {
            "max_wav_value": 32768.0,
            "sample_rate": RATE_HZ,
            "filter_length": 1024,
            "hop_length": HOP_SAMPLES,
            "win_length": 1024,
            "n_mel_channels": 80,
            "mel_fmin": 0.0,
            "mel_fmax": None,
        },
        "model": {
            "inter_channels": 16,
            "hidden_channels": 16,
            "filter_channels": 32,
            "text_enc_hidden_dim": FEATURES,
            "n_heads": 2,
            "n_layers": 2,
            "kernel_size": 3,
            "p_dropout": 0,
            "resblock": "1",
            "resblock_kernel_sizes": [3, 7],
            "resblock_dilation_sizes": [[1, 3], [1, 3]],
            "upsample_rates": [4, 4, 4, 5],
            "upsample_initial_channel": 32,
            "upsample_kernel_sizes": [8, 8, 8, 10],
            "use_spectral_norm": False,
            "gin_channels": 8,
            "spk_embed_dim": 109,
            "discriminator_width": 1 / 32,
            "discriminator_periods": [2, 3],
            "posterior_layers": 2,
        },
    }
    return {name: section | changes.get(name, {}) for name, section in config.items()}


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
