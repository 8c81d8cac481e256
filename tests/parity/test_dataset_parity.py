"""Slices, pitch, lists, configurations and indexes against what Ultimate RVC makes of the same recordings."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from parity.record_dataset import CASES, SLICE_NAMES, SPARSE
from scipy.io import wavfile
from tiny import sounds
from tiny.recordings import RATE_HZ, rehearsal

from ultimate_rvc.audio.file import load
from ultimate_rvc.options_training import DatasetOptions
from ultimate_rvc.rvc.pitch.contour import quantise
from ultimate_rvc.rvc.train.data.preprocess import preprocess_dataset
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.features.filelist import Lists, write_filelist
from ultimate_rvc.rvc.train.hyperparameters import configuration
from ultimate_rvc.rvc.train.index import lists_for

GOLDEN = Path(__file__).parent / "golden"
# Of full scale, -100 dB. Here the filter is a row of sections, there one fraction of order 5, which rounds by 2e-6.
SAMPLE_ATOL = 1e-5
# librosa rounds a slice's length at 16 kHz up, the engine to the nearest.
LENGTH_SAMPLES = 1


def golden(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"dataset_{name}.npz") as arrays:
        return dict(arrays)


def sliced(folder: Path, case: tuple[int, str, str, bool]) -> Experiment:
    rate, way, level, filtered = case
    sounds.write(folder / "takes" / "take.wav", rehearsal(), RATE_HZ, "FLOAT")
    options = DatasetOptions(rate, level, filtered, split_method=way)
    preprocess_dataset(Experiment(folder / "out"), folder / "takes", options)
    return Experiment(folder / "out")


@pytest.mark.parametrize("name", CASES)
def test_the_slices(name: str, tmp_path: Path) -> None:
    (tmp_path / "takes").mkdir()
    recorded, experiment = golden(f"slices_{name}"), sliced(tmp_path, CASES[name])
    written = {f"{path.parent.name}/{path.stem}" for path in experiment.folder.glob("sliced_audios*/*.wav")}
    assert written == set(recorded)
    for place, (length, *samples) in recorded.items():
        rate, wav = wavfile.read(experiment.folder / f"{place}.wav")
        assert rate == (16_000 if "16k" in place else CASES[name][0]) and wav.dtype == np.float32
        assert abs(len(wav) - length) <= LENGTH_SAMPLES
        assert np.allclose(wav[::SPARSE][: len(samples)], samples, rtol=0, atol=SAMPLE_ATOL)


def test_the_coarse_pitch() -> None:
    recorded = golden("coarse")
    coarse = quantise(torch.from_numpy(recorded["f0"])).numpy()
    assert coarse.dtype == recorded["coarse"].dtype and np.array_equal(coarse, recorded["coarse"])


def test_the_list_of_what_is_trained_on(tmp_path: Path) -> None:
    recorded, lists = golden("filelist"), Lists(Experiment(tmp_path), "rmvpe", "contentvec")
    write_filelist(lists, SLICE_NAMES, "mute", 2)
    lines = lists.experiment.filelist.read_text().replace(str(tmp_path.resolve()), "@").split("\n")
    assert sorted(line for line in lines if "mute" not in line) == recorded["lines"].tolist()
    assert sorted(line.split("|")[-1] for line in lines if "mute" in line) == recorded["mutes"].tolist()


@pytest.mark.parametrize("rate", [32_000, 40_000, 48_000])
def test_the_configuration(rate: int) -> None:
    assert configuration(rate, 768) == json.loads(str(golden("configuration")[str(rate)]))


def test_the_number_of_lists() -> None:
    for rows, lists, nprobe, total, width in golden("index")["shapes"].tolist():
        assert (lists_for(rows), 1, rows, 768) == (lists, nprobe, total, width)


def test_what_the_slices_are_read_as(tmp_path: Path) -> None:
    """The engine reads what it has written as other tools do."""
    (tmp_path / "takes").mkdir()
    experiment = sliced(tmp_path, CASES["skip"])
    path = experiment.slices_16k / "0_0_0.wav"
    assert np.array_equal(load(path).samples[0], wavfile.read(path)[1])
