"""Covers that are killed: a process that starts copies of itself, each making the same cover, and ends some of them.

    python kills.py HOME killed SEED TIMES SOURCE VOICE SEPARATED     at so many random moments, spread over the whole
    python kills.py HOME together SEED TIMES SOURCE VOICE SEPARATED   so many at once

HOME holds the models and voices as `tiny.home` furnishes them; URVC_* variables point into it. SEPARATED is 1 to take
the song apart first. Prints a record as JSON. Copies are forked, so that nothing is imported again.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from tiny import fakes
from ultimate_rvc.covers import cover
from ultimate_rvc.covers.cache.contents import sha256_of
from ultimate_rvc.covers.cover import CoverRequest, make_cover
from ultimate_rvc.options import ConversionOptions, CoverOptions, MixOptions, OptimizationConfig, PitchOptions
from ultimate_rvc.progress import silent

# Behind a step of the progress, a copy goes on for up to so long before it is killed.
MORE_S = 0.03


def request_for(source: str, voice: str) -> CoverRequest:
    """A cover with every stage in it."""
    singing = ConversionOptions(PitchOptions(f0_method=("swift",), n_semitones=1))
    mixed = MixOptions(output_format="wav")
    return CoverRequest(voice, source, singing=singing, mix=mixed, cover=CoverOptions(convert_backup=True))


def sing(request: CoverRequest, audio: Path, noted_in: Path, told: int | None = None) -> None:
    """One cover, into this audio folder; every step of its progress is a byte into the pipe `told`."""
    from ultimate_rvc.rvc.infer.infer import VoiceConverter

    os.environ["URVC_AUDIO_DIR"] = str(audio)
    if SEPARATED:
        cover.steps_for = lambda *_: fakes.two_steps(noted_in)
    tell = silent if told is None else lambda _: os.write(told, b".")
    make_cover(request, lambda on_progress: VoiceConverter(OptimizationConfig(device="cpu"), on_progress), tell)


def preload() -> None:
    """Everything that a cover imports when it is needed; starts no threads."""
    libraries = ("scipy.signal", "filelock", "soxr", "soundfile", "pedalboard", "swift_f0", "faiss")
    for name in ("ultimate_rvc.rvc.infer.infer", *libraries):
        import_module(name)


def start(work: Callable[[], None]) -> int:
    """The work in a copy of this process; its id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def finish(child: int) -> None:
    """Waits for the copy to end well."""
    assert os.waitpid(child, 0)[1] == 0, "a copy failed"


def kill_after(steps: int, more_s: float, work: Callable[[int], None]) -> tuple[bool, int]:
    """Ends a copy so many steps and seconds after its start; whether it was still at work, and the steps it took."""
    heard, told = os.pipe()
    child = start(lambda: work(told))
    os.close(told)
    taken = 0
    while taken < steps and os.read(heard, 1):
        taken += 1
    time.sleep(more_s)
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    os.close(heard)
    return status == signal.SIGKILL, taken


def written(audio: Path) -> dict[str, str]:
    """Hash of every file that people see."""
    files = [path for path in audio.rglob("*") if path.is_file() and "cache" not in path.relative_to(audio).parts]
    return {str(path.relative_to(audio)): sha256_of(path) for path in sorted(files)}


def left(audio: Path) -> list[str]:
    """What a killed process left half-written where people look."""
    return [name for name in written(audio) if ".part" in name]


def killed(home: Path, seed: int, times: int, request: CoverRequest) -> dict:
    """Kills copies at random moments, one in each part of the time that a cover takes, and lets each be repeated."""
    whole = home / "undisturbed"
    finish(start(lambda: sing(request, whole, home / "notes")))
    _, steps = kill_after(sys.maxsize, 0, lambda told: sing(request, home / "counted", home / "notes", told))
    expected, draw, repeats = written(whole), random.Random(seed), []
    for turn in range(times):
        audio, step = home / f"killed{turn}", (turn + draw.random()) / times * steps
        work = partial(sing, request, audio, home / "notes")
        at_work, _ = kill_after(int(step), draw.random() * MORE_S, work)
        entries = len(list((audio / "cache").glob("*/manifest.json")))
        finish(start(work))
        same = {name: hash_ for name, hash_ in written(audio).items() if ".part" not in name} == expected
        repeats.append({"step": step, "killed": at_work, "entries": entries, "same": same})
        shutil.rmtree(audio)
    return {"steps": steps, "files": sorted(expected), "repeats": repeats}


def together(home: Path, seed: int, times: int, request: CoverRequest) -> dict:
    """Starts copies at once on the same song and the same cache."""
    audio, notes = home / "together", home / "notes"
    children = [start(lambda: sing(request, audio, notes)) for _ in range(times)]
    failed = [child for child in children if os.waitpid(child, 0)[1]]
    runs = notes.read_text().split() if notes.exists() else []
    return {"failed": len(failed), "separations": runs, "files": written(audio)}


if __name__ == "__main__":
    preload()
    folder, way, *numbers, song, singer, separated = sys.argv[1:]
    SEPARATED = separated == "1"
    ways = {"killed": killed, "together": together}
    sys.stdout.write(json.dumps(ways[way](Path(folder), *map(int, numbers), request_for(song, singer))))
