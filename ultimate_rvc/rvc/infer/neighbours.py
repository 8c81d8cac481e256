"""Nearest neighbours by squared L2 distance in three ways, one contract: the way is chosen for the device, once.

Rows are first ranked by ‖y‖² - 2xy, a matrix product, and a few more candidates are kept than asked for; those are
then measured by direct difference, because the product form loses the digits that the weights 1/d⁴ are made of.

- `AllRows` compares with every row and hides those outside the probed lists: matrix products of fixed shapes.
- `PaddedLists` fetches the probed lists, each filled up to the longest: fixed shapes, nothing waits for the device.
- `SortedLists` sorts the queries by list and multiplies once per list: least work, for the CPU.

Memory is bounded by blocks. Letters: Q queries, b of them in a block, N rows, D dimensions, L lists, P probed ones.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ultimate_rvc.rvc.infer.faiss_file import StoredIndex

# FAISS's score and row where there is no neighbour: the largest float32, and -1.
NO_SCORE = torch.finfo(torch.float32).max
NO_ROW = -1
# Candidates beyond k that are measured as well: rounding of the product form swaps rows of nearly equal distance.
SPARE = 4
BLOCK_BYTES = {"cpu": 32 << 20, "cuda": 256 << 20, "mps": 128 << 20}
# On the CPU, rows are fetched in portions that stay in its cache until they are measured.
CACHE_BYTES = 2 << 20
# Rows per matrix product: many enough for the matrix units, few enough to leave queries in a block.
BLOCK_ROWS = 16_384
# The smallest of a long row are searched among groups of this many, by each group's minimum, and then inside the best.
GROUP = 32
# Fetching a row of a list takes a GPU about as long as comparing with this many rows by matrix product.
FETCH_COST_ROWS = 32


class Found(NamedTuple):
    """Scores [Q, k] rising, and rows [Q, k]; NO_SCORE and NO_ROW where fewer than k were found."""

    scores: Tensor
    rows: Tensor


class Neighbours(Protocol):
    """A way to search."""

    def __call__(self, queries: Tensor, k: int) -> Found:
        """queries [Q, D] float32 → the k nearest rows of the probed lists, by squared distance."""


# From ranks [b, n] and the slice of rows they are of, the ranks with some hidden; and where a block gets this from.
Hide = Callable[[Tensor, slice], Tensor]
Hiding = Callable[[Tensor], Hide | None]


class Table(NamedTuple):
    """Rows [N, D] with their squared norms [N]."""

    rows: Tensor
    norms: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> "Table":
        """The rows with the norms that ranking needs."""
        return cls(rows, torch.linalg.vector_norm(rows, dim=1).square())

    def ranks(self, queries: Tensor, part: slice) -> Tensor:
        """queries [b, D] and a slice of n rows → ‖y‖² - 2xy [b, n], which orders rows as their distances do."""
        return torch.addmm(self.norms[part], queries, self.rows[part].T, alpha=-2)


class Lists:
    """An index on a device: its rows list after list, the lists' borders and centroids."""

    def __init__(self, index: StoredIndex, device: torch.device) -> None:
        self.table = Table.of(torch.from_numpy(index.vectors).to(device))
        self.centroids = Table.of(torch.from_numpy(index.centroids).to(device))
        self.sizes = torch.from_numpy(index.sizes).to(device)
        self.starts = self.sizes.cumsum(0) - self.sizes
        self.longest = int(index.sizes.max())
        self.nprobe = index.nprobe
        self.block_bytes = BLOCK_BYTES.get(device.type, BLOCK_BYTES["cpu"])
        self.fetch_bytes = CACHE_BYTES if device.type == "cpu" else self.block_bytes

    @property
    def searches_all(self) -> bool:
        """Whether every list is probed anyway."""
        return self.nprobe >= len(self.sizes)

    def probe(self, queries: Tensor) -> Tensor:
        """queries [Q, D] → the lists with the nearest centroids [Q, P]."""
        return _ranked(queries, self.centroids, self.nprobe)

    def rank(self, queries: Tensor, keep: int, hiding: Hiding) -> Tensor:
        """queries [Q, D] → the `keep` best ranked rows [Q, keep] among those that are not hidden."""
        return _ranked(queries, self.table, keep, hiding)

    def measure(self, queries: Tensor, rows: Tensor, k: int) -> Found:
        """The k nearest of each query's candidates [Q, C], measured by direct difference."""
        candidates, dimensions = rows.shape[1], queries.shape[1]
        scores = torch.empty(rows.shape, device=rows.device)
        blocks = list(_blocks(len(queries), 4 * candidates * dimensions, self.fetch_bytes))
        buffer = queries.new_empty(candidates * (blocks[0].stop if blocks else 0), dimensions)
        for part in blocks:
            wanted = rows[part].clamp_min(0).flatten()
            fetched = torch.index_select(self.table.rows, 0, wanted, out=buffer[: len(wanted)])
            apart = fetched.view(-1, candidates, dimensions).sub_(queries[part, None])  # [b, C, D]
            scores[part] = torch.linalg.vector_norm(apart, dim=-1).square()
        found = _smallest(scores.masked_fill(rows < 0, NO_SCORE), k)
        return _filled(Found(found.scores, rows.gather(1, found.rows)), k)


