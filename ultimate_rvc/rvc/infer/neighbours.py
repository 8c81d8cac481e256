"""Nearest neighbours by squared L2 distance on a GPU, and the means of them that retrieval is made of.

Rows are first ranked by ‖y‖² - 2xy, a matrix product, and a few more candidates are kept than asked for; those are
then measured by direct difference, because the product form loses the digits that the weights 1/d⁴ are made of.

Two ways to name candidates, both of fixed shapes, so that nothing waits for the device:

- `AllRows` compares with every row and hides those outside the probed lists.
- `PaddedLists` names all rows of the probed lists, filled up to the longest.

`host_neighbours` is the twin for the CPU. Memory is bounded by blocks. Letters: Q queries, b of them in a block,
N rows, D dimensions, L lists, P probed ones, C candidates, k neighbours.
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


class Measured(NamedTuple):
    """Queries [b, D], the differences from them to their candidates [b, C, D], and squared distances [b, C].

    The differences lie in a buffer that the next block overwrites.
    """

    queries: Tensor
    differences: Tensor
    scores: Tensor


class Candidates(Protocol):
    """A way to search."""

    def width(self, k: int) -> int:
        """C, the number of candidates that it names for k neighbours."""

    def __call__(self, queries: Tensor, k: int) -> Tensor:
        """queries [Q, D] float32 → rows [Q, C] that hold the k nearest of the probed lists; NO_ROW fills up."""


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

    @property
    def searches_all(self) -> bool:
        """Whether every list is probed anyway."""
        return self.nprobe >= len(self.sizes)

    def probe(self, queries: Tensor) -> Tensor:
        """queries [Q, D] → the lists with the nearest centroids [Q, P]."""
        return self._ranked(queries, self.centroids, self.nprobe)

    def rank(self, queries: Tensor, keep: int, hiding: Hiding) -> Tensor:
        """queries [Q, D] → the `keep` best ranked rows [Q, keep] among those that are not hidden."""
        return self._ranked(queries, self.table, keep, hiding)

    def _ranked(self, queries: Tensor, table: Table, keep: int, hiding: Hiding = lambda _: None) -> Tensor:
        step = per_block(4 * min(BLOCK_ROWS, len(table.rows)), self.block_bytes)
        return torch.cat([_best_rows(part, table, keep, hiding(part)) for part in queries.split(step)])

    def measured(self, queries: Tensor, rows: Tensor) -> Iterator[Measured]:
        """queries [Q, D] and their candidates [Q, C] → blocks in order."""
        candidates, dimensions = rows.shape[1], queries.shape[1]
        step = per_block(4 * candidates * dimensions, self.block_bytes)
        buffer = queries.new_empty(min(step, len(queries)) * candidates, dimensions)
        for part, wanted in zip(queries.split(step), rows.split(step), strict=True):
            into = buffer[: wanted.numel()]
            fetched = torch.index_select(self.table.rows, 0, wanted.clamp_min(0).flatten(), out=into)
            differences = fetched.view(-1, candidates, dimensions).sub_(part[:, None])
            scores = torch.linalg.vector_norm(differences, dim=-1).square()
            yield Measured(part, differences, scores.masked_fill(wanted < 0, NO_SCORE))


class Search:
    """An index on a device, with a way to search it."""

    def __init__(self, lists: Lists, candidates: Candidates) -> None:
        self.lists = lists
        self._candidates = candidates

    def nearest(self, queries: Tensor, k: int) -> Found:
        """queries [Q, D] float32 → the k nearest rows by squared distance."""
        parts = [self._nearest(part, k) for part in self._blocks(queries, k)]
        return Found(*map(torch.cat, zip(*parts, strict=True)))

    def mixed(self, queries: Tensor, k: int) -> Tensor:
        """queries [Q, D] float32 → the weighted means of their k nearest rows [Q, D]."""
        return torch.cat(
            [
                mix(block, k)
                for part in self._blocks(queries, k)
                for block in self.lists.measured(part, self._candidates(part, k))
            ]
        )

    def _nearest(self, queries: Tensor, k: int) -> Found:
        rows = self._candidates(queries, k)
        scores = torch.cat([block.scores for block in self.lists.measured(queries, rows)])  # [Q, C]
        found = smallest(scores, k)
        return filled(Found(found.scores, rows.gather(1, found.rows)), k)

    def _blocks(self, queries: Tensor, k: int) -> tuple[Tensor, ...]:
        """Queries in blocks whose candidates (rows and scores) fit."""
        return queries.split(per_block(12 * self._candidates.width(k), self.lists.block_bytes))


def choose(lists: Lists) -> Candidates:
    """The way that costs a GPU less."""
    fetched = lists.longest * lists.nprobe
    padded = not lists.searches_all and fetched * FETCH_COST_ROWS < len(lists.table.rows)
    return PaddedLists(lists) if padded else AllRows(lists)


def mix(block: Measured, k: int) -> Tensor:
    """Queries with measured candidates → weighted means of the k nearest [b, D].

    Written as the query plus weighted differences, so that the rows fetched for measuring are used where they lie.
    """
    found = smallest(block.scores, k)
    weights = weights_of(found.scores)
    share = weights / weights.sum(1, keepdim=True).clamp_min(1)
    shares = torch.zeros_like(block.scores).scatter_(1, found.rows, share)  # [b, C]
    return block.queries + torch.bmm(shares[:, None], block.differences)[:, 0]


def weights_of(scores: Tensor) -> Tensor:
    """Rising scores [b, k] → (1/score)² over its largest, so that nothing overflows.

    1 for every score of 0, and 0 where there is no neighbour.
    """
    nearest = scores[:, :1]
    ratio = torch.where(scores <= nearest, 1.0, nearest / scores)
    return ratio.square().masked_fill(scores >= NO_SCORE, 0)


class AllRows:
    """Compares with every row; rows outside the probed lists are hidden."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        numbers = torch.arange(len(lists.sizes), device=lists.sizes.device)
        self._list_of_row = numbers.repeat_interleave(lists.sizes, output_size=len(lists.table.rows))

    def width(self, k: int) -> int:
        """The best ranked."""
        return k + SPARE

    def __call__(self, queries: Tensor, k: int) -> Tensor:
        """queries [Q, D] → rows [Q, C]."""
        return self._lists.rank(queries, self.width(k), self._hiding)

    def _hiding(self, queries: Tensor) -> Hide | None:
        """What hides the rows that these queries' probes do not reach; None where they reach all."""
        if self._lists.searches_all:
            return None
        probed = self._lists.probe(queries)  # [b, P]
        reached = torch.zeros(len(queries), len(self._lists.sizes), dtype=torch.bool, device=queries.device)
        reached.scatter_(1, probed, True)
        return lambda ranks, part: ranks.masked_fill(~reached[:, self._list_of_row[part]], NO_SCORE)


