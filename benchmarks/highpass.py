"""The high-pass on a device against scipy's filtfilt on the host: time and error for songs of several lengths.

python benchmarks/highpass.py [--minutes 1,5,30] [--repeats 7] [--device cpu]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from ultimate_rvc.device import choose, synchronise
from ultimate_rvc.rvc.infer.highpass import DeviceHighpass, HostHighpass
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ


def timed(work: Callable[[Tensor], Tensor], wav: Tensor) -> float:
    """Wall milliseconds."""
    synchronise(wav.device)
    start = time.perf_counter()
    work(wav)
    synchronise(wav.device)
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    """Prints the table; turns are taken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", default="1,5,30")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    device = choose(given.device)
    print(f"{device.description}\n\n| minutes | on the device, ms | scipy, ms | largest error |\n|---|---|---|---|")
    ours, scipys = DeviceHighpass(device.torch), HostHighpass()
    for minutes in map(float, given.minutes.split(",")):
        noise = torch.randn(int(60 * minutes * SAMPLE_RATE_HZ), generator=torch.Generator().manual_seed(0))
        wav = (noise / 8).to(device.torch)
        error = (ours(wav) - scipys(wav)).abs().max().item()
        turns = [(timed(ours, wav), timed(scipys, wav)) for _ in range(given.repeats)]
        mine, theirs = (statistics.median(column) for column in zip(*turns, strict=True))
        print(f"| {minutes:g} | {mine:.1f} | {theirs:.1f} | {error:.1e} |")


if __name__ == "__main__":
    main()
