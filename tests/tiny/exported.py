"""Writes a voice as training exports it: python tests/tiny/exported.py FILE. For recorders of other projects."""

import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from tiny.learning import fill  # noqa: E402
from tiny.trainings import training_config  # noqa: E402
from ultimate_rvc.rvc.train.export import Provenance, export_voice  # noqa: E402
from ultimate_rvc.rvc.train.network import TrainedVoice  # noqa: E402

SPEAKERS = 2


def write_exported(path: Path, vocoder: str = "HiFi-GAN") -> Path:
    """A voice of two speakers, its weights known by their names."""
    config = training_config()
    voice = fill(TrainedVoice(config, vocoder, SPEAKERS))
    return export_voice(
        path, voice.stored(), config, Provenance("tiny", 3, 12, vocoder, {"embedder_model": "contentvec"})
    )


if __name__ == "__main__":
    write_exported(Path(sys.argv[1]))
