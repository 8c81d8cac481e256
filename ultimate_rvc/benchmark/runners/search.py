"""Retrieval alone: one index searched and blended, by FAISS as RVC tools do it, or by this package."""

from typing import Any

import numpy as np

NEIGHBOURS = 8
# RVC's weights are 1/d⁴; a query that equals a vector would divide by nothing.
LEAST_DISTANCE = np.float32(1e-12)


class Runner:
    """One way of searching. Methods are requests; see ultimate_rvc/benchmark/server.py."""

    def open(self, *, who: str, index: str, device: str, queries: int, vectors: int) -> None:
        """Reads the index; `who` is 'FAISS' or 'here'."""
        from ultimate_rvc.benchmark import random_indexes

        wanted = random_indexes.queries(queries, vectors)
        self.search = _by_faiss(index, wanted) if who == "FAISS" else _here(index, device, wanted)

    def turn(self) -> None:
        """Every query's blend of its neighbours [Q, D], once."""
        self.found = self.search()

    def save(self, *, path: str) -> None:
        """The blends of the last turn, as a file of numpy."""
        np.save(path, self.found)


def _by_faiss(path: str, queries: np.ndarray) -> Any:
    import faiss

    index = faiss.read_index(path)
    vectors = index.reconstruct_n(0, index.ntotal)

    def search() -> np.ndarray:
        squared, ids = index.search(queries, NEIGHBOURS)
        weights = np.square(1 / np.maximum(squared, LEAST_DISTANCE))
        weights /= weights.sum(1, keepdims=True)
        return (vectors[ids] * weights[..., None]).sum(1)

    return search


def _here(path: str, device: str, queries: np.ndarray) -> Any:
    from pathlib import Path

    import torch

    from ultimate_rvc.device import choose
    from ultimate_rvc.rvc.infer.retrieval import load_index

    place = choose(device).torch
    retrieve, features = load_index(Path(path), place), torch.from_numpy(queries)[None].to(place)
    return lambda: retrieve(features)[0].cpu().numpy()