def choose(index: StoredIndex, device: torch.device) -> tuple[Lists, Neighbours]:
    """The index on the device, and the way to search it there."""
    lists = Lists(index, device)
    if lists.searches_all:
        return lists, AllRows(lists)
    if device.type == "cpu":
        return lists, SortedLists(lists)
    fetched = lists.longest * lists.nprobe
    return lists, PaddedLists(lists) if fetched * FETCH_COST_ROWS < len(lists.table.rows) else AllRows(lists)


class AllRows:
    """Compares with every row; rows outside the probed lists are hidden."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        numbers = torch.arange(len(lists.sizes), device=lists.sizes.device)
        self._list_of_row = numbers.repeat_interleave(lists.sizes, output_size=len(lists.table.rows))

    def __call__(self, queries: Tensor, k: int) -> Found:
        """queries [Q, D] → the k nearest."""
        return self._lists.measure(queries, self._lists.rank(queries, k + SPARE, self._hiding), k)

    def _hiding(self, queries: Tensor) -> Hide | None:
        """What hides the rows that these queries' probes do not reach; None where they reach all."""
        if self._lists.searches_all:
            return None
        probed = self._lists.probe(queries)  # [b, P]
        reached = torch.zeros(len(queries), len(self._lists.sizes), dtype=torch.bool, device=queries.device)
        reached.scatter_(1, probed, True)
        return lambda ranks, part: ranks.masked_fill(~reached[:, self._list_of_row[part]], NO_SCORE)


