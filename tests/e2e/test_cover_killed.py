"""A cover survives whatever happens to its process: killed and repeated, or made by two at once, it is the same."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny import home as homes
from tiny import kills

SEED, TIMES = 4, 10
# Four stems, two voices, effects, the music in its key, and the cover.
FILES = 9
TESTS = Path(kills.__file__).parents[1]


def _covers(folder: Path, way: str, times: int) -> dict[str, Any]:
    environ = {**os.environ, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}", "OMP_NUM_THREADS": "1"}
    words = [kills.__file__, str(folder), way, str(SEED), str(times), "song.wav", homes.VOICE, "1"]
    done = subprocess.run([sys.executable, *words], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment_and_repeated_it_is_the_same(home: Path) -> None:
    found = _covers(home, "killed", TIMES)
    assert len(found["files"]) == FILES
    assert [turn["same"] for turn in found["repeats"]] == [True] * TIMES
    # Most were killed at work, at many stages.
    assert sum(turn["killed"] for turn in found["repeats"]) >= TIMES - 2
    assert len({turn["entries"] for turn in found["repeats"]}) >= 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_at_once_make_one_cover_and_no_stage_twice(home: Path) -> None:
    found = _covers(home, "together", 2)
    assert found["failed"] == 0
    assert found["separations"] == ["music", "backup"]
    alone = _covers(home / "alone", "together", 1)
    assert found["files"] == alone["files"] and len(found["files"]) == FILES
