"""The CPU's twin of `neighbours`: pairs of query and probed list, sorted by list, so that a list is read from cache.

Each query is multiplied with the rows of its own list only: a product sampled at the places of a sparse matrix, for
which torch has a kernel of its own on every CPU.
"""

import warnings

import torch
from torch import Tensor

from ultimate_rvc.rvc.infer.neighbours import (
    NO_SCORE,
    SPARE,
    AllRows,
    Candidates,
    Found,
    Lists,
    Search,
    filled,
    per_block,
    smallest,
    weights_of,
    without_hidden,
)

# Pairs of query and list whose distances are sorted out at once.
BLOCK_PAIRS = 512


class HostSearch(Search):
    """An index in memory, with a way to search it."""

    def mixed(self, queries: Tensor, k: int) -> Tensor:
        """queries [Q, D] float32 → the weighted means of their k nearest rows [Q, D]."""
        return mix(queries, self.lists.table.rows, self.nearest(queries, k))


class SortedLists:
    """Sorts the pairs of query and probed list by list, and compares each query with the rows of its lists."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        with warnings.catch_warnings(record=True):  # torch says once per process that sparse matrices are young
            _sampled(torch.zeros(2, dtype=torch.long), torch.zeros(0, dtype=torch.long), torch.zeros(1, 1), 1)

    def width(self, k: int) -> int:
        """The best ranked."""
        return k + SPARE

    def __call__(self, queries: Tensor, k: int) -> Tensor:
        """queries [Q, D] → rows [Q, C]."""
        probes, keep = self._lists.nprobe, self.width(k)
        probed = self._lists.probe(queries).flatten()  # [Q·P]
        order = probed.argsort(stable=True)
        ranks = queries.new_empty(len(order), keep)
        rows = order.new_empty(len(order), keep)
        step = min(BLOCK_PAIRS, per_block(8 * self._lists.longest, self._lists.block_bytes))
        for start in range(0, len(order), step):
            pairs = order[start : start + step]
            best = self._best(queries[pairs // probes], probed[pairs], keep)
            ranks[pairs], rows[pairs] = best.scores, best.rows
        if probes == 1:
            return rows
        best = smallest(ranks.view(-1, probes * keep), keep)
        return rows.view(-1, probes * keep).gather(1, best.rows)

    def _best(self, queries: Tensor, numbers: Tensor, keep: int) -> Found:
        """queries [b, D], each with the number of its list [b] → the best ranked of its rows [b, keep]."""
        starts, sizes = self._lists.starts[numbers], self._lists.sizes[numbers]
        ends = sizes.cumsum(0)
        places = torch.arange(int(ends[-1]))
        columns = places + (starts - ends + sizes).repeat_interleave(sizes, output_size=len(places))
        inside = torch.arange(int(sizes.max())) < sizes[:, None]  # [b, longest of them]
        ranks = torch.full(inside.shape, NO_SCORE)
        ranks[inside] = self._ranks(queries, torch.nn.functional.pad(ends, (1, 0)), columns)
        found = smallest(ranks, keep)
        return filled(without_hidden(found.scores, found.rows + starts[:, None]), keep)

    def _ranks(self, queries: Tensor, borders: Tensor, columns: Tensor) -> Tensor:
        """‖y‖² - 2xy of each query and the rows that `columns` names for it between its borders."""
        table = self._lists.table
        pattern = _sampled(borders, columns, queries, len(table.rows))
        products = torch.sparse.sampled_addmm(pattern, queries, table.rows.T, beta=0, alpha=-2)
        return products.values() + table.norms[columns]


def _sampled(borders: Tensor, columns: Tensor, queries: Tensor, rows: int) -> Tensor:
    """The places of a sparse matrix [b, rows] at which products are wanted."""
    shape, wanted = (len(borders) - 1, rows), queries.new_zeros(len(columns))
    return torch.sparse_csr_tensor(borders, columns, wanted, shape, check_invariants=False)


def choose(lists: Lists) -> Candidates:
    """The way that costs the CPU least."""
    return AllRows(lists) if lists.searches_all else SortedLists(lists)


def mix(queries: Tensor, rows: Tensor, found: Found) -> Tensor:
    """queries [Q, D], all rows [N, D] and the nearest of them [Q, k] → weighted means [Q, D]."""
    weights = weights_of(found.scores)
    shares = weights / weights.sum(1, keepdim=True).clamp_min(1)
    means = torch.nn.functional.embedding_bag(found.rows.clamp_min(0), rows, per_sample_weights=shares, mode="sum")
    return torch.where(found.rows[:, :1] < 0, queries, means)
