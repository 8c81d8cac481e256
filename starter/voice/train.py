"""Trains the starter voice with the program's own commands: `python -m starter.voice.train RECORDINGS ENCODER HOME`.

HOME holds what the commands make; started again, each step goes on where it stopped. The voice is small, so that two
cores train it in an hour: its sizes take the place of the field's in config.json between the features and the
training.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from starter.voice.disguise import disguise

NAME = "starter"
RATE_HZ = 32_000
# Beside these the numbers are those of the field for 32 kHz voices; see docs/training_loop.md for those of our own.
TRAIN = {
    "learning_rate": 6e-4,
    "lr_decay": 0.95,
    "segment_size": 25_600,
    "warmup_steps": 2800,
    "multiscale_mel": True,
    "even_phases": True,
}
# Where a trained pair is taken up for another target: its judges are asked once the voice has moved.
TAKEN_UP = {"learning_rate": 4e-4, "lr_decay": 0.93, "warmup_steps": 350}
MODEL = {
    "inter_channels": 128,
    "hidden_channels": 128,
    "filter_channels": 384,
    "n_layers": 3,
    "gin_channels": 64,
    "resblock_kernel_sizes": [3, 7],
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5]],
    "upsample_rates": [4, 4, 4, 5],
    "upsample_kernel_sizes": [8, 8, 8, 10],
    "upsample_initial_channel": 192,
    "posterior_layers": 6,
    "discriminator_periods": [2, 3, 5, 7],
    "discriminator_width": 0.125,
}


def urvc(home: Path, *arguments: str) -> None:
    """Runs `urvc train ...` with everything below HOME."""
    folders = {"URVC_MODELS_DIR": "models", "URVC_AUDIO_DIR": "audio", "URVC_VOICE_MODELS_DIR": "voices"}
    places = {variable: str(home / folder) for variable, folder in folders.items()}
    subprocess.run(
        [sys.executable, "-m", "ultimate_rvc.cli.main", "train", *arguments], env=os.environ | places, check=True
    )


def train(recordings: Path, encoder: Path, home: Path, epochs: int, pair: Path | None) -> Path:
    """From recordings to the folder of the trained voice; `pair` holds a G and a D to begin with."""
    experiment = home / "models" / "rvc" / "training" / NAME
    urvc(home, "populate-dataset", NAME, *map(str, sorted(recordings.glob("*.wav"))))
    urvc(home, "preprocess-dataset", NAME, str(home / "audio" / "training" / NAME), "--sample-rate", str(RATE_HZ))
    shutil.copytree(encoder, home / "models" / "rvc" / "embedders" / "custom" / NAME, dirs_exist_ok=True)
    extract(home, experiment)
    shrink(experiment / "config.json", TRAIN | (TAKEN_UP if pair else {}))
    begin = ("Custom", "--custom-pretrained", str(pair)) if pair else ("None",)
    sizes = ("--batch-size", "8", "--num-epochs", str(epochs), "--pretrained-type", *begin)
    urvc(home, "run-training", NAME, *sizes, "--save-interval", "1", "--precision", "bf16")
    return experiment


def extract(home: Path, experiment: Path) -> None:
    """Pitch and content of the slices as they are, then the content once more of disguised ones.

    The clean features move to HOME/clean, where the index is made of them.
    """
    clean, originals = home / "clean", home / "originals"
    command = ("extract-features", NAME, "--f0-method", "swift")
    encoder = ("--embedder-model", "custom", "--custom-embedder-model", NAME)
    urvc(home, *command, *encoder)
    features = next(experiment.glob("custom_*_extracted"))
    if not clean.exists():
        features.rename(clean)
        (experiment / "sliced_audios_16k").rename(originals)
    disguise(originals, experiment / "sliced_audios_16k")
    urvc(home, *command, *encoder)


def shrink(config: Path, training: dict[str, Any]) -> None:
    """Puts the starter's sizes into a configuration."""
    held = json.loads(config.read_text())
    held["train"] |= training
    held["model"] |= MODEL
    config.write_text(json.dumps(held, indent=2) + "\n")


def main() -> None:
    """Trains and says where the voice is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", type=Path)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--begin", type=Path, help="folder of a G and a D of these sizes; else from scratch")
    given = parser.parse_args()
    print(train(given.recordings, given.encoder, given.home.absolute(), given.epochs, given.begin))


if __name__ == "__main__":
    main()
