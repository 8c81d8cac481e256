"""Weights that lie in their file, mapped into memory: their pages can leave the process until they are read again.

A page that nobody has written to is the file's own, which the system keeps in its cache as long as it has room. Giving
it up costs nothing, and reading it again takes a hundredth of what computing with it does. Linux only: elsewhere pages
are not counted the same way, and the memory that matters is a GPU's.
"""

import mmap
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from torch import Tensor

# One number for each page of a process, with flags in its upper bits; see Linux's admin-guide/mm/pagemap.
PAGEMAP = Path("/proc/self/pagemap")
ENTRY_BYTES = 8
PRESENT, SWAPPED, OF_A_FILE = (np.uint64(1 << bit) for bit in (63, 62, 61))
MADV_DONTNEED = 4


def let_go(tensors: Iterable[Tensor]) -> None:
    """Gives up the pages of tensors that lie in a file; those that lie in memory, or were written to, keep theirs."""
    if not PAGEMAP.exists():
        return
    with PAGEMAP.open("rb", buffering=0) as pagemap:
        for tensor in tensors:
            start, end = _whole_pages(tensor)
            if start < end and _can_be_read_again(pagemap, start, end):
                _madvise()(start, end - start, MADV_DONTNEED)


def _whole_pages(tensor: Tensor) -> tuple[int, int]:
    """Addresses of the first page that is the tensor's alone, and of the end of the last; of another device, none."""
    if tensor.device.type != "cpu":
        return 0, 0
    held = tensor.untyped_storage()
    start, end = held.data_ptr(), held.data_ptr() + held.nbytes()
    return -(-start // mmap.PAGESIZE) * mmap.PAGESIZE, end // mmap.PAGESIZE * mmap.PAGESIZE


def _can_be_read_again(pagemap: BinaryIO, start: int, end: int) -> bool:
    """Whether something of it is in memory, and all of that as it is in its file."""
    pagemap.seek(start // mmap.PAGESIZE * ENTRY_BYTES)
    entries = np.frombuffer(pagemap.read((end - start) // mmap.PAGESIZE * ENTRY_BYTES), np.uint64)
    here = entries[(entries & PRESENT) != 0]
    return len(here) > 0 and bool((here & OF_A_FILE).all()) and not (entries & SWAPPED).any()


@lru_cache
def _madvise() -> Any:
    import ctypes

    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return madvise
