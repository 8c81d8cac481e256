"""Retrieval indexes of any size whose vectors are clouds, as a voice's features are, and queries among them."""

from pathlib import Path

import numpy as np

WIDTH = 768
SPREAD, QUERY_SPREAD = 0.12, 0.15
VECTORS_OF_A_CLOUD = 60


def clouds(count: int, seed: int, *, width: int = WIDTH, spread: float = SPREAD, clusters: int = 0) -> np.ndarray:
    """Vectors [count, width] around common centres, which depend on `clusters` and not on the seed."""
    numbers, clusters = np.random.default_rng(seed), clusters or clusters_for(count)
    centres = np.random.default_rng(0).standard_normal((clusters, width), dtype=np.float32) / 4
    near = numbers.standard_normal((count, width), dtype=np.float32)
    near *= np.float32(spread)
    near += centres[numbers.integers(clusters, size=count)]
    return near


def queries(count: int, vectors: int) -> np.ndarray:
    """Queries [count, 768] for an index of so many vectors."""
    return clouds(count, 2, spread=QUERY_SPREAD, clusters=clusters_for(vectors))


def clusters_for(vectors: int) -> int:
    """How many clouds so many vectors make."""
    return max(64, vectors // VECTORS_OF_A_CLOUD)


def lists_for(vectors: int) -> int:
    """RVC's rule for the lists of an index."""
    return max(1, min(int(16 * vectors**0.5), vectors // 39))


def build(vectors: np.ndarray, path: Path) -> Path:
    """Writes the index of vectors [N, D]; its centroids are drawn from the data, which spares minutes of k-means."""
    import faiss

    width, lists = vectors.shape[1], lists_for(len(vectors))
    quantizer = faiss.IndexFlatL2(width)
    quantizer.add(vectors[np.random.default_rng(1).choice(len(vectors), lists, replace=False)])
    index = faiss.IndexIVFFlat(quantizer, width, lists)
    index.is_trained = True
    index.add(vectors)
    path.parent.mkdir(parents=True, exist_ok=True)
    faiss.write_index(index, str(path))
    return path
