"""A voice's index: its content features in lists around their centres, in FAISS's format and by RVC's rules.

IVF over flat vectors (Jégou et al. 2011, as FAISS has it): min(16·√N, N/39) lists, of which a search looks into one.
"""

import logging
import subprocess
import sys
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ultimate_rvc.audio.file import replacing
from ultimate_rvc.errors import IndexFileError, InputError
from ultimate_rvc.options_training import IndexOptions
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.info import read_info

if TYPE_CHECKING:
    import faiss

logger = logging.getLogger(__name__)

# More features than this are boiled down to so many centres.
LARGE_ROWS, CENTRES = 200_000, 10_000
# What FAISS wants of each list to train it well.
ROWS_PER_LIST = 39
BATCH_ROWS, ADD_ROWS = 4096, 8192
SEED = 1234


def build_index(experiment: Experiment, options: IndexOptions, on_progress: OnProgress = silent) -> Path:
    """Writes NAME.index of the training's features, and returns its path. The same features give the same bytes.

    Raises InputError without features, IndexFileError when FAISS fails, OutputError.
    """
    folder = features_folder(experiment)
    on_progress(Progress("index", 0, 1))
    (build_apart if must_be_apart() else build)(folder, experiment.index, options)
    on_progress(Progress("index", 1, 1))
    return experiment.index


def build(folder: Path, path: Path, options: IndexOptions) -> None:
    """Writes the index of a folder of features. Raises InputError or OutputError."""
    rows = read_features(folder)
    if len(rows) > LARGE_ROWS and options.index_algorithm != "Faiss":
        logger.info("%d features are boiled down to %d", len(rows), CENTRES)
        rows = centres_of(rows, CENTRES)
    write_index(index_of(rows), path)


def must_be_apart() -> bool:
    """Whether FAISS would crash in this process: on macOS it brings an OpenMP of its own, beside that of torch."""
    return sys.platform == "darwin" and "torch" in sys.modules


def build_apart(folder: Path, path: Path, options: IndexOptions) -> None:
    """`build` in a process of its own. Raises IndexFileError with its last words."""
    command = [sys.executable, "-m", __name__, str(folder), str(path), options.index_algorithm]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise IndexFileError(f"the index {path} could not be made: {last}")


def features_folder(experiment: Experiment) -> Path:
    """Where the features lie that the training's model_info.json names. Raises InputError."""
    info = read_info(experiment)
    encoder = info.get("embedder_model")
    if encoder is None:
        raise InputError(f"training {experiment.name!r} has no features; run 'urvc train extract-features' first")
    own = info.get("custom_embedder_model_hash")
    return experiment.features(f"custom_{own}" if own else encoder)


def read_features(folder: Path) -> np.ndarray:
    """All features [N, D] float32, in an order of chance that is always the same. Raises InputError."""
    files = sorted(folder.glob("*.npy"))
    if not files:
        raise InputError(f"{str(folder)!r} holds no features; run 'urvc train extract-features' first")
    rows = np.concatenate([_array(file) for file in files]).astype(np.float32, copy=False)
    np.random.default_rng(SEED).shuffle(rows)
    return rows


def _array(file: Path) -> np.ndarray:
    try:
        return np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{file} cannot be read ({error}); delete it and extract the features again") from error


def centres_of(rows: np.ndarray, count: int) -> np.ndarray:
    """rows [N, D] → so many centres [count, D] by k-means over small batches (Sculley 2010)."""
    from sklearn.cluster import MiniBatchKMeans

    means = MiniBatchKMeans(count, batch_size=BATCH_ROWS, compute_labels=False, init="random", random_state=SEED)
    return np.ascontiguousarray(means.fit(rows).cluster_centers_, np.float32)


def lists_for(count: int) -> int:
    """How many lists so many rows are sorted into; one at least."""
    return max(1, min(isqrt(256 * count), count // ROWS_PER_LIST))


def index_of(rows: np.ndarray) -> "faiss.IndexIVFFlat":
    """rows [N, D] in lists around their centres."""
    import faiss

    index = faiss.index_factory(rows.shape[1], f"IVF{lists_for(len(rows))},Flat")
    index.nprobe = 1
    index.train(rows)
    for start in range(0, len(rows), ADD_ROWS):
        index.add(rows[start : start + ADD_ROWS])
    return index


def write_index(index: "faiss.Index", path: Path) -> None:
    """Writes the index, whole or not at all. Raises OutputError."""
    import faiss

    with replacing(path) as temporary:
        temporary.write_bytes(faiss.serialize_index(index))


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]), IndexOptions(sys.argv[3]))
