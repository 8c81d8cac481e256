"""Reads the FAISS indexes that RVC tools write, without FAISS: a second OpenMP runtime beside torch's crashes on macOS.

The format is that of faiss/impl/index_write.cpp: little-endian, a four-letter code, a header, and arrays preceded by
their length. Supported are IVF Flat (code IwFl, with full or sparse lists), Flat (IxF2, IxFl) and both inside an ID map
(IxMp, IxM2), all by squared L2 distance.
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ultimate_rvc.errors import IndexFileError

WORKS = "RVC indexes are 'IVF…,Flat' or 'Flat' by L2 distance"
REMEDY = "train or export the voice's index again, or convert without one (index rate 0)"

IVF_CODES = (b"IwFl",)
FLAT_CODES = (b"IxF2", b"IxFl")
ID_MAP_CODES = (b"IxMp", b"IxM2")
METRIC_L2 = 1
DIRECT_MAP_NONE, DIRECT_MAP_ARRAY, DIRECT_MAP_HASHTABLE = 0, 1, 2

FOREIGN_KINDS = {
    b"IxFI": "a Flat index by inner product",
    b"IxPT": "a FAISS index behind a vector transform",
    b"IxPq": "a product quantiser",
    b"IxPo": "a product quantiser",
    b"IwPQ": "an IVF index with product quantisation",
    b"IvPQ": "an IVF index with product quantisation",
    b"IwQR": "an IVF index with refined product quantisation",
    b"IwPf": "an IVF index with fast-scan product quantisation",
    b"IPfs": "a fast-scan product quantiser",
    b"IxSQ": "a scalar quantiser",
    b"IwSQ": "an IVF index with scalar quantisation",
    b"IwSq": "an IVF index with scalar quantisation",
    b"IvFl": "an IVF Flat index of FAISS before 1.3",
    b"IvFL": "an IVF Flat index of FAISS before 1.3",
    b"IHNf": "an HNSW graph",
    b"IHNp": "an HNSW graph",
    b"IHNs": "an HNSW graph",
    b"IHN2": "an HNSW graph",
    b"IxRF": "a refined FAISS index",
    b"IBxF": "a binary FAISS index",
    b"IBwF": "a binary FAISS index",
    b"PK\x03\x04": "a zip archive or a voice (.pth)",
    b"\x93NUM": "a numpy array",
    b"vers": "a Git LFS pointer, not the file that it points to",
    b"Rar!": "a rar archive",
}


@dataclass(frozen=True)
class StoredIndex:
    """An index as arrays; a Flat index is one list.

    N vectors of D dimensions in L lists: centroids [L, D], sizes [L], vectors [N, D] float32 list after list, and the
    ids [N] that FAISS reports for them. A search looks into the `nprobe` lists with the nearest centroids.
    """

    centroids: np.ndarray
    sizes: np.ndarray
    vectors: np.ndarray
    ids: np.ndarray
    nprobe: int

    @property
    def dimensions(self) -> int:
        """D."""
        return self.vectors.shape[1]

    def flattened(self) -> "StoredIndex":
        """The same vectors as one list: every search is exact."""
        whole = np.array([len(self.vectors)])
        return StoredIndex(np.zeros((1, self.dimensions), np.float32), whole, self.vectors, self.ids, 1)


def read_index(path: str | os.PathLike, *, dimensions: int | None = None) -> StoredIndex:
    """The index in a file. Raises IndexFileError when it is no such index, is empty, or its D is not `dimensions`."""
    try:
        # Straight into the arrays: a mapping would hold what was read a second time until the end.
        with Path(path).open("rb", buffering=0) as file:
            return parse_index(file, name=str(path), dimensions=dimensions)
    except OSError as error:
        raise IndexFileError(f"{path}: cannot be read ({error.strerror}); check the path of the index") from error


def parse_index(data: BinaryIO | np.ndarray, *, name: str, dimensions: int | None = None) -> StoredIndex:
    """The index in a file, or in a row of bytes [uint8]; `name` is what errors call it. Raises as read_index does."""
    stream = io.BytesIO(data) if isinstance(data, np.ndarray) else data
    index = _read_any(_Bytes(stream, name), IVF_CODES + FLAT_CODES + ID_MAP_CODES)
    if not len(index.vectors):
        raise IndexFileError(f"{name}: the index holds no vectors; {REMEDY}")
    if dimensions not in (None, index.dimensions):
        raise IndexFileError(
            f"{name}: its vectors have {index.dimensions} dimensions and the voice needs {dimensions} "
            "(256 for v1, 768 for v2); choose the index that was trained with this voice"
        )
    return index


class _Bytes:
    """Takes numbers from the front of a stream; knows its name for errors."""

    def __init__(self, data: BinaryIO, name: str) -> None:
        self._data = data
        self._end = data.seek(0, os.SEEK_END)
        data.seek(0)
        self.name = name

    def error(self, what: str) -> IndexFileError:
        return IndexFileError(f"{self.name}: {what}; {WORKS}; {REMEDY}")

    def ensure(self, size: int) -> None:
        """Raises unless so many bytes are left."""
        place = self._data.tell()
        left = self._end - place
        if size > left:
            raise self.error(f"the file ends too early ({size} bytes expected at byte {place}, {left} left)")

    def take(self, dtype: str, count: int) -> np.ndarray:
        self.ensure(np.dtype(dtype).itemsize * count)
        taken = np.empty(count, dtype)
        self.fill(taken)
        return taken

    def fill(self, array: np.ndarray) -> None:
        """Reads a contiguous array's worth of bytes into it."""
        self.ensure(array.nbytes)
        left = memoryview(array).cast("B") if array.size else memoryview(b"")
        while len(left):  # a system call reads 2 GB at most
            read = self._data.readinto(left)
            if not read:
                raise self.error("the file became shorter while it was read")
            left = left[read:]

    def number(self, dtype: str = "<u8") -> int:
        return int(self.take(dtype, 1)[0])

    def array(self, dtype: str) -> np.ndarray:
        """A vector with its length before it."""
        return self.take(dtype, self.number())

    def code(self) -> bytes:
        """The four letters before an object; what is shorter is no index."""
        if not self._end:
            raise self.error("the file is empty")
        return self.take("u1", 4).tobytes()


