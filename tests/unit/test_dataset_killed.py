"""A killed step leaves no half file, and the next run ends with what an undisturbed one has."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tiny.modules import TREE
from tiny.recordings import write_dataset

FILES, KILLS = 6, 5
CUT = """
import sys
from pathlib import Path
from scipy import signal
from scipy.io import wavfile
import soxr
from ultimate_rvc.options_training import DatasetOptions
from ultimate_rvc.rvc.train.data.preprocess import preprocess_dataset
from ultimate_rvc.rvc.train.experiment import Experiment
print("ready", flush=True)
preprocess_dataset(Experiment(Path(sys.argv[1])), Path(sys.argv[2]), DatasetOptions(32_000, cpu_cores=2))
"""


def start(experiment: Path, dataset: Path) -> subprocess.Popen:
    """The step in a process of its own, at the moment at which it begins."""
    environment = {**os.environ, "PYTHONPATH": str(TREE)}
    command = [sys.executable, "-c", CUT, str(experiment), str(dataset)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    return process


def slices(experiment: Path) -> dict[str, bytes]:
    files = sorted(experiment.glob("sliced*/*"))
    return {str(path.relative_to(experiment)): path.read_bytes() for path in files}


def test_a_killed_run_is_finished_by_the_next(tmp_path: Path) -> None:
    dataset, draw = write_dataset(tmp_path / "takes", FILES), random.Random(1)
    begun = time.monotonic()
    assert start(tmp_path / "whole", dataset).wait() == 0
    lasts_s, expected = time.monotonic() - begun, slices(tmp_path / "whole")
    for _ in range(KILLS):
        process = start(tmp_path / "killed", dataset)
        time.sleep(draw.random() * 0.3 * lasts_s)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for name, content in slices(tmp_path / "killed").items():
            assert ".part" in name or content == expected[name]
    assert start(tmp_path / "killed", dataset).wait() == 0
    assert slices(tmp_path / "killed") == expected
