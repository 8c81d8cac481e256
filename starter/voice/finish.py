"""Puts what was trained into the package: `python -m starter.voice.finish HOME ENCODER CLEAN_FEATURES`.

The voice is exported from the last checkpoint. Its index holds a few thousand
centres of the features of the recordings as they were, without disguises.
"""

import argparse
import shutil
from pathlib import Path

from starter.voice.train import NAME
from ultimate_rvc import paths
from ultimate_rvc.rvc.train.checkpoints import pairs
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.export import export_checkpoint
from ultimate_rvc.rvc.train.index import centres_of, index_of, read_features, write_index

CENTRES = 4000


def finish(home: Path, encoder: Path, features: Path) -> Path:
    """Writes the shipped voice and its encoder; gives the voice's folder."""
    experiment = Experiment(home / "models" / "rvc" / "training" / NAME)
    voice = paths.shipped_dir() / "voices" / NAME
    voice.mkdir(parents=True, exist_ok=True)
    export_checkpoint(pairs(experiment)[-1].generator, voice / f"{NAME}.pth", experiment, None)
    write_index(index_of(centres_of(read_features(features), CENTRES)), voice / f"{NAME}.index")
    _copy(encoder, paths.shipped_dir() / "embedders" / NAME)
    return voice


def _copy(encoder: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(encoder / name, folder / name)


def main() -> None:
    """Finishes and says where the voice is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("home", "encoder", "features"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    print(finish(given.home, given.encoder, given.features))


if __name__ == "__main__":
    main()