@dataclass(frozen=True)
class _Header:
    dimensions: int
    total: int


def _read_any(source: _Bytes, allowed: tuple[bytes, ...]) -> StoredIndex:
    code = source.code()
    if code not in allowed:
        raise source.error(f"it is {_kind(code)}")
    if code in FLAT_CODES:
        return _read_flat(source)
    return _read_ivf(source) if code in IVF_CODES else _read_id_map(source)


def _kind(code: bytes) -> str:
    if code in FOREIGN_KINDS:
        return FOREIGN_KINDS[code]
    if code.lstrip()[:1] == b"<":
        return "a web page, perhaps a download that failed"
    if code[:1] == b"I" and code.isalnum():
        return f"a FAISS index of kind {code.decode()}"
    return f"no FAISS index (it begins with {code!r})"


def _read_header(source: _Bytes) -> _Header:
    dimensions, total = source.number("<i4"), source.number("<i8")
    source.take("<i8", 2)
    trained, metric = source.number("u1"), source.number("<i4")
    if metric != METRIC_L2:
        raise source.error(f"it compares by metric {metric}, not by L2 distance")
    if dimensions <= 0 or total < 0 or not trained:
        raise source.error(f"its header is broken or untrained ({dimensions} dimensions, {total} vectors)")
    return _Header(dimensions, total)


def _read_flat(source: _Bytes) -> StoredIndex:
    header = _read_header(source)
    values = source.array("<f4")
    if len(values) != header.total * header.dimensions:
        raise source.error(f"{len(values)} numbers are no {header.total} vectors of {header.dimensions} dimensions")
    vectors = values.reshape(header.total, header.dimensions)
    sizes, centroid = np.array([header.total]), np.zeros((1, header.dimensions), np.float32)
    return StoredIndex(centroid, sizes, vectors, np.arange(header.total), 1)


def _read_id_map(source: _Bytes) -> StoredIndex:
    header = _read_header(source)
    inner = _read_any(source, IVF_CODES + FLAT_CODES)
    ids = source.array("<i8")
    if len(ids) != header.total or len(inner.ids) != header.total or not _inside(inner.ids, len(ids)):
        raise source.error("its ID map does not fit its vectors")
    return StoredIndex(inner.centroids, inner.sizes, inner.vectors, ids[inner.ids], inner.nprobe)


def _inside(ids: np.ndarray, count: int) -> bool:
    return not len(ids) or bool(ids.min() >= 0 and ids.max() < count)


def _read_ivf(source: _Bytes) -> StoredIndex:
    header = _read_header(source)
    lists, nprobe = source.number(), source.number()
    centroids = _read_any(source, FLAT_CODES).vectors
    if centroids.shape != (lists, header.dimensions):
        raise source.error(f"{lists} lists do not fit centroids of shape {centroids.shape}")
    _skip_direct_map(source)
    sizes, vectors, ids = _read_lists(source, lists, header)
    return StoredIndex(centroids, sizes, vectors, ids, max(1, min(nprobe, lists)))


def _skip_direct_map(source: _Bytes) -> None:
    """The way from an id to its list: not needed, as every list is read."""
    kind = source.number("u1")
    if kind not in (DIRECT_MAP_NONE, DIRECT_MAP_ARRAY, DIRECT_MAP_HASHTABLE):
        raise source.error(f"its direct map is of unknown kind {kind}")
    source.array("<i8")
    if kind == DIRECT_MAP_HASHTABLE:
        source.take("<i8", 2 * source.number())


def _read_lists(source: _Bytes, lists: int, header: _Header) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    code = source.code()
    if code != b"ilar":
        raise source.error(f"its lists are stored in another way ({code!r}), perhaps outside of the file")
    shape = source.number(), source.number()
    if shape != (lists, 4 * header.dimensions):
        raise source.error(f"lists and bytes per vector are {shape}, not {(lists, 4 * header.dimensions)}")
    sizes = _read_sizes(source, lists)
    vectors = np.empty((_affordable(source, sizes, header), header.dimensions), "<f4")
    ids = np.empty(len(vectors), "<i8")
    starts = np.cumsum(sizes) - sizes
    for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
        source.fill(vectors[start : start + size])
        source.fill(ids[start : start + size])
    return sizes, vectors, ids


def _read_sizes(source: _Bytes, lists: int) -> np.ndarray:
    kind, sizes = source.code(), np.zeros(lists, np.int64)
    values = source.array("<i8")
    if kind == b"full" and len(values) == lists:
        return values
    places, counts = values[0::2], values[1::2]
    if kind != b"sprs" or len(places) != len(counts) or not _inside(places, lists):
        raise source.error(f"the sizes of its lists are broken (kind {kind!r}, {len(values)} numbers, {lists} lists)")
    sizes[places] = counts
    return sizes


def _affordable(source: _Bytes, sizes: np.ndarray, header: _Header) -> int:
    """How many vectors the lists hold; sizes that disagree with the header never reach an allocation."""
    if (sizes < 0).any() or float(sizes.sum(dtype=float)) != header.total:
        raise source.error(f"the sizes of its lists do not add up to its {header.total} vectors")
    source.ensure(header.total * (4 * header.dimensions + 8))
    return header.total
