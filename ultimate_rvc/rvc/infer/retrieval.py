"""Pulls what the content encoder heard towards sounds that the voice itself has made, stored in a FAISS index.

Each feature becomes the mean of its eight nearest stored vectors, weighted by (1/score)² as RVC does; FAISS's score is
the squared distance already, so the weight falls with its fourth power. The stored vectors, their lists and the search
stay on the device; see `neighbours` for the ways to search.

What upstream leaves open is defined here: a feature that equals stored vectors becomes their mean alone; neighbours
that the probed lists do not have weigh nothing; where there is no neighbour at all the feature stays as it is.
"""

import logging
import os
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ultimate_rvc.errors import IndexFileError
from ultimate_rvc.rvc.infer import host_neighbours, neighbours
from ultimate_rvc.rvc.infer.faiss_file import StoredIndex, parse_index, read_index

if TYPE_CHECKING:
    import faiss

log = logging.getLogger(__name__)

NEIGHBOURS = 8


class IndexRetriever:
    """An index on a device. Also answers as a faiss index does (search, ntotal, d, reconstruct_n)."""

    def __init__(self, index: StoredIndex, device: torch.device | str, *, exact: bool = False) -> None:
        self.device = torch.device(device)
        self._ids = torch.from_numpy(index.ids).to(self.device)
        self._search = search_on(index.flattened() if exact else index, self.device)

    @property
    def ntotal(self) -> int:
        """N, the number of stored vectors."""
        return len(self._ids)

    @property
    def d(self) -> int:
        """D, the dimensions of a vector."""
        return self._search.lists.table.rows.shape[1]

    @property
    def is_finite(self) -> bool:
        """Whether every stored number is one; waits for the device."""
        tables = self._search.lists.table, self._search.lists.centroids
        return all(bool(torch.isfinite(table.norms).all()) for table in tables)

    @torch.no_grad()
    def __call__(self, features: Tensor) -> Tensor:
        """features [B, L, D] → [B, L, D], in their dtype."""
        queries = _queries(features, self.d)
        with full_precision(self.device):
            mixed = self._search.mixed(queries, NEIGHBOURS)
        return mixed.view(features.shape).to(features.dtype)

    @torch.no_grad()
    def search(self, queries: Any, k: int) -> tuple[Any, Any]:
        """queries [T, D] → squared distances [T, k] float32 and ids [T, k] int64, -1 where there is none.

        Arrays for an array, tensors for a tensor.
        """
        wanted = torch.as_tensor(queries, dtype=torch.float32, device=self.device)
        with full_precision(self.device):
            found = self._search.nearest(wanted, k)
        ids = self._ids[found.rows.clamp_min(0)].masked_fill(found.rows < 0, neighbours.NO_ROW)
        return (found.scores, ids) if isinstance(queries, Tensor) else (found.scores.cpu().numpy(), ids.cpu().numpy())

    def reconstruct_n(self, first: int, count: int) -> np.ndarray:
        """The vectors with the ids first … first + count - 1, [count, D]; IndexFileError without them."""
        order = torch.argsort(self._ids)
        places = torch.searchsorted(self._ids[order], torch.arange(first, first + count, device=self.device))
        rows = order[places.clamp_max(self.ntotal - 1)]
        if not torch.equal(self._ids[rows], torch.arange(first, first + count, device=self.device)):
            raise IndexFileError(f"the index has no vectors for all ids from {first} to {first + count - 1}")
        return self._search.lists.table.rows[rows].cpu().numpy()


class FaissRetriever:
    """FAISS itself on the host, for `use_gpu_retrieval=False`; features travel there and back."""

    def __init__(self, path: str | os.PathLike, *, dimensions: int | None = None, exact: bool = False) -> None:
        import faiss

        read_index(path, dimensions=dimensions)  # the same errors as on the device
        self._index = faiss.read_index(os.fspath(path))
        if exact and hasattr(self._index, "nlist"):
            self._index.nprobe = self._index.nlist
        self._vectors = torch.from_numpy(self._index.reconstruct_n(0, self._index.ntotal))
        self.ntotal, self.d = self._index.ntotal, self._index.d
        self.search, self.reconstruct_n = self._index.search, self._index.reconstruct_n

    @torch.no_grad()
    def __call__(self, features: Tensor) -> Tensor:
        """features [B, L, D] → [B, L, D], in their dtype and on their device."""
        queries = _queries(features, self.d).cpu()
        scores, ids = self._index.search(queries.numpy(), k=NEIGHBOURS)
        found = neighbours.Found(torch.from_numpy(scores), torch.from_numpy(ids))
        return host_neighbours.mix(queries, self._vectors, found).view(features.shape).to(features)


def _queries(features: Tensor, dimensions: int) -> Tensor:
    """features [B, L, D] → [B·L, D] float32; IndexFileError when the index was made from other features."""
    if features.shape[-1] != dimensions:
        raise IndexFileError(f"the index holds vectors of {dimensions} numbers, the features have {features.shape[-1]}")
    return features.reshape(-1, dimensions).float()


def search_on(index: StoredIndex, device: torch.device) -> "neighbours.Search | host_neighbours.HostSearch":
    """The index on the device, with the way to search it that suits the two."""
    lists = neighbours.Lists(index, device)
    if device.type == "cpu":
        return host_neighbours.HostSearch(lists, host_neighbours.choose(lists))
    return neighbours.Search(lists, neighbours.choose(lists))


def load_index(
    path: str | os.PathLike, device: torch.device | str, *, dimensions: int | None = None, exact: bool = False
) -> IndexRetriever:
    """The index of a voice, on the device. `exact` compares with every vector instead of the nearest lists.

    Raises IndexFileError when the file is no such index, is empty or broken, or has other dimensions than the voice.
    """
    return _loaded(read_index(path, dimensions=dimensions), str(path), device, exact)


def from_faiss(index: "faiss.Index", device: torch.device | str, *, exact: bool = False) -> IndexRetriever:
    """A live faiss index, on the device. Raises IndexFileError for kinds that cannot be read."""
    import faiss

    name = f"faiss.{type(index).__name__}"
    return _loaded(parse_index(faiss.serialize_index(index), name=name), name, device, exact)


def _loaded(stored: StoredIndex, name: str, device: torch.device | str, exact: bool) -> IndexRetriever:
    retriever = IndexRetriever(stored, device, exact=exact)
    if not retriever.is_finite:
        raise IndexFileError(f"{name}: it holds numbers that are not finite; train the index again")
    log.info("Loaded %d embeddings to %s for GPU-accelerated retrieval", retriever.ntotal, device)
    return retriever


def full_precision(device: torch.device) -> AbstractContextManager:
    """No autocast inside: half precision would choose other neighbours."""
    if not torch.amp.autocast_mode.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
