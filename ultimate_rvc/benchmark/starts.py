"""What people wait for who start a command: from the process to its file."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ultimate_rvc.audio.file import Audio, save
from ultimate_rvc.benchmark import scenes
from ultimate_rvc.benchmark.materials import Materials
from ultimate_rvc.benchmark.results import FAILED, Start
from ultimate_rvc.benchmark.scenes import RATE_HZ, VOICE, Scene
from ultimate_rvc.benchmark.workers import Program
from ultimate_rvc.progress import OnProgress, Progress

CLIP_S = 10.0
COMMAND = (sys.executable, "-P", "-m", "ultimate_rvc.cli.main")
STAGE = "starts"


def measure(materials: Materials, phrase: np.ndarray, rounds: int, device: str, on_progress: OnProgress) -> list[Start]:
    """`urvc --help`, and a cover of ten seconds by `urvc generate song-cover`, each started `rounds` times."""
    with tempfile.TemporaryDirectory(prefix="urvc-benchmark-") as name:
        folder = Path(name)
        clip = save(Audio(scenes.render(Scene(VOICE, CLIP_S), phrase), RATE_HZ), folder / "clip.wav")
        environment = _environment(materials, folder, device)
        cover = ["generate", "song-cover", "--source", str(clip), "--model", str(materials.voice.checkpoint)]
        cover += ["--separator", "none", "--f0-method", materials.method, "--no-cache", "--quiet"]
        commands = {"urvc --help": ["--help"], f"a cover of {CLIP_S:g} s, start to file": cover}
        found = [Start(name, f"urvc {' '.join(words[:2])}") for name, words in commands.items()]
        for number in range(rounds):
            on_progress(Progress(STAGE, number, rounds))
            for start, words in zip(found, commands.values(), strict=True):
                _time(start, words, environment)
    on_progress(Progress(STAGE, rounds, rounds))
    return found


def _environment(materials: Materials, folder: Path, device: str) -> dict[str, str]:
    places = {"URVC_AUDIO_DIR": str(folder / "audio"), "URVC_TEMP_DIR": str(folder), "RVC_DEVICE": device}
    return {**Program(Path()).environment(), **materials.variables, **places}


def _time(start: Start, words: list[str], environment: Mapping[str, str]) -> None:
    if start.reason:
        return
    clock = time.perf_counter()
    done = subprocess.run(
        [*COMMAND, *words],
        env=environment,
        capture_output=True,
        text=True,
    )
    start.seconds.append(time.perf_counter() - clock)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["without a word"]
        start.status, start.reason = FAILED, f"ended with {done.returncode}: {said[-1]}"
