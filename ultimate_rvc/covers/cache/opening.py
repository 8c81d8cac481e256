"""Which cache a cover is made with."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from ultimate_rvc import paths
from ultimate_rvc.covers.cache.store import Cache
from ultimate_rvc.covers.cache.upkeep import bound
from ultimate_rvc.options import CoverOptions


@contextmanager
def opened(options: CoverOptions) -> Iterator[Cache]:
    """The cache at its place, kept within its bounds; or one that is thrown away, when nothing is to be kept."""
    kept = paths.cache_dir()
    if options.cache:
        yield Cache(kept)
        bound(kept, options.cache_limit_gb * 1e9)
        return
    folder = kept / f".{uuid4().hex}.run"
    try:
        yield Cache(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
