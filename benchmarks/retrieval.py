"""Retrieval against FAISS on the CPU, side by side: the same index, the same queries, turns taken.

    python benchmarks/retrieval.py [--sizes 10000,50000,200000] [--threads 2] [--repeats 7] [--device cpu]

Vectors are clouds of 768 dimensions as features are, the number of lists is RVC's rule, one list is probed. `search`
is the eight neighbours alone; `whole` is search, weights and means, as a conversion needs them. CPU time counts all
threads and stays true on a busy machine; wall time does not.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import torch

from ultimate_rvc.benchmark.random_indexes import WIDTH, build, clouds, queries
from ultimate_rvc.device import synchronise
from ultimate_rvc.rvc.infer.retrieval import load_index

NEIGHBOURS = 8
# FAISS and torch each bring an OpenMP runtime, whose threads spin for a while after work and would slow the other's.
SETTLE_S = 0.05


def faiss_whole(index: faiss.Index, vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """RVC's formula around FAISS's search, in numpy as RVC tools compute it."""
    scores, ids = index.search(queries, NEIGHBOURS)
    weights = np.square(1 / np.maximum(scores, np.float32(1e-12)))
    weights /= weights.sum(1, keepdims=True)
    return (vectors[ids] * weights[..., None]).sum(1)


def timed(work: Callable[[], object], device: torch.device) -> tuple[object, float, float]:
    """The result, wall and CPU seconds."""
    time.sleep(SETTLE_S)
    synchronise(device)
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    synchronise(device)
    return result, time.perf_counter() - wall, time.process_time() - cpu


def resident_mb() -> float:
    """Memory of this process, where the system tells it."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * 4096 / 2**20 if statm.exists() else float("nan")


def loaded(work: Callable[[], object], device: torch.device) -> tuple[object, str]:
    """What was loaded, and a note of seconds and memory."""
    before = resident_mb()
    result, wall, _ = timed(work, device)
    return result, f"{wall:.2f} s, {resident_mb() - before:.0f} MB"


def compare(path: Path, queries: np.ndarray, given: argparse.Namespace, exact: bool) -> None:
    """Prints the rows of one index."""
    device = torch.device(given.device)
    theirs, their_load = loaded(lambda: faiss.read_index(str(path)), device)
    ours, our_load = loaded(lambda: load_index(path, device, exact=exact), device)
    vectors = theirs.reconstruct_n(0, theirs.ntotal)
    if exact:
        theirs = faiss.IndexFlatL2(WIDTH)
        theirs.add(vectors)
    features = torch.from_numpy(queries).to(device)
    ways = {
        ("search", "FAISS", their_load): lambda: theirs.search(queries, NEIGHBOURS)[1],
        ("search", "ours", our_load): lambda: ours.search(features, NEIGHBOURS)[1],
        ("whole", "FAISS + numpy", ""): lambda: faiss_whole(theirs, vectors, queries),
        ("whole", "ours", ""): lambda: ours(features[None])[0],
    }
    runs = {key: [] for key in ways}
    for _ in range(given.repeats + 1):
        for key, way in ways.items():
            result, *times = timed(way, device)
            # Only the first result is kept: small arrays left on the heap make the allocator map fresh pages each turn.
            runs[key].append((None if runs[key] else result, *times))
    errors = error_of(runs)
    for key, taken in runs.items():
        wall, cpu = (1e3 * statistics.median(run[i] for run in taken[1:]) for i in (1, 2))
        index = f"{len(vectors):,} | {'exact' if exact else 'IVF'}"
        print(f"| {index} | {key[0]} | {key[1]} | {wall:.1f} | {cpu:.1f} | {key[2]} | {errors[key]} |")


def error_of(runs: dict) -> dict:
    """What is wrong with ours: neighbours that differ, and the largest difference of a feature."""
    ids_theirs, ids_ours, features_theirs, features_ours = (np.asarray(taken[0][0]) for taken in runs.values())
    differing = f"{int((ids_theirs != ids_ours).sum())} of {ids_ours.size} ids"
    return dict(zip(runs, ("", differing, "", f"{np.abs(features_theirs - features_ours).max():.1e}"), strict=True))


def main() -> None:
    """Builds an index per size and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="10000,50000,200000")
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--exact", action="store_true", help="also compare with every vector")
    given = parser.parse_args()
    faiss.omp_set_num_threads(given.threads)
    torch.set_num_threads(given.threads)
    print("| vectors | index | step | who | wall ms | CPU ms | loading | error |\n|---|---|---|---|---|---|---|---|")
    for size in map(int, given.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            path = build(clouds(size, 1), Path(folder) / "voice.index")
            for exact in (False, True) if given.exact else (False,):
                compare(path, queries(given.queries, size), given, exact)


if __name__ == "__main__":
    main()
