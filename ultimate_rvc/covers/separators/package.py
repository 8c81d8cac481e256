"""The one place that knows audio-separator from inside (0.47).

Its defaults are made for a command line: it starts the ffmpeg program, writes stems to files after making loud ones
quieter, downloads straight to a file's final name, logs, draws bars, takes whatever GPU is there and switches warnings
off. Here stems are taken as they are computed, downloads go through `download`, and everything else is left alone.
"""

import hashlib
import logging
import random
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np

from ultimate_rvc import device, paths, telemetry
from ultimate_rvc.download import Wanted, download, holds_something
from ultimate_rvc.errors import DownloadError, ModelError, OptionError, UrvcError, WeightsNotFound
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.weights import offline_switch

PACKAGE = "audio-separator"
HOW_TO_INSTALL = "./urvc-macos.sh install --separation"
SEGMENT_FRAMES = 256
# Memory of a GPU that one more segment at once is worth, and where more of them stop being faster.
BYTES_PER_SEGMENT = 4 * 1024**3
MOST_AT_ONCE = 8
# Demucs shifts the track by random times; the same ones in every call.
SEED = 0
LONGEST_REASON = 300
# Where the Demucs architecture draws its bar.
DEMUCS = "audio_separator.separator.uvr_lib_v5.demucs.apply"


@dataclass(frozen=True)
class Settings:
    """How a model is run. `segment` and `batch` of 0 follow the model and the device."""

    device: str = "auto"
    segment: int = 0
    batch: int = 0
    denoises: bool = False


@dataclass(frozen=True)
class Job:
    """A model, the wav at 44.1 kHz that it is to take apart, and what that is called in progress."""

    model: str
    track: str
    stage: str
    settings: Settings


@dataclass(frozen=True)
class Files:
    """Everything on disk that a model consists of, and the parameters that the package knows it by."""

    weights: tuple[Path, ...]
    parameters: str

    def digest(self) -> str:
        """A hash of every byte and of the parameters."""
        whole = hashlib.sha256(self.parameters.encode())
        for path in self.weights:
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        return whole.hexdigest()


def installed() -> bool:
    """Whether the package is here; it is not imported for that."""
    return util.find_spec("audio_separator") is not None


def version() -> str:
    """The package's name and version. Raises ModelError where it is not installed."""
    try:
        return f"{PACKAGE} {metadata.version(PACKAGE)}"
    except metadata.PackageNotFoundError as error:
        raise _not_installed() from error


def on_disk(model: str) -> bool:
    """Whether the model's own file lies in `paths.separators_dir()`."""
    return (paths.separators_dir() / model).is_file()


def fetch(model: str, on_progress: OnProgress = silent) -> Files:
    """Downloads what is missing of a model, and says what it consists of.

    Raises OptionError for a model that the package does not know, WeightsNotFound when offline, DownloadError.
    """
    with _quietly():
        tool = _tool(on_progress, info_only=True)
        return _fetched(tool, model)


def stems_of(job: Job, on_progress: OnProgress = silent) -> Mapping[str, np.ndarray]:
    """The model's stems [2, N] by the names that it has for them, as loud as in the track.

    The track must peak at 1: MDX models multiply their stem by it. Raises what `fetch` raises, or ModelError.
    """
    chosen = device.choose(job.settings.device)
    with _quietly(), _same_luck():
        tool = _tool(on_progress, output_dir=str(Path(job.track).parent), **_settings(job.settings, chosen))
        _put_on(tool, chosen)
        _fetched(tool, job.model)
        with _as_model_error(job.model):
            tool.load_model(job.model)
            return _computed(tool, job, on_progress)


def _computed(tool: Any, job: Job, on_progress: OnProgress) -> Mapping[str, np.ndarray]:
    """What the loaded model computes, caught where it would be normalised and written."""
    stems: dict[str, np.ndarray] = {}

    def keep(_: str, source: np.ndarray, name: str) -> dict[str, np.ndarray]:
        stems[name] = np.array(source.T, np.float32)
        return {name: source}

    network = tool.model_instance
    network.final_process = keep
    network.normalization_threshold = np.inf
    on_progress(Progress(job.stage, 0, 1))
    with _bars_as_progress(type(network).__module__, job.stage, on_progress):
        tool.separate(job.track)
    on_progress(Progress(job.stage, 1, 1))
    return stems


def _settings(settings: Settings, chosen: device.Device) -> dict[str, Any]:
    """The package's own arguments: what its defaults are, but for segment, batch and precision."""
    batch = settings.batch or batch_for(chosen)
    segment = settings.segment or SEGMENT_FRAMES
    return {
        "use_autocast": chosen.kind == "cuda",
        "mdx_params": {
            "hop_length": 1024,
            "segment_size": segment,
            "overlap": 0.25,
            "batch_size": batch,
            "enable_denoise": settings.denoises,
        },
        "vr_params": {
            "batch_size": batch,
            "window_size": 512,
            "aggression": 5,
            "enable_tta": False,
            "enable_post_process": False,
            "post_process_threshold": 0.2,
            "high_end_process": False,
        },
        "mdxc_params": {
            "segment_size": segment,
            "override_model_segment_size": bool(settings.segment),
            "batch_size": batch,
            "overlap": None,
            "pitch_shift": 0,
        },
    }


