"""The CPU's twin of `neighbours`: the queries are sorted by list, and each list is multiplied once.

The thousands of small products are numpy's, in tiles of one thread each, and a team shares them out: starting a team for
every product would take longer than the product, and on a busy machine a hundred times longer.
"""

from collections.abc import Iterator
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
    Search,
    per_block,
    weights_of,
)

# OpenBLAS starts its threads for products of more multiplications than this.
ALONE_PRODUCTS = 250_000
TILE_QUERIES = 16
# Pairs of query and list whose distances are sorted out at once.
BLOCK_PAIRS = 512


class HostSearch(Search):
    """An index in memory, with a way to search it."""

    def mixed(self, queries: Tensor, k: int) -> Tensor:
        """queries [Q, D] float32 → the weighted means of their k nearest rows [Q, D]."""
        return mix(queries, self.lists.table.rows, self.nearest(queries, k))


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

        def sort_out(block: slice) -> None:
            pairs = order[block]
            best, found = self._best(queries.numpy()[pairs // probes], probed[pairs], keep)
            ranks[pairs, : best.shape[1]], rows[pairs, : best.shape[1]] = best, found

        step = min(BLOCK_PAIRS, per_block(4 * self._lists.longest, self._lists.block_bytes))
        with ThreadPoolExecutor(torch.get_num_threads()) as team:
            list(team.map(sort_out, _blocks(len(order), step)))  # each writes to places of its own
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


def mix(queries: Tensor, rows: Tensor, found: Found) -> Tensor:
    """queries [Q, D], all rows [N, D] and the nearest of them [Q, k] → weighted means [Q, D]."""
    weights = weights_of(found.scores)
    shares = weights / weights.sum(1, keepdim=True).clamp_min(1)
    means = torch.nn.functional.embedding_bag(found.rows.clamp_min(0), rows, per_sample_weights=shares, mode="sum")
    return torch.where(found.rows[:, :1] < 0, queries, means)


def multiply(queries: np.ndarray, columns: np.ndarray, out: np.ndarray) -> None:
    """queries [m, D] times columns [D, n] into out [m, ≥ n], in tiles that one thread computes."""
    rows = max(1, ALONE_PRODUCTS // (min(TILE_QUERIES, len(queries)) * len(columns)))
    for block in _blocks(len(queries), TILE_QUERIES):
        for tile in _blocks(columns.shape[1], rows):
            # Unlike matmul, dot lets go of the interpreter, so that the team really works side by side.
            out[block, tile] = np.dot(queries[block], columns[:, tile])


def _blocks(count: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, count)) for start in range(0, count, step))
