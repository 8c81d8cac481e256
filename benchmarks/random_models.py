"""Full-size models with random weights, in the files and folders that people have: for timing, not for listening.

    python -m benchmarks.random_models DIR [--name random] [--rate 40000] [--version v2] [--index 50000]

What is written: see ultimate_rvc/benchmark/random_models.py. `urvc benchmark` makes such models for itself.
"""

import argparse
from pathlib import Path

from ultimate_rvc.benchmark.random_models import FEATURES, NORMED, UPSAMPLING, RandomVoice, write_models


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="random")
    parser.add_argument("--rate", type=int, default=40_000, choices=UPSAMPLING)
    parser.add_argument("--version", default="v2", choices=FEATURES)
    parser.add_argument("--vocoder", default="HiFi-GAN", choices=NORMED)
    parser.add_argument("--no-pitch", action="store_true")
    parser.add_argument("--index", type=int, default=50_000, help="vectors in the index; 0 for none")
    parser.add_argument("--rmvpe", action="store_true", help="an rmvpe.pt too, which 'auto' would then choose")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    voice = RandomVoice(
        given.name, given.rate, given.version, given.vocoder, not given.no_pitch, given.index, given.seed
    )
    for path in write_models(given.folder, voice, rmvpe=given.rmvpe):
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
