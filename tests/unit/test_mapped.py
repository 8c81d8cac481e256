"""Pages of weights that lie in their file leave the process, and nothing that is held is lost by it."""

import mmap
from pathlib import Path

import numpy as np
import pytest
import torch

from ultimate_rvc.rvc import mapped
from ultimate_rvc.rvc.mapped import PAGEMAP, let_go

NUMBERS = 1 << 20
pytestmark = pytest.mark.skipif(not PAGEMAP.exists(), reason="only Linux says where pages lie")


@pytest.fixture
def weights(tmp_path: Path) -> torch.Tensor:
    """4 MB that lie in their file, all of them read once."""
    torch.save({"weight": torch.arange(NUMBERS, dtype=torch.float32)}, tmp_path / "weights.pt")
    held = torch.load(tmp_path / "weights.pt", mmap=True, weights_only=True)["weight"]
    held.sum()
    return held


def pages_here(tensor: torch.Tensor) -> int:
    start, end = mapped._whole_pages(tensor)
    with PAGEMAP.open("rb", buffering=0) as pagemap:
        pagemap.seek(start // mmap.PAGESIZE * 8)
        entries = np.frombuffer(pagemap.read((end - start) // mmap.PAGESIZE * 8), np.uint64)
    return int(((entries & mapped.PRESENT) != 0).sum())


def test_pages_of_a_file_leave_and_come_back(weights: torch.Tensor) -> None:
    assert pages_here(weights) > 1000
    let_go([weights])
    assert pages_here(weights) == 0
    assert torch.equal(weights, torch.arange(NUMBERS, dtype=torch.float32))


def test_a_weight_that_was_changed_keeps_its_change(weights: torch.Tensor) -> None:
    weights[NUMBERS // 2] = -1.0
    let_go([weights])
    assert weights[NUMBERS // 2] == -1.0


def test_memory_that_is_no_files_is_left_alone() -> None:
    held = torch.arange(NUMBERS, dtype=torch.float32)
    let_go([held, torch.zeros(3), torch.empty(0), torch.empty(NUMBERS, device="meta")])
    assert torch.equal(held, torch.arange(NUMBERS, dtype=torch.float32))
    assert pages_here(held) > 1000


def test_where_pages_cannot_be_seen_nothing_is_done(weights: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "PAGEMAP", Path("/nowhere/pagemap"))
    let_go([weights])
    assert pages_here(weights) > 1000
