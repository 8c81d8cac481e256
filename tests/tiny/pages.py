"""The page in this process, for tests without a browser, and in its own, for those with one."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tiny.modules import TREE
from ultimate_rvc import options
from ultimate_rvc.web.controls import controls

ADDRESS = "http://127.0.0.1"
PATIENCE_S = 60.0
# Those of a song are in every form of one.
SONG_RECORDS = (
    *(options.PitchOptions, options.EmbedderOptions, options.VoiceOptions, options.SeparationOptions),
    *(options.EffectOptions, options.MixOptions, options.CoverOptions),
)
READY = re.compile(r"The page is at (http://\S+)")


@contextmanager
def client(folder: Path, **listening: Any) -> Iterator[Any]:
    """A client of the page, which runs for as long as the block lasts."""
    from fastapi.testclient import TestClient

    from ultimate_rvc.web.app import Listening, create_app

    app = create_app(folder, Listening(**listening))
    with TestClient(app, base_url=ADDRESS) as one:
        one.app_of_test = app
        yield one


def song_fields(**changed: Any) -> dict[str, Any]:
    """What the fields of a cover hold when nobody has touched them, but for these."""
    every = [one for record in SONG_RECORDS for one in controls(record)]
    return {one.key: changed.get(one.spec.name, one.shown(one.spec.default)) for one in every}


@contextmanager
def server(home: Path, variables: dict[str, str], *words: str) -> Iterator[str]:
    """The address of a page in a process of its own."""
    environment = {**os.environ, **variables, "PYTHONPATH": str(TREE), "RVC_DEVICE": "cpu", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-P", "-m", "ultimate_rvc.web.main", "--listen-port", "0", *words]
    with (home / "page.log").open("w+") as log:
        process = subprocess.Popen(command, cwd=home, env=environment, stderr=log)
        try:
            yield _address(process, home / "page.log")
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def _address(process: subprocess.Popen, log: Path) -> str:
    last = time.monotonic() + PATIENCE_S
    while not (found := READY.search(log.read_text())):
        assert process.poll() is None and time.monotonic() < last, log.read_text()
        time.sleep(0.05)
    return found[1]