class PaddedLists:
    """Fetches the probed lists of each query, filled up to the longest, and measures all of them directly."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._places = torch.arange(lists.longest, device=lists.sizes.device)

    def __call__(self, queries: Tensor, k: int) -> Found:
        """queries [Q, D] → the k nearest."""
        fetched_bytes = 4 * self._lists.nprobe * self._lists.longest * queries.shape[1]
        return _in_blocks(queries, fetched_bytes, lambda part: self._nearest(part, k))

    def _nearest(self, queries: Tensor, k: int) -> Found:
        probed = self._lists.probe(queries)  # [b, P]
        inside = self._places < self._lists.sizes[probed][..., None]  # [b, P, longest]
        rows = self._lists.starts[probed][..., None] + self._places
        return self._lists.measure(queries, torch.where(inside, rows, NO_ROW).flatten(1), k)


class SortedLists:
    """Sorts the pairs of query and probed list by list, so that each list is multiplied once with all its queries."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        sizes = lists.sizes.tolist()
        self._columns = [rows.T for rows in lists.table.rows.split(sizes)]
        self._norms = lists.table.norms.split(sizes)

    def __call__(self, queries: Tensor, k: int) -> Found:
        """queries [Q, D] → the k nearest."""
        keep, probed = k + SPARE, self._lists.probe(queries)  # [Q, P]
        numbers, order = probed.flatten().sort(stable=True)  # [Q·P]
        scores, rows = torch.empty(len(order), keep), torch.empty(len(order), keep, dtype=torch.long)
        for part in _blocks(len(order), 4 * self._lists.longest, self._lists.block_bytes):
            pairs = order[part]
            scores[pairs], rows[pairs] = self._nearest(queries[pairs // self._lists.nprobe], numbers[part], keep)
        scores, rows = scores.view(len(queries), -1), rows.view(len(queries), -1)  # [Q, P·keep]
        return self._lists.measure(queries, rows.gather(1, _smallest(scores, keep).rows), k)

    def _nearest(self, queries: Tensor, numbers: Tensor, keep: int) -> Found:
        """queries [b, D], each with the number of its list [b] in rising order → [b, keep] of them."""
        used, counts = torch.unique_consecutive(numbers, return_counts=True)
        ranks = torch.full((len(queries), int(self._lists.sizes[used].max())), NO_SCORE)
        counts = counts.tolist()
        for number, group, out in zip(used.tolist(), queries.split(counts), ranks.split(counts), strict=True):
            norms = self._norms[number]
            torch.addmm(norms, group, self._columns[number], alpha=-2, out=out[:, : len(norms)])
        found = _smallest(ranks, keep)
        return _filled(_without_hidden(found.scores, found.rows + self._lists.starts[numbers][:, None]), keep)


def _blocks(count: int, item_bytes: int, budget_bytes: int) -> Iterator[slice]:
    """Slices that cover `count` items, each of as many as the budget allows."""
    step = max(1, budget_bytes // max(1, item_bytes))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _in_blocks(queries: Tensor, query_bytes: int, search: Callable[[Tensor], Found]) -> Found:
    """One search over all queries, a block at a time."""
    budget = BLOCK_BYTES.get(queries.device.type, BLOCK_BYTES["cpu"])
    parts = [search(queries[part]) for part in _blocks(len(queries), query_bytes, budget)]
    return parts[0] if len(parts) == 1 else Found(*map(torch.cat, zip(*parts, strict=True)))


def _hiding_none(_: Tensor) -> None:
    """Every row counts."""


def _ranked(queries: Tensor, table: Table, keep: int, hiding: Hiding = _hiding_none) -> Tensor:
    """queries [Q, D] → the best ranked rows [Q, keep]."""
    query_bytes = 4 * min(BLOCK_ROWS, len(table.rows))
    return _in_blocks(queries, query_bytes, lambda part: _scan(part, table, keep, hiding(part))).rows


def _scan(queries: Tensor, table: Table, keep: int, hide: Hide | None = None) -> Found:
    """queries [b, D] → ranks and rows [b, keep] of the best of all rows that are not hidden."""
    best = None
    for part in _blocks(len(table.rows), 1, BLOCK_ROWS):
        ranks = table.ranks(queries, part)
        found = _smallest(ranks if hide is None else hide(ranks, part), keep)
        found = _without_hidden(found.scores, found.rows + part.start)
        best = found if best is None else _best_of_both(best, found, keep)
    return _filled(best, keep)


def _best_of_both(one: Found, other: Found, keep: int) -> Found:
    scores, rows = torch.cat([one.scores, other.scores], 1), torch.cat([one.rows, other.rows], 1)
    found = _smallest(scores, keep)
    return Found(found.scores, rows.gather(1, found.rows))


def _without_hidden(scores: Tensor, rows: Tensor) -> Found:
    return Found(scores, rows.masked_fill(scores >= NO_SCORE, NO_ROW))


def _filled(found: Found, k: int) -> Found:
    """As many as asked for: where fewer were found, NO_SCORE and NO_ROW."""
    missing = (0, k - found.rows.shape[1])
    return Found(F.pad(found.scores, missing, value=NO_SCORE), F.pad(found.rows, missing, value=NO_ROW))


def _smallest(values: Tensor, keep: int) -> Found:
    """values [Q, n] → the smallest and their columns [Q, min(keep, n)], rising."""
    if keep == 1 and values.shape[1]:
        return Found(*values.min(1, keepdim=True))
    if values.shape[1] <= 2 * GROUP * keep:
        return Found(*values.topk(min(keep, values.shape[1]), largest=False))
    columns = _best_groups(values, keep)
    found = Found(*values.gather(1, columns).topk(keep, largest=False))
    return Found(found.scores, columns.gather(1, found.rows))


def _best_groups(values: Tensor, keep: int) -> Tensor:
    """Columns [Q, ·] among which the `keep` smallest are: they lie in the `keep` groups of smallest minimum."""
    groups = values.shape[1] // GROUP
    minima = values[:, : groups * GROUP].unflatten(1, (GROUP, groups)).amin(1)  # [Q, groups]
    best = minima.topk(keep, largest=False).indices
    steps = torch.arange(GROUP, device=values.device) * groups
    rest = torch.arange(groups * GROUP, values.shape[1], device=values.device)
    inside = (best[..., None] + steps).flatten(1)  # [Q, keep·GROUP]
    return torch.cat([inside, rest.expand(len(values), -1)], 1)
