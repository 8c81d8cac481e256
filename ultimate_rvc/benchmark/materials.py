"""What a run works with: a voice, its index, an encoder and a pitch method; the user's own, or random ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ultimate_rvc import paths, weights
from ultimate_rvc.benchmark.workers import RUNNERS, Program, Worker
from ultimate_rvc.progress import OnProgress
from ultimate_rvc.voices import VoiceFiles, find_voice

# Part of the folder's name; a new number where the models are made differently.
EDITION = 2
RANDOM = "random"


@dataclass(frozen=True)
class Materials:
    """Files of a run, and the variables with which every process finds them."""

    voice: VoiceFiles
    models: Path
    method: str

    @property
    def variables(self) -> dict[str, str]:
        """For our own processes and for those of Ultimate RVC, which has the same folders."""
        return {
            "URVC_MODELS_DIR": str(self.models),
            "URVC_NO_LOGGING": "1",
            "TRANSFORMERS_VERBOSITY": "error",
            "TOKENIZERS_PARALLELISM": "false",
        }

    @property
    def encoder(self) -> Path:
        """The content encoder's folder."""
        return self.models / "rvc" / "embedders" / "contentvec"

    @property
    def about(self) -> str:
        """In words."""
        index = self.voice.index.name if self.voice.index else "no index"
        return f"{self.voice.checkpoint.name}, {index}, pitch by {self.method}"


def gather(model: str | None, method: str | None, on_progress: OnProgress) -> Materials:
    """The named voice with this machine's encoder and pitch weights; without a name, random ones of full size.

    The pitch method is rmvpe where its weights are there, else 'auto'. Raises what a missing voice or encoder raises.
    """
    if model is None:
        home = random_home()
        make(home, lambda worker, folder: worker.ask("models", folder=str(folder)))
        checkpoint = home / "voice_models" / RANDOM / f"{RANDOM}.pth"
        index = next(checkpoint.parent.glob("*.index"))
        return Materials(VoiceFiles(RANDOM, checkpoint, index), home / "models", method or "rmvpe")
    voice = find_voice(model)
    weights.ensure("contentvec", on_progress)
    if method in weights.CATALOGUE:
        weights.ensure(method, on_progress)
    has_rmvpe = (paths.predictors_dir() / "rmvpe.pt").is_file()
    return Materials(voice, paths.models_dir(), method or ("rmvpe" if has_rmvpe else "auto"))


def random_home() -> Path:
    """Where random models are kept for the next run."""
    return workplace() / f"random-models-{EDITION}"


def workplace() -> Path:
    """What may be deleted at any time."""
    return paths.temp_dir().absolute() / "benchmark"


def random_index(path: Path, vectors: int) -> Path:
    """Writes a random index of so many vectors."""
    make(path, lambda worker, unfinished: worker.ask("index", path=str(unfinished), vectors=vectors))
    return path


def make(target: Path, work: Callable[[Worker, Path], object]) -> None:
    """Makes a file or folder in a process of its own, unless it is there; it gets its name when it is whole."""
    if target.exists():
        return
    unfinished = target.with_name(f"{target.name}.part")
    worker = Worker(Program(RUNNERS / "workshop.py"))
    try:
        work(worker, unfinished)
    finally:
        worker.close()
    unfinished.replace(target)
