"""Small FAISS indexes, made by FAISS itself or put together from arrays, and features that lie near their vectors."""

from pathlib import Path

import numpy as np

from ultimate_rvc.rvc.infer.faiss_file import StoredIndex


def clustered(count: int, dimensions: int = 16, *, clusters: int = 12, seed: int = 0) -> np.ndarray:
    """Vectors [count, dimensions] float32 in clouds, as features of speech are; half a unit wide, about 4 apart."""
    numbers = np.random.default_rng(seed)
    centres = np.random.default_rng(1).normal(size=(clusters, dimensions))
    return (centres[numbers.integers(clusters, size=count)] + numbers.normal(size=(count, dimensions)) / 4).astype("f4")


def ivf_index(vectors: np.ndarray, lists: int, *, nprobe: int = 1):
    """A faiss IndexIVFFlat; its centroids are vectors drawn from the data, so that no k-means can change."""
    import faiss

    quantizer = faiss.IndexFlatL2(vectors.shape[1])
    quantizer.add(vectors[np.random.default_rng(0).choice(len(vectors), lists, replace=False)])
    index = faiss.IndexIVFFlat(quantizer, vectors.shape[1], lists)
    index.is_trained, index.nprobe = True, nprobe
    index.add(vectors)
    return index


def flat_index(vectors: np.ndarray):
    """A faiss IndexFlatL2."""
    import faiss

    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(vectors)
    return index


def write_index(index, path: Path) -> Path:
    """The file that FAISS writes."""
    import faiss

    faiss.write_index(index, str(path))
    return path


def stored(lists: list[np.ndarray], centroids: np.ndarray, *, nprobe: int = 1) -> StoredIndex:
    """An index of the given lists of vectors; any of them may be empty."""
    vectors = np.concatenate(lists).astype("f4")
    sizes = np.array([len(part) for part in lists])
    return StoredIndex(centroids.astype("f4"), sizes, vectors, np.arange(len(vectors)), nprobe)


def slow_search(index: StoredIndex, queries: np.ndarray, k: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Per query the rising squared distances and rows, as many as there are: float64, a query and a list at a time."""
    lists = np.repeat(np.arange(len(index.sizes)), index.sizes)
    vectors, centroids = index.vectors.astype("f8"), index.centroids.astype("f8")
    scores, rows = [], []
    for query in queries.astype("f8"):
        probed = np.argsort(((centroids - query) ** 2).sum(1), kind="stable")[: index.nprobe]
        inside = np.flatnonzero(np.isin(lists, probed))
        distances = ((vectors[inside] - query) ** 2).sum(1)
        order = np.argsort(distances, kind="stable")[:k]
        scores.append(distances[order])
        rows.append(inside[order])
    return scores, rows


def slow_retrieve(index: StoredIndex, queries: np.ndarray, k: int = 8) -> np.ndarray:
    """The weighted means [Q, D] in float64, with the definitions for zero distance and for no neighbour."""
    out = queries.astype("f8").copy()
    for place, (scores, rows) in enumerate(zip(*slow_search(index, queries, k), strict=True)):
        if not len(rows):
            continue
        weights = (scores == 0).astype("f8") if scores[0] == 0 else (scores[0] / scores) ** 2
        out[place] = (weights[:, None] * index.vectors[rows]).sum(0) / weights.sum()
    return out
