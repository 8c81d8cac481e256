"""Weights that lie in their file, mapped into memory: their pages can leave the process until they are read again.

A page that nobody has written to is the file's own, which the system keeps in its cache as long as it has room. Giving
it up costs nothing, and reading it again takes a hundredth of what computing with it does. Linux only: elsewhere pages
are not counted the same way, and the memory that matters is a GPU's.
"""

import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from torch import Tensor

MADV_DONTNEED = 4


def let_go(tensors: Iterable[Tensor]) -> None:
    """Gives up the pages of the files that these tensors lie in; tensors that lie in no file keep theirs."""
    if not sys.platform.startswith("linux"):
        return
    places = [tensor.data_ptr() for tensor in tensors if tensor.device.type == "cpu"]
    for start, end in _file_mappings():
        if any(start <= place < end for place in places):
            _madvise()(start, end - start, MADV_DONTNEED)


def _file_mappings() -> Iterator[tuple[int, int]]:
    """From where to where files are mapped of which this process has not changed a byte: those can be read again."""
    mapping = None
    with open("/proc/self/smaps", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            word, *rest = line.split(maxsplit=5)
            if not word.endswith(":"):
                is_file = len(rest) == 5 and rest[4].startswith("/") and "x" not in rest[0]
                mapping = tuple(int(border, 16) for border in word.split("-")) if is_file else None
            elif word == "Anonymous:" and mapping and rest[0] == "0":
                yield mapping


@lru_cache
def _madvise() -> Any:
    import ctypes

    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return madvise
