"""The floors: a module imports its own floor or a lower one; heavy things are imported where they are used."""

import subprocess
import sys
from collections.abc import Callable, Iterable

from tiny.modules import PACKAGE, TREE, Module, modules, room_of

FLOORS = (
    {"", "errors", "options", "options_training", "names"},
    {"paths", "device", "progress", "presets", "download", "weights", "pictures", "telemetry", "audio"},
    {"rvc"},
    {"voices", "covers", "speech", "benchmark"},
    {"warm"},
    # The command line starts the server, which knows nothing of the command line.
    {"serve"},
    {"cli", "web"},
)
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
FRONT_ENDS = FLOORS[-1]

# Never at import. What a front end draws with is its own business; torch is the engine's.
FRONT_END_ONLY = {"gradio", "typer", "click", "rich"}
HEAVY = {
    *("yt_dlp", "faiss", "mlx", "onnxruntime", "coremltools", "transformers", "librosa", "av", "pedalboard"),
    *("noisereduce", "soxr", "soundfile", "swift_f0", "numba", "sklearn", "torchcrepe", "torchfcpe", "torchaudio"),
    *("edge_tts", "tensorboard", "gradio"),
    *("fastapi", "starlette", "uvicorn", "pydantic", "python_multipart", "fastapi_offline"),
    "audio_separator",
}
NETWORK = {"requests", "urllib.request", "http.client", "socket", "huggingface_hub", "httpx", "aiohttp", "edge_tts"}

MODULES = modules()


def _known(imported: Iterable[str], names: set[str]) -> set[str]:
    return {name for name in imported for known in names if f"{name}.".startswith(f"{known}.")}


def _offences(found_in: Callable[[Module], Iterable[str]]) -> list[str]:
    return [f"{module.name}: {found}" for module in MODULES for found in sorted(found_in(module))]


def test_every_module_is_on_a_floor() -> None:
    assert {module.room for module in MODULES} <= set(FLOOR)


def test_a_module_imports_its_own_floor_or_a_lower_one() -> None:
    assert not _offences(_from_above)


def _from_above(module: Module) -> set[str]:
    height = FLOOR[module.room]
    return {name for name in module.imports() if (room := room_of(name)) is not None and FLOOR.get(room, 0) > height}


def test_front_ends_do_not_know_each_other() -> None:
    others = {room: {f"{PACKAGE}.{other}" for other in FRONT_ENDS - {room}} for room in FRONT_ENDS}
    assert not _offences(lambda module: _known(module.imports(), others.get(module.room, set())))


def test_heavy_packages_are_imported_where_they_are_used() -> None:
    assert not _offences(lambda module: _known(module.imports_on_import(), _heavy_for(module.room)))


def _heavy_for(room: str) -> set[str]:
    return HEAVY if room in FRONT_ENDS else HEAVY | FRONT_END_ONLY


def test_torch_is_imported_at_the_top_in_the_engine_only() -> None:
    loaded = {module.name: _known(module.imports_on_import(), {"torch"}) for module in MODULES if module.room != "rvc"}
    assert not _offences(lambda module: loaded.get(module.name, set()))


def test_the_engine_knows_no_front_end_and_no_network() -> None:
    unwanted = FRONT_END_ONLY | NETWORK
    assert not _offences(lambda module: _known(module.imports(), unwanted) if module.room == "rvc" else set())


def _loaded_by(names: Iterable[str], wanted: set[str]) -> set[str]:
    """Which of the wanted packages are loaded in a new process that has imported these modules."""
    imports = "; ".join(f"import {name}" for name in names)
    code = f"import sys; {imports}; print(*sorted({wanted!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=TREE, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_engine_loads_nothing_but_torch() -> None:
    engine = [module.name for module in MODULES if module.room == "rvc"]
    assert _loaded_by(engine, HEAVY | FRONT_END_ONLY | {"torch"}) == {"torch"}


def test_importing_everything_else_loads_no_torch() -> None:
    others = [module.name for module in MODULES if module.room != "rvc"]
    assert _loaded_by(others, HEAVY | {"torch", "scipy"}) == set()
