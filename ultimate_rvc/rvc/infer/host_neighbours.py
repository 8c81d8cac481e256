"""The CPU's twin of `neighbours`, in numpy: the queries are sorted by list, and each list is multiplied once.

Only the two large products, with the centroids and with all rows, are torch's. What follows is thousands of small
steps, for which starting a team of threads each time costs more than the step; here whole portions of queries go to
the threads instead.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ultimate_rvc.rvc.infer.neighbours import (
    NO_ROW,
    NO_SCORE,
    SPARE,
    AllRows,
    Candidates,
    Found,
    Lists,
    filled,
    per_block,
)

# Queries that a thread takes at once.
PORTION = 128
# Products of more multiplications than this start OpenBLAS's own threads, which then fight with ours.
ALONE_PRODUCTS = 250_000
TILE_QUERIES = 16
# Rows are fetched in blocks that stay in a processor's cache until they are measured and mixed.
CACHE_BYTES = 1 << 20


class HostSearch:
    """An index in memory, with a way to search it."""

    def __init__(self, lists: Lists, candidates: Candidates) -> None:
        self.lists = lists
        self._candidates = candidates
        self._rows = lists.table.rows.numpy()

    def nearest(self, queries: Tensor, k: int) -> Found:
        """queries [Q, D] float32 → the k nearest rows by squared distance."""
        rows = self._candidates(queries, k).numpy()
        scores = np.empty(rows.shape, np.float32)

        def measure(part: slice) -> None:
            for block, _, measured in self._measured(queries.numpy(), rows, part):
                scores[block] = measured

        _in_portions(len(rows), measure)
        order = np.argsort(scores, axis=1, kind="stable")[:, :k]
        found = (torch.from_numpy(np.take_along_axis(column, order, 1)) for column in (scores, rows))
        return filled(Found(*found), k)

    def mixed(self, queries: Tensor, k: int) -> Tensor:
        """queries [Q, D] float32 → the weighted means of their k nearest rows [Q, D]."""
        wanted, rows = queries.numpy(), self._candidates(queries, k).numpy()
        out = np.empty_like(wanted)

        def measure_and_mix(part: slice) -> None:
            for block, differences, scores in self._measured(wanted, rows, part):
                out[block] = mix(wanted[block], differences, scores, k)

        _in_portions(len(rows), measure_and_mix)
        return torch.from_numpy(out)

    def _measured(
        self, queries: np.ndarray, rows: np.ndarray, part: slice
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Block by block: which queries, row - query [b, C, D] in a buffer of all blocks, squared distances [b, C]."""
        count, dimensions = rows.shape[1], queries.shape[1]
        step = per_block(4 * count * dimensions, CACHE_BYTES)
        buffer = np.empty((step * count, dimensions), np.float32)
        for start in range(part.start, part.stop, step):
            block = slice(start, min(start + step, part.stop))
            wanted = rows[block].ravel()
            # Mode clip fetches row 0 for NO_ROW and writes straight into the buffer.
            fetched = np.take(self._rows, wanted, axis=0, out=buffer[: len(wanted)], mode="clip")
            differences = fetched.reshape(-1, count, dimensions)
            differences -= queries[block, None]
            scores = np.einsum("bcd,bcd->bc", differences, differences)
            scores[rows[block] < 0] = NO_SCORE
            yield block, differences, scores


