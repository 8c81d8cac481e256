"""Spans and batches follow the memory of every kind of device, and never exceed it."""

import pytest

from ultimate_rvc.device import effective_memory
from ultimate_rvc.options import SpanOptions
from ultimate_rvc.rvc.infer.budget import CPU_SPANS as SHORT
from ultimate_rvc.rvc.infer.budget import FIXED_BYTES, GIB, ROW_BYTES_PER_S, Budget, budget_for

UPSTREAM, UPSTREAM_SMALL = SpanOptions(), SpanOptions(x_query=5, x_center=30, x_max=32)


@pytest.mark.parametrize(
    ("memory_gb", "spans", "rows"),
    [
        (3, SHORT, 1),
        (4, UPSTREAM_SMALL, 1),
        (6, UPSTREAM, 2),
        (8, UPSTREAM, 3),
        (12, UPSTREAM, 6),
        (24, UPSTREAM, 14),
        (80, UPSTREAM, 16),
    ],
)
def test_a_card_takes_as_many_spans_as_fit(memory_gb, spans, rows):
    assert budget_for("cuda", memory_gb * GIB) == Budget(spans, rows)


@pytest.mark.parametrize(("unified_gb", "rows"), [(8, 1), (16, 3), (64, 4)])
def test_an_apple_gpu_shares_its_memory_with_everybody(unified_gb, rows):
    budget = budget_for("mps", effective_memory("mps", unified_gb * GIB))
    assert budget.batch_size == rows and budget.spans == UPSTREAM


@pytest.mark.parametrize("kind", ["cuda", "mps"])
@pytest.mark.parametrize("memory_gb", [2, 3, 4, 5, 6, 8, 11, 16, 24, 48, 80, 141])
def test_what_is_planned_fits(kind, memory_gb):
    budget = budget_for(kind, memory_gb * GIB)
    window_s = budget.spans.x_max + 2 * budget.spans.x_pad
    needed = FIXED_BYTES + budget.batch_size * window_s * ROW_BYTES_PER_S
    assert needed <= memory_gb * GIB or (budget.batch_size == 1 and memory_gb < 4)


def test_a_cpu_takes_short_spans_one_by_one():
    small, large = budget_for("cpu", 4 * GIB), budget_for("cpu", 16 * GIB)
    assert small.batch_size == large.batch_size == 1
    assert small.spans.x_max < large.spans.x_max < UPSTREAM.x_max
