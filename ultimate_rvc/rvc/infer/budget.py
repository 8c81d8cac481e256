"""How long spans are and how many are converted at once: what a device's memory has room for.

A window's cost grows with its length: the vocoder's activations, of which a handful live at a time, outweigh all else.
Weights, an index and the runtime are there whatever is converted.
"""

from dataclasses import dataclass

from ultimate_rvc.options import SpanOptions

GIB = 1024**3
# Encoder, voice, pitch network, an index of 100,000 vectors, and a GPU's own runtime.
FIXED_BYTES = 1.5 * GIB
# A vocoder's widest activations take 51 kB a frame in float32, and six of them live at once.
ROW_BYTES_PER_S = 100 * 51_200 * 6
# What is counted on: a card has a screen to draw too, and memory that is shared holds everybody's programs.
SHARE = {"cuda": 0.8, "mps": 0.5}
MOST_ROWS = {"cuda": 16, "mps": 4}
# The CPU takes windows one by one. Half as long as upstream's they cost the same time and 150 MB less.
CPU_SPANS = SpanOptions(x_query=5, x_center=20, x_max=24)
CPU_SPANS_IN_LITTLE_MEMORY = SpanOptions(x_query=3, x_center=10, x_max=13)
LITTLE_BYTES = 4 * GIB


@dataclass(frozen=True)
class Budget:
    """Lengths to cut by, and the windows that are converted at once."""

    spans: SpanOptions
    batch_size: int


def budget_for(kind: str, memory_bytes: float) -> Budget:
    """What suits a device of this kind (cuda, mps, cpu) with so much memory for this process."""
    if kind not in SHARE:
        return Budget(CPU_SPANS_IN_LITTLE_MEMORY if memory_bytes <= LITTLE_BYTES else CPU_SPANS, 1)
    free = memory_bytes * SHARE[kind] - FIXED_BYTES
    spans = SpanOptions.for_memory(memory_bytes)
    rows = int(free / (ROW_BYTES_PER_S * (spans.x_max + 2 * spans.x_pad)))
    if rows < 1:
        spans = CPU_SPANS
    return Budget(spans, max(1, min(rows, MOST_ROWS[kind])))
