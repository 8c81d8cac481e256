"""The synthesizer in tiles of time against the whole at once: time, memory and error, turns taken.

    python -m benchmarks.vocoder VOICE.pth [--seconds 10] [--tiles 128,256,512] [--repeats 5]

`benchmarks/random_models.py` writes a full-size voice with random weights, which takes as long as a trained one. Each
way runs in a process of its own, because peak memory is the process's.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from ultimate_rvc.rvc.infer.optimization import peak_memory_bytes
from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND
from ultimate_rvc.rvc.synth.generators import tiles
from ultimate_rvc.rvc.synth.noise import SeededNoise
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer

WHOLE = 1 << 30


def measure(voice: Path, seconds: float, tile: int) -> dict:
    """One warm turn: wall and CPU seconds, peak memory in MB, and every 997th sample."""
    tiles.CPU_TILE_FRAMES = tile
    net, frames = load_synthesizer(voice), int(seconds * FRAMES_PER_SECOND)
    features = torch.randn(1, frames, net.feature_channels, generator=torch.Generator().manual_seed(0)) / 2
    coarse, f0 = torch.full((1, frames), 90), torch.full((1, frames), 220.0)
    with torch.inference_mode():
        for _ in range(2):  # the first turn warms up
            wall, cpu = time.perf_counter(), cpu_seconds()
            wav = net(features, coarse, f0, torch.zeros(1, dtype=torch.long), SeededNoise(0, [0]))
            taken = {"wall": time.perf_counter() - wall, "cpu": cpu_seconds() - cpu}
    return taken | {"mb": peak_memory_bytes(torch.device("cpu")) / 1e6, "samples": wav[0, ::997].tolist()}


def cpu_seconds() -> float:
    """Of all threads, the kernel's part included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("voice", type=Path)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--tiles", default="128,256,512")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.voice, given.seconds, given.one)))
        return
    ways = [WHOLE, *map(int, given.tiles.split(","))]
    command = [sys.executable, "-m", "benchmarks.vocoder", str(given.voice), "--seconds", str(given.seconds), "--one"]
    turns = [[json.loads(subprocess.check_output([*command, str(way)])) for way in ways] for _ in range(given.repeats)]
    print("| frames of a tile | wall s | spread | CPU s | peak MB | largest error |\n|---|---|---|---|---|---|")
    for way, column in zip(ways, zip(*turns, strict=True), strict=True):
        print(row(way, column, turns[0][0]["samples"]))


def row(way: int, column: tuple[dict, ...], reference: list[float]) -> str:
    """Medians of one way's turns, and how far its samples are from the whole's."""
    wall, cpu, mb = (statistics.median(turn[key] for turn in column) for key in ("wall", "cpu", "mb"))
    spread = max(turn["wall"] for turn in column) - min(turn["wall"] for turn in column)
    error = max(abs(a - b) for a, b in zip(column[0]["samples"], reference, strict=True))
    name = "whole" if way == WHOLE else way
    return f"| {name} | {wall:.2f} | {spread:.2f} | {cpu:.2f} | {mb:.0f} | {error:.1e} |"


if __name__ == "__main__":
    main()
