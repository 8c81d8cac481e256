"""Voices from the web into the library: fetched whole into a folder that survives, then imported like any file.

voices/.downloads/HASH-OF-THE-ADDRESS/NAME      and NAME.part while it arrives, which the next attempt resumes
"""

import hashlib
import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from ultimate_rvc import paths
from ultimate_rvc.download import Wanted, download
from ultimate_rvc.errors import DownloadError, ModelError
from ultimate_rvc.names import safe_name
from ultimate_rvc.progress import OnProgress, silent
from ultimate_rvc.voices.importing import Imported, check_name, import_voice, refuse_taken
from ultimate_rvc.voices.links import Remote, resolve
from ultimate_rvc.voices.staging import without_folders
from ultimate_rvc.weights import offline_switch

logger = logging.getLogger(__name__)

DOWNLOADS = ".downloads"
MOST_BYTES = 4 * 1024**3
# After this what arrived of a download that nobody went on with is given up.
FORGOTTEN_AFTER_S = 7 * 24 * 3600.0
ADDRESS_DIGITS = 16


def download_voice(
    links: Sequence[str], *, name: str | None = None, overwrite: bool = False, on_progress: OnProgress = silent
) -> Imported:
    """Fetches one voice and imports it; several links are its parts, such as checkpoint and index.

    Raises DownloadError (what arrived is kept and resumed by the next attempt), and what `import_voice` raises; files
    that turn out to be no voice are not kept.
    """
    _refuse_offline(links)
    if name is not None:
        check_name(name)
        if not overwrite:
            refuse_taken(name)
    offers = [resolve(link) for link in links]
    _forget_old()
    files = [_fetch(file, on_progress) for offer in offers for file in offer.files]
    called = [other for offer in offers for other in offer.names]
    try:
        imported = import_voice(files, name=name, overwrite=overwrite, also_called=called, on_progress=on_progress)
    except ModelError as error:
        _throw_away(files)
        raise without_folders(error, *(file.parent for file in files)) from error
    _throw_away(files)
    return imported


def _refuse_offline(links: Sequence[str]) -> None:
    switch = offline_switch()
    if switch:
        raise DownloadError(f"{' '.join(links)} is not fetched: {switch} forbids the network; unset it")


def _fetch(file: Remote, on_progress: OnProgress) -> Path:
    folder = _downloads() / hashlib.sha256((file.key or file.url).encode()).hexdigest()[:ADDRESS_DIGITS]
    name = safe_name(file.name)
    remedy = "download it in a browser and use 'urvc models import'"
    wanted = Wanted(file.url, folder / name, f"download {name}", file.sha256, MOST_BYTES, remedy)
    return download(wanted, on_progress)


def _downloads() -> Path:
    return paths.voice_dirs()[0] / DOWNLOADS


def _throw_away(files: Sequence[Path]) -> None:
    for folder in {file.parent for file in files if file.parent.is_dir()}:
        shutil.rmtree(folder)


def _forget_old() -> None:
    now = time.time()
    for folder in _downloads().glob("*/"):
        newest = max((path.stat().st_mtime for path in (folder, *folder.iterdir())), default=now)
        if now - newest > FORGOTTEN_AFTER_S:
            logger.info("%s is given up: nobody went on with it", folder)
            shutil.rmtree(folder)