class PaddedLists:
    """Names all rows of each query's lists, each list filled up to the longest."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._places = torch.arange(lists.longest, device=lists.sizes.device)

    def width(self, k: int) -> int:
        """Every row that a probe can reach."""
        return self._lists.nprobe * self._lists.longest

    def __call__(self, queries: Tensor, k: int) -> Tensor:
        """queries [Q, D] → rows [Q, C]."""
        probed = self._lists.probe(queries)  # [Q, P]
        inside = self._places < self._lists.sizes[probed][..., None]  # [Q, P, longest]
        rows = self._lists.starts[probed][..., None] + self._places
        return torch.where(inside, rows, NO_ROW).flatten(1)


def per_block(item_bytes: int, budget_bytes: int) -> int:
    """How many items are done at once: as many as the budget allows, and at least one."""
    return max(1, budget_bytes // max(1, item_bytes))


def _best_rows(queries: Tensor, table: Table, keep: int, hide: Hide | None) -> Tensor:
    """queries [b, D] → the best ranked rows [b, keep] that are not hidden."""
    best = None
    for start in range(0, len(table.rows), BLOCK_ROWS):
        part = slice(start, min(start + BLOCK_ROWS, len(table.rows)))
        ranks = table.ranks(queries, part)
        found = smallest(ranks if hide is None else hide(ranks, part), keep)
        found = without_hidden(found.scores, found.rows + start)
        best = found if best is None else _best_of_both(best, found, keep)
    return filled(best, keep).rows


def _best_of_both(one: Found, other: Found, keep: int) -> Found:
    scores, rows = torch.cat([one.scores, other.scores], 1), torch.cat([one.rows, other.rows], 1)
    found = smallest(scores, keep)
    return Found(found.scores, rows.gather(1, found.rows))


def without_hidden(scores: Tensor, rows: Tensor) -> Found:
    return Found(scores, rows.masked_fill(scores >= NO_SCORE, NO_ROW))


def filled(found: Found, k: int) -> Found:
    """As many as asked for: where fewer were found, NO_SCORE and NO_ROW."""
    missing = (0, k - found.rows.shape[1])
    return Found(F.pad(found.scores, missing, value=NO_SCORE), F.pad(found.rows, missing, value=NO_ROW))


def smallest(values: Tensor, keep: int) -> Found:
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