def batch_for(chosen: device.Device) -> int:
    """Segments at once: one on the CPU, whose cores a single one keeps busy; on a GPU as its memory allows."""
    if chosen.kind == "cpu":
        return 1
    return int(min(MOST_AT_ONCE, max(1, chosen.memory_bytes // BYTES_PER_SEGMENT)))


def _put_on(tool: Any, chosen: device.Device) -> None:
    """The chosen device, which need not be the one that the package would take."""
    import onnxruntime

    wanted = {"cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}.get(chosen.kind)
    there = wanted in onnxruntime.get_available_providers()
    tool.torch_device = chosen.torch
    tool.onnx_execution_provider = [wanted if there else "CPUExecutionProvider"]


def _tool(on_progress: OnProgress, **settings: Any) -> Any:
    """The package's Separator, with our downloads and without its search for ffmpeg."""
    telemetry.switch_off()
    try:
        from audio_separator.separator import Separator
    except ImportError as error:
        raise _not_installed() from error

    class Tool(Separator):
        def check_ffmpeg_installed(self) -> None:
            """Nothing is read or written by it."""

        def download_file_if_not_exists(self, url: str, output_path: str) -> None:
            self.files.append(Path(output_path))
            _download(url, Path(output_path), on_progress)

    folder = paths.separators_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with _as_model_error(PACKAGE):
        tool = Tool(log_level=logging.CRITICAL, model_file_dir=str(folder), normalization_threshold=1.0, **settings)
    # A variable of its own would go before.
    tool.model_file_dir = str(folder)
    tool.files = []
    return tool


def _fetched(tool: Any, model: str) -> Files:
    try:
        path, yaml = tool.download_model_files(model)[3:5]
        parameters = "" if yaml or path.endswith(".yaml") else str(tool.load_model_data_using_hash(path))
    except _NotThere as error:
        raise DownloadError(str(error)) from error
    except ValueError as error:
        raise OptionError(f"{error}; see which there are with 'audio-separator --list_models'") from error
    weights = dict.fromkeys(file for file in tool.files if file.suffix != ".json" and holds_something(file))
    return Files(tuple(weights), parameters)


class _NotThere(RuntimeError):
    """What the package expects when one of its addresses has no such file; it then tries another."""


def _download(url: str, target: Path, on_progress: OnProgress) -> None:
    if target.is_file():
        return
    if switch := offline_switch():
        raise WeightsNotFound(f"{target} is missing, and {switch} forbids downloads; unset it, or put {url} there")
    try:
        download(Wanted(url, target, f"download {target.name}"), on_progress)
    except DownloadError as error:
        raise _NotThere(str(error)) from error


@contextmanager
def _bars_as_progress(module: str, stage: str, on_progress: OnProgress) -> Iterator[None]:
    """The bars that an architecture would draw on the terminal, told as progress instead."""
    places = [sys.modules[name] for name in (module, DEMUCS) if hasattr(sys.modules.get(name), "tqdm")]
    kept = [place.tqdm for place in places]
    bar = _bar(stage, on_progress)
    for place in places:
        # Demucs says tqdm.tqdm, all others tqdm.
        place.tqdm = bar
    try:
        yield
    finally:
        for place, own in zip(places, kept, strict=True):
            place.tqdm = own


def _bar(stage: str, on_progress: OnProgress) -> Any:
    def bar(items: Any, **_: Any) -> Iterator[Any]:
        total = len(items)
        for done, item in enumerate(items):
            on_progress(Progress(stage, done, total))
            yield item

    bar.tqdm = bar  # type: ignore[attr-defined]
    return bar


@contextmanager
def _quietly() -> Iterator[None]:
    """Nothing that the package changes in the process outlives this: its logger's handlers, warnings' filters."""
    root = logging.getLogger("audio_separator")
    before = list(root.handlers)
    root.addHandler(logging.NullHandler())
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        root.handlers[:] = before


@contextmanager
def _same_luck() -> Iterator[None]:
    state = random.getstate()
    random.seed(SEED)
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def _as_model_error(what: str) -> Iterator[None]:
    """The package raises whatever it meets; people get one line."""
    try:
        yield
    except UrvcError:
        raise
    except ImportError as error:
        raise ModelError(f"{PACKAGE} lacks something ({error}); install it again: {HOW_TO_INSTALL}") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
        advice = f"choose another model; if its file in {paths.separators_dir()} may be damaged, delete it"
        raise ModelError(f"{what} failed ({reason}); {advice}") from error


def _not_installed() -> ModelError:
    return ModelError(f"models that take songs apart need {PACKAGE}: {HOW_TO_INSTALL}, or use --separator classical")
