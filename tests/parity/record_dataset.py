"""Records what Ultimate RVC makes of a small dataset, for `test_dataset_parity.py`.

    python tests/parity/record_dataset.py --upstream CHECKOUT/src --commit SHA

Its own slices of a made-up recording in every way to cut and to level, its coarse pitch, its list of what is trained
on, and the shape of its index. Only numbers and names are written: golden/dataset_*.npz.
"""

import argparse
import importlib
import json
import os
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

import numpy as np  # noqa: E402
from scipy.io import wavfile  # noqa: E402
from tiny import sounds  # noqa: E402
from tiny.golden import store  # noqa: E402
from tiny.recordings import RATE_HZ, rehearsal  # noqa: E402

SPARSE = 211
SLICE_NAMES = ("0_0_0", "0_0_1", "0_1_0", "3_2_0")
INDEX_ROWS = (200, 3000)
SEED = 5
# How the recording is cut: rate, way, level, filter.
CASES = {
    "automatic": (40_000, "Automatic", "post", True),
    "automatic_32k": (32_000, "Automatic", "none", False),
    "automatic_pre": (48_000, "Automatic", "pre", True),
    "simple": (40_000, "Simple", "post", True),
    "skip": (32_000, "Skip", "post", True),
}


def stand_in(name: str, **members: Any) -> None:
    """A module that the project imports and this recording does not need."""
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(members)


def project(root: str, name: str) -> types.ModuleType:
    """One of the project's modules, from its own checkout."""
    sys.path.insert(0, root)
    for own in [module for module in sys.modules if module.split(".")[0] == "ultimate_rvc"]:
        if root not in str(getattr(sys.modules[own], "__file__", root)):
            del sys.modules[own]
    for needless in ("wget", "static_sox", "static_sox.run", "static_ffmpeg", "ffmpeg"):
        stand_in(needless)
    stand_in("ultimate_rvc.rvc.lib.predictors.f0", CREPE=None, FCPE=None, RMVPE=None)
    stand_in("ultimate_rvc.rvc.lib.zluda")
    stand_in("ultimate_rvc.typing_extra", AudioExt=None)  # written for a newer Python
    module = importlib.import_module(name)
    assert str(Path(root).resolve()) in str(Path(module.__file__).resolve()), module.__file__
    return module


def record_slices(module: types.ModuleType, case: tuple[int, str, str, bool], folder: Path) -> dict[str, np.ndarray]:
    rate, way, level, filtered = case
    take = sounds.write(folder / "take.wav", rehearsal(), RATE_HZ, "FLOAT")
    worker = module.PreProcess(rate, str(folder / "out"))
    worker.process_audio(str(take), 0, 0, way, filtered, False, 0.7, 3.0, 0.3, level)
    recorded = {}
    for place in ("sliced_audios", "sliced_audios_16k"):
        for path in sorted((folder / "out" / place).glob("*.wav")):
            wav = wavfile.read(path)[1]
            recorded[f"{place}/{path.stem}"] = np.concatenate(([len(wav)], wav[::SPARSE]))
    return recorded


def record_coarse(module: types.ModuleType) -> dict[str, np.ndarray]:
    f0 = np.concatenate(([0.0], np.geomspace(20, 1500, 400))).astype(np.float32)
    return {"f0": f0, "coarse": module.FeatureInput("none").coarse_f0(f0)}


def record_filelist(module: types.ModuleType, folder: Path) -> dict[str, np.ndarray]:
    (folder / "model_info.json").write_text(json.dumps({"sample_rate": 40_000}))
    kinds = {"sliced_audios": ".wav", "contentvec_extracted": ".npy", "f0_rmvpe": ".wav.npy"}
    for kind, suffix in (kinds | {"f0_rmvpe_voiced": ".wav.npy"}).items():
        (folder / kind).mkdir()
        for name in SLICE_NAMES:
            (folder / kind / f"{name}{suffix}").touch()
    module.generate_filelist(str(folder), 2, "rmvpe", "contentvec")
    lines = (folder / "filelist.txt").read_text().replace(str(folder), "@").split("\n")
    mutes = sorted(line.split("|")[-1] for line in lines if "mute" in line)
    return {"lines": np.array(sorted(line for line in lines if "mute" not in line)), "mutes": np.array(mutes)}


def record_configuration(root: str) -> dict[str, np.ndarray]:
    folder = Path(root) / "ultimate_rvc" / "rvc" / "configs"
    return {path.stem: np.array(json.dumps(json.loads(path.read_text()))) for path in folder.glob("*000.json")}


def record_index(module: types.ModuleType, rows: int) -> list[int]:
    import faiss

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "voice"
        (folder / "contentvec_extracted").mkdir(parents=True)
        (folder / "model_info.json").write_text(json.dumps({"embedder_model": "contentvec"}))
        features = np.random.default_rng(SEED).standard_normal((rows, 768), dtype=np.float32)
        np.save(folder / "contentvec_extracted" / "0_0_0.npy", features)
        module.main(str(folder), "Auto")
        index = faiss.read_index(str(folder / "voice.index"))
        return [rows, index.nlist, index.nprobe, index.ntotal, index.d]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upstream", required=True, help="the checkout's src folder")
    parser.add_argument("--commit", required=True, help="what is checked out there")
    given = parser.parse_args()
    at = "ultimate_rvc.rvc.train"
    cutter = project(given.upstream, f"{at}.preprocess.preprocess")
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            write(f"slices_{name}", record_slices(cutter, case, Path(folder)), given, "PreProcess.process_audio")
    extract = project(given.upstream, f"{at}.extract.extract")
    write("coarse", record_coarse(extract), given, "FeatureInput.coarse_f0")
    with tempfile.TemporaryDirectory() as folder:
        lister = project(given.upstream, f"{at}.extract.preparing_files")
        write("filelist", record_filelist(lister, Path(os.path.realpath(folder))), given, "generate_filelist")
    write("configuration", record_configuration(given.upstream), given, "nothing: its three configurations")
    indexer = project(given.upstream, f"{at}.process.extract_index")
    write("index", {"shapes": np.array([record_index(indexer, rows) for rows in INDEX_ROWS])}, given, "extract_index")


def write(name: str, arrays: dict[str, np.ndarray], given: argparse.Namespace, ran: str) -> None:
    store(
        f"dataset_{name}",
        arrays,
        versions=("faiss-cpu", "librosa", "soxr"),
        project="Ultimate RVC 0.6.0",
        commit=given.commit,
        ran=f"{ran}; tests/parity/record_dataset.py",
        seed=SEED,
    )


if __name__ == "__main__":
    main()
