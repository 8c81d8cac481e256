"""One run: what is measured, by whom, in which scenes, and in which order."""

import os
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ultimate_rvc import __version__
from ultimate_rvc.benchmark import machine, scenes, searches, starts
from ultimate_rvc.benchmark.contenders import THEIRS, Contender, cast, chosen, contenders, scenes_for
from ultimate_rvc.benchmark.materials import Materials, gather
from ultimate_rvc.benchmark.results import Result
from ultimate_rvc.benchmark.rounds import Player, Stage, measure
from ultimate_rvc.benchmark.scenes import Scene
from ultimate_rvc.benchmark.workers import RUNNERS, Program, Worker
from ultimate_rvc.errors import OptionError
from ultimate_rvc.progress import OnProgress, silent

# Room in memory for each process that is kept warm: weights, and what its allocator keeps.
ROOM_BYTES = 2 * 1024**3
# Ultimate RVC's pitch methods; the one that is compared has to be among them.
THEIR_METHODS = ("rmvpe", "crepe", "crepe-tiny", "fcpe")
SHORTEST_S = 1.0


@dataclass(frozen=True)
class Request:
    """What is to be measured. `against` is an Ultimate RVC checkout and `against_python` its interpreter.

    A configuration takes no further turn in a scene once its turns there would take longer than `patience_s`.
    """

    source: Path | None = None
    model: str | None = None
    seconds: tuple[float, ...] = (10.0, 180.0)
    stem: bool = True
    rounds: int = 3
    patience_s: float = 150.0
    only: tuple[str, ...] = ()
    left_out: bool = False
    index_sizes: tuple[int, ...] = ()
    starts: bool = True
    f0_method: str | None = None
    device: str = "auto"
    against: Path | None = None
    against_python: Path = Path(sys.executable)


@dataclass(frozen=True)
class Checkout:
    """An Ultimate RVC checkout: the folder that holds its package, and its version."""

    package_parent: Path
    version: str


def run(request: Request, on_progress: OnProgress = silent) -> Result:
    """Measures. Whatever is wrong with the request is said before the first turn, as one of UrvcError's kinds."""
    checkout = find_checkout(request.against) if request.against else None
    _check(request)
    phrase = scenes.phrase_of(request.source or scenes.example_recording())
    engine = _ask_engine(request.device)
    every = contenders(engine["kind"], left_out=request.left_out, theirs=checkout is not None)
    every = chosen(every, request.only)
    materials = gather(request.model, request.f0_method, on_progress)
    if checkout and materials.method not in THEIR_METHODS:
        raise OptionError(
            f"Ultimate RVC has no pitch method {materials.method!r}; give --f0-method {' or '.join(THEIR_METHODS)}"
        )
    result = _empty(request, engine, every, materials, checkout)
    troupe = _Troupe(request, engine, materials, checkout)
    for scene in result.scenes:
        contending = cast(scene, result.scenes, every, named=bool(request.only))
        result.cells += troupe.play(scene, phrase, contending, on_progress)
    for size in request.index_sizes:
        result.searches += searches.measure(size, engine["device"], request.rounds, on_progress)
    if request.starts:
        result.starts += starts.measure(materials, phrase, request.rounds, request.device, on_progress)
    return result


def find_checkout(path: Path) -> Checkout:
    """The checkout at this path, which may be its top, its `src` or the package itself. Raises OptionError."""
    inside = Path("rvc", "infer", "pipeline.py")
    places = [path / "src" / "ultimate_rvc", path / "ultimate_rvc", path]
    package = next((place.resolve() for place in places if (place / inside).is_file()), None)
    if package is None or package.name != "ultimate_rvc" or (package / "benchmark").is_dir():
        raise OptionError(f"{path} is no Ultimate RVC checkout; there is no src/ultimate_rvc/{inside} in it")
    return Checkout(package.parent, _version_of(package))


def _version_of(package: Path) -> str:
    files = [folder / "pyproject.toml" for folder in package.parents[:2]]
    found = next((file for file in files if file.is_file()), None)
    about = tomllib.loads(found.read_text(encoding="utf-8")) if found else {}
    return str(about.get("project", {}).get("version", "of unknown version"))


def _check(request: Request) -> None:
    if not request.seconds or min(request.seconds) < SHORTEST_S:
        raise OptionError(f"seconds is {min(request.seconds, default=0):g}; it must be {SHORTEST_S:g} or more")
    if request.rounds < 1:
        raise OptionError(f"rounds is {request.rounds}; it must be 1 or more")
    if request.index_sizes and min(request.index_sizes) < searches.FEWEST_VECTORS:
        raise OptionError(
            f"an index of {min(request.index_sizes)} vectors; it must be {searches.FEWEST_VECTORS} or more"
        )
    if request.against and not _is_program(request.against_python):
        raise OptionError(f"{request.against_python} is no program; give the Python that the checkout is installed for")


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _ask_engine(device: str) -> dict[str, Any]:
    """What torch knows; asked in a process of its own, so that this one stays small."""
    worker = Worker(Program(RUNNERS / "workshop.py"))
    try:
        return worker.ask("engine", device=device).value
    finally:
        worker.close()


def _empty(
    request: Request, engine: dict[str, Any], every: list[Contender], materials: Materials, checkout: Checkout | None
) -> Result:
    source = request.source.name if request.source else scenes.EXAMPLE
    settings = {
        "source": source,
        "voice": materials.about,
        "rounds": request.rounds,
        "patience_s": request.patience_s,
        "against": f"Ultimate RVC {checkout.version}" if checkout else None,
    }
    about = {one.name: one.about for one in every}
    return Result(
        __version__, machine.describe(engine), settings, scenes_for(request.seconds, stem=request.stem), about
    )


@dataclass(frozen=True)
class _Troupe:
    """Who plays, with what."""

    request: Request
    engine: dict[str, Any]
    materials: Materials
    checkout: Checkout | None

    def play(self, scene: Scene, phrase: np.ndarray, contending: list[Contender], on_progress: OnProgress) -> list:
        """The cells of one scene."""
        with tempfile.TemporaryDirectory(prefix="urvc-benchmark-") as name:
            folder = Path(name)
            np.save(folder / "scene.npy", scenes.render(scene, phrase))
            stage = Stage(
                scene,
                folder / "scene.npy",
                folder,
                self.request.rounds,
                self.request.patience_s,
                room=int(self.engine["memory_bytes"] // ROOM_BYTES),
                # On a CPU there is no queue to wait for: a profiled turn takes as long as any other.
                profiled=self.engine["kind"] == "cpu",
                compared=len(contending) > 1,
            )
            return measure(stage, [self._player(one) for one in contending], on_progress)

    def _player(self, one: Contender) -> Player:
        voice, variables = self.materials.voice, self.materials.variables
        opening: dict[str, Any] = {"checkpoint": str(voice.checkpoint), "method": self.materials.method}
        opening["index"] = str(voice.index) if voice.index else None
        if one.name == THEIRS and self.checkout:
            opening |= {"encoder": str(self.materials.encoder), "spans": self.engine["spans"]}
            return Player(one.name, self._their_program(variables), opening)
        opening["options"] = {**one.options, "device": self.request.device}
        return Player(one.name, Program(RUNNERS / "line.py", variables=variables), opening)

    def _their_program(self, variables: dict[str, str]) -> Program:
        assert self.checkout
        runner = RUNNERS / "ultimate_rvc_06.py"
        return Program(runner, self.request.against_python, self.checkout.package_parent, variables)