class SortedLists:
    """Sorts the pairs of query and probed list by list, so that each list is multiplied once with all its queries."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._starts, self._sizes = lists.starts.numpy(), lists.sizes.numpy()
        self._norms = lists.table.norms.numpy()
        self._columns = [rows.numpy().T for rows in lists.table.rows.split(lists.sizes.tolist())]

    def width(self, k: int) -> int:
        """The best ranked."""
        return k + SPARE

    def __call__(self, queries: Tensor, k: int) -> Tensor:
        """queries [Q, D] → rows [Q, C]."""
        probes, keep = self._lists.nprobe, self.width(k)
        probed = self._lists.probe(queries).numpy().ravel()  # [Q·P]
        order = np.argsort(probed, kind="stable")
        ranks = np.full((len(order), keep), NO_SCORE, np.float32)
        rows = np.full((len(order), keep), NO_ROW)

        def search(part: slice) -> None:
            for block in _blocks(part, per_block(4 * self._lists.longest, self._lists.block_bytes)):
                pairs = order[block]
                best, found = self._best(queries.numpy()[pairs // probes], probed[pairs], keep)
                ranks[pairs, : best.shape[1]], rows[pairs, : best.shape[1]] = best, found

        _in_portions(len(order), search)
        ranks, rows = (column.reshape(-1, probes * keep) for column in (ranks, rows))
        if probes > 1:
            rows = np.take_along_axis(rows, np.argpartition(ranks, keep - 1, axis=1)[:, :keep], 1)
        return torch.from_numpy(rows)

    def _best(self, queries: np.ndarray, numbers: np.ndarray, keep: int) -> tuple[np.ndarray, np.ndarray]:
        """queries [b, D], each with the number of its list [b] in rising order → ranks and rows [b, ≤ keep]."""
        starts, sizes = self._starts[numbers][:, None], self._sizes[numbers][:, None]
        products = self._products(queries, numbers)  # [b, longest of them]
        places = np.arange(products.shape[1])
        norms = np.take(self._norms, starts + places, mode="clip")
        ranks = np.where(places < sizes, norms - 2 * products, np.float32(NO_SCORE))
        best = np.argpartition(ranks, keep - 1, axis=1)[:, :keep] if ranks.shape[1] > keep else places[None]
        ranks = np.take_along_axis(ranks, best, 1)
        return ranks, np.where(ranks < NO_SCORE, starts + best, NO_ROW)

    def _products(self, queries: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """The queries [b, D] times the rows of their lists: [b, longest of them], anything beyond a list's end."""
        used, first = np.unique(numbers, return_index=True)
        columns = [self._columns[number] for number in used.tolist()]  # each [D, n]
        products = np.zeros((len(queries), max(part.shape[1] for part in columns)), np.float32)
        borders = [*first.tolist(), len(queries)]
        for part, start, end in zip(columns, borders, borders[1:], strict=False):
            multiply(queries[start:end], part, products[start:end])
        return products


def choose(lists: Lists) -> Candidates:
    """The way that costs the CPU least."""
    return AllRows(lists) if lists.searches_all else SortedLists(lists)


def multiply(queries: np.ndarray, columns: np.ndarray, out: np.ndarray) -> None:
    """queries [m, D] times columns [D, n] into out [m, ≥ n], in tiles that one thread computes."""
    rows = max(1, ALONE_PRODUCTS // (min(TILE_QUERIES, len(queries)) * len(columns)))
    for block in _blocks(slice(0, len(queries)), TILE_QUERIES):
        for tile in _blocks(slice(0, columns.shape[1]), rows):
            np.matmul(queries[block], columns[:, tile], out=out[block, tile])


def mix(queries: np.ndarray, differences: np.ndarray, scores: np.ndarray, k: int) -> np.ndarray:
    """queries [b, D], row - query [b, C, D] and squared distances [b, C] → weighted means of the k nearest [b, D]."""
    if scores.shape[1] > k:
        nearest = np.argpartition(scores, k - 1, axis=1)[:, :k]
        shares = np.zeros_like(scores)
        np.put_along_axis(shares, nearest, shares_of(np.take_along_axis(scores, nearest, 1)), 1)
    else:
        shares = shares_of(scores)
    return queries + np.einsum("bc,bcd->bd", shares, differences)


def shares_of(scores: np.ndarray) -> np.ndarray:
    """scores [b, k] → their parts of the mean [b, k]: as (1/score)²; all for scores of 0; none without a neighbour."""
    nearest = scores.min(1, keepdims=True)
    ratio = np.divide(nearest, scores, out=np.ones_like(scores), where=scores > nearest)
    weights = np.where(scores < NO_SCORE, np.square(ratio), np.float32(0))
    return weights / np.maximum(weights.sum(1, keepdims=True), 1)


def _in_portions(count: int, work: Callable[[slice], None]) -> None:
    """The work on all of `count` items, a portion at a time on each thread that torch may use."""
    portions = list(_blocks(slice(0, count), PORTION))
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        for _ in threads.map(work, portions):
            pass


def _blocks(part: slice, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, part.stop)) for start in range(part.start, part.stop, step))
