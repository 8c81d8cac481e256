"""A trained voice as people share it: half precision, without what only training needs, with notes on how it was made.

{"weight", "config" (18 values), "epoch", "step", "sr", "f0", "version", "creation_date", "model_hash",
 "overtrain_info", "dataset_length", "model_name", "author", "embedder_model", "speakers_id", "vocoder", "info"}
"""

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ultimate_rvc.errors import CheckpointError
from ultimate_rvc.rvc.stored_weights import read_weights
from ultimate_rvc.rvc.synth.checkpoint import TRAINING_ONLY, load_checkpoint
from ultimate_rvc.rvc.synth.synthesizer import skeleton
from ultimate_rvc.rvc.train.checkpoints import KIND, write_whole
from ultimate_rvc.rvc.train.configuration import TrainingConfig, read_config, read_json
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.network import stored_names

# What model_info.json says of the dataset, and how a voice calls it.
DATASET_NOTES = {
    "total_dataset_duration": "dataset_length",
    "embedder_model": "embedder_model",
    "speakers_id": "speakers_id",
    "model_author": "author",
}


@dataclass(frozen=True)
class Provenance:
    """How a voice was made."""

    name: str
    epoch: int
    step: int
    vocoder: str
    dataset: Mapping[str, Any]
    overtrain_info: str = ""


def dataset_notes(experiment: Experiment) -> dict[str, Any]:
    """What a voice notes of its dataset. Raises OptionError where model_info.json cannot be read."""
    info = read_json(experiment.info, "preprocess the dataset first: urvc train preprocess-dataset")
    return {note: info.get(key) for key, note in DATASET_NOTES.items()}


def voice_fields(weights: Mapping[str, Tensor], config: TrainingConfig, made: Provenance) -> dict[str, Any]:
    """The dictionary of a voice. `weights` are a checkpoint's, in its own spelling."""
    sung = {k: v.detach().to("cpu", torch.float16) for k, v in weights.items() if not k.startswith(TRAINING_ONLY)}
    values = _eighteen(config, len(weights["emb_g.weight"]))
    rate = config.data.sample_rate
    identity = f"{made.name}-{made.epoch}-{made.step}-{rate}-{config.version}-{values}"
    return {
        "weight": sung,
        "config": values,
        "epoch": made.epoch,
        "step": made.step,
        "sr": rate,
        "f0": True,
        "version": config.version,
        "creation_date": datetime.datetime.now().isoformat(),
        "model_hash": hashlib.sha256(identity.encode()).hexdigest(),
        "overtrain_info": made.overtrain_info,
        **made.dataset,
        "model_name": made.name,
        "vocoder": made.vocoder,
        "info": f"{made.epoch}epoch",
    }


def export_voice(path: Path, weights: Mapping[str, Tensor], config: TrainingConfig, made: Provenance) -> Path:
    """Writes the voice. Raises CheckpointError, and writes nothing, where a weight is not finite; OutputError."""
    broken = sorted(key for key, value in weights.items() if not torch.isfinite(value.half()).all())
    if broken:
        raise CheckpointError(
            f"{path.name} is not written: {len(broken)} weights are not finite, {broken[0]} among them; go back to an "
            "earlier checkpoint, with a lower learning rate or with precision fp32"
        )
    write_whole(path, voice_fields(weights, config, made))
    return path


def export_checkpoint(generator: Path, target: Path, experiment: Experiment, vocoder: str | None = None) -> Path:
    """The voice in a G_*.pth as a file of its own, opened once to prove it. Raises CheckpointError, OutputError."""
    held = read_weights(generator, KIND)
    if not isinstance(held.get("model"), dict) or "emb_g.weight" not in held["model"]:
        raise CheckpointError(f"{generator} is no generator's checkpoint; give a G_*.pth")
    config, epoch = read_config(experiment), int(held.get("iteration", 0))
    made = Provenance(
        experiment.name,
        epoch,
        int(held.get("step", 0)),
        vocoder or held.get("vocoder") or vocoder_of(held["model"]),
        dataset_notes(experiment),
    )
    export_voice(target, stored_names(held["model"]), config, made)
    skeleton(load_checkpoint(target))
    return target


def vocoder_of(weights: Mapping[str, Tensor]) -> str:
    """Which vocoder these weights are of, by the names that only it has."""
    if any(key.startswith("dec.mrfs.") for key in weights):
        return "MRF HiFi-GAN"
    return "RefineGAN" if any(key.startswith("dec.mel_conv.") for key in weights) else "HiFi-GAN"


def _eighteen(config: TrainingConfig, speakers: int) -> list[Any]:
    """The values in their order, with lists for tuples as other tools expect them."""
    named = asdict(config.voice(speakers))
    del named["feature_channels"]
    return [_listed(value) for value in named.values()]


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value
