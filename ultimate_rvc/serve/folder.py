"""The server's own folder below `paths.temp_dir()`: there while it runs, and gone afterwards, also after a crash."""

import logging
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from ultimate_rvc import paths
from ultimate_rvc.errors import OutputError

logger = logging.getLogger(__name__)

PREFIX = "serve-"
LOCK = "lock"


class Folder:
    """Entered: the path of a new folder that only this user can read. Folders whose server is gone are removed."""

    def __init__(self, prefix: str = PREFIX) -> None:
        self._prefix, self._held = prefix, ExitStack()

    def __enter__(self) -> Path:
        from filelock import FileLock

        root = paths.temp_dir()
        try:
            root.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(root, self._prefix)
            folder = Path(tempfile.mkdtemp(prefix=self._prefix, dir=root))
        except OSError as error:
            raise OutputError(f"cannot write into {root}: {error.strerror}; see URVC_TEMP_DIR") from error
        self._held.callback(shutil.rmtree, folder, ignore_errors=True)
        self._held.enter_context(FileLock(folder / LOCK, timeout=0))
        return folder

    def __exit__(self, kind: type | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._held.close()


def _remove_abandoned(root: Path, prefix: str) -> None:
    """Removes the folders of servers that were killed: nobody holds their locks any more."""
    from filelock import FileLock, Timeout

    for folder in root.glob(f"{prefix}*"):
        if not (folder / LOCK).is_file():  # it is just being made
            continue
        try:
            with FileLock(folder / LOCK, timeout=0):
                logger.info("Removing %s, which a server has left behind", folder)
        except Timeout:
            logger.debug("The server of %s is alive", folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
