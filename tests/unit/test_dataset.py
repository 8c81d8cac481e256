"""A dataset becomes slices: what is bad is told and left out, what is done is kept, what is stale goes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile
from tiny import sounds
from tiny.recordings import RATE_HZ, rehearsal, write_dataset

from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.errors import InputError, OptionError
from ultimate_rvc.options_training import DatasetOptions
from ultimate_rvc.progress import Progress
from ultimate_rvc.rvc.train.data.checks import SLIGHTLY_CLIPPED, clipped_share, problems_of
from ultimate_rvc.rvc.train.data.populate import found_dataset, populate_dataset
from ultimate_rvc.rvc.train.data.preprocess import preprocess_dataset
from ultimate_rvc.rvc.train.data.report import DatasetReport
from ultimate_rvc.rvc.train.data.slices import highpassed, levelled
from ultimate_rvc.rvc.train.experiment import Experiment

OPTIONS = DatasetOptions(32_000)


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return Experiment(tmp_path / "voice")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "takes")


def names(experiment: Experiment) -> set[str]:
    there = [{path.name for path in folder.iterdir()} for folder in (experiment.slices, experiment.slices_16k)]
    assert there[0] == there[1]
    return there[0]


def times(experiment: Experiment) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in experiment.slices.iterdir()}


def kinds(report: DatasetReport) -> dict[str, list[str]]:
    return {file.path: [problem.kind for problem in file.problems] for file in report.files}


def test_a_bad_file_among_good_ones_is_told_and_left_out(experiment: Experiment, dataset: Path) -> None:
    for make in (sounds.text_as_wav, sounds.zero_bytes, sounds.fifty_ms, sounds.silent, sounds.with_nan):
        make(dataset)
    sounds.write(dataset / "clipped.wav", np.clip(8 * rehearsal(), -1, 1)[: 3 * RATE_HZ], RATE_HZ)
    sounds.write(dataset / "phone.wav", sounds.voice_like(2, 8_000), 8_000)
    sounds.write(dataset / "speech.wav", rehearsal(16_000)[:48_000], 16_000)
    sounds.write(dataset / "loud.wav", 12 * rehearsal()[: 2 * RATE_HZ], RATE_HZ, "FLOAT")
    (dataset / "words.txt").write_text("la la la")
    shutil.copy(dataset / "take0.wav", dataset / "take0 again.wav")
    (dataset / ".DS_Store").write_text("x")
    report = preprocess_dataset(experiment, dataset, OPTIONS)
    assert kinds(report) == {
        "take0.wav": ["duplicate"],
        "take0 again.wav": [],
        "take1.wav": [],
        "text.wav": ["damaged"],
        "zero_bytes.wav": ["damaged"],
        "with_nan.wav": ["damaged"],
        "fifty_ms.wav": ["too short"],
        "silent.wav": ["silent"],
        "clipped.wav": ["clipped"],
        "phone.wav": ["low rate"],
        "speech.wav": ["low rate"],
        "loud.wav": ["too loud"],
        "words.txt": ["not audio"],
    }
    assert [file.path for file in report.used] == ["speech.wav", "take0 again.wav", "take1.wav"]
    assert {f"{name}.wav" for file in report.used for name in file.slices} == names(experiment)


def test_the_report_lies_beside_the_slices(experiment: Experiment, dataset: Path) -> None:
    report = preprocess_dataset(experiment, dataset, OPTIONS)
    held = json.loads(experiment.dataset_report.read_text())
    assert (
        [file["path"] for file in held["files"]] == [file.path for file in report.files] == ["take0.wav", "take1.wav"]
    )
    info = json.loads(experiment.info.read_text())
    assert info["sample_rate"] == 32_000 and info["total_seconds"] == pytest.approx(12, abs=0.01)
    assert info["total_dataset_duration"] in ("00:00:11", "00:00:12")


def test_nothing_left_is_one_error_that_says_why(experiment: Experiment, tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "none", 0)
    with pytest.raises(InputError, match="is empty"):
        preprocess_dataset(experiment, dataset, OPTIONS)
    sounds.silent(dataset)
    sounds.text_as_wav(dataset)
    with pytest.raises(InputError, match=r"nothing in .*silent.wav: its peak is below -80 dB.* tells of 1 more"):
        preprocess_dataset(experiment, dataset, OPTIONS)
    with pytest.raises(InputError, match="is not a folder"):
        preprocess_dataset(experiment, tmp_path / "nowhere", OPTIONS)


def test_numbered_folders_are_speakers(experiment: Experiment, dataset: Path) -> None:
    for folder, seed in (("2", 5), ("10", 6), ("backing", 7)):
        (dataset / folder).mkdir()
        sounds.write(dataset / folder / "take.wav", rehearsal(seed=seed)[: 5 * RATE_HZ], RATE_HZ)
    report = preprocess_dataset(experiment, dataset, OPTIONS)
    assert [file.speaker for file in report.used] == [0, 0, 2, 10]
    assert {name.split("_")[0] for name in names(experiment)} == {"0", "2", "10"}
    assert kinds(report)[str(Path("backing") / "take.wav")] == ["wrong folder"]


def test_the_slices_do_not_depend_on_how_many_are_made_at_once(tmp_path: Path, dataset: Path) -> None:
    folders = [Experiment(tmp_path / name) for name in ("one", "four")]
    for experiment, cores in zip(folders, (1, 4), strict=True):
        preprocess_dataset(experiment, dataset, DatasetOptions(32_000, cpu_cores=cores))
    assert names(folders[0]) == names(folders[1])
    for path in folders[0].folder.glob("sliced*/*.wav"):
        assert path.read_bytes() == (folders[1].folder / path.parent.name / path.name).read_bytes()


def test_a_second_run_makes_nothing_again(experiment: Experiment, dataset: Path) -> None:
    first = preprocess_dataset(experiment, dataset, OPTIONS)
    before = times(experiment)
    experiment.filelist.touch()
    assert preprocess_dataset(experiment, dataset, OPTIONS) == first
    assert times(experiment) == before and experiment.filelist.exists()


def test_a_new_file_leaves_the_slices_of_the_others_alone(experiment: Experiment, dataset: Path) -> None:
    preprocess_dataset(experiment, dataset, OPTIONS)
    before = times(experiment)
    sounds.write(dataset / "another.wav", rehearsal(seed=4)[: 4 * RATE_HZ], RATE_HZ)
    report = preprocess_dataset(experiment, dataset, OPTIONS)
    assert before.items() < times(experiment).items()
    assert [(file.path, file.number) for file in report.files] == [
        ("another.wav", 2),
        ("take0.wav", 0),
        ("take1.wav", 1),
    ]


def test_what_is_stale_goes(experiment: Experiment, dataset: Path) -> None:
    preprocess_dataset(experiment, dataset, OPTIONS)
    (experiment.slices / "0_0_0.spec.pt").touch()
    (experiment.slices / "9_9_9.wav").touch()
    (experiment.slices_16k / ".0123.part").touch()
    experiment.filelist.touch()
    (dataset / "take1.wav").unlink()
    preprocess_dataset(experiment, dataset, OPTIONS)
    assert not experiment.filelist.exists()
    (experiment.slices / "0_0_0.spec.pt").unlink()  # of a slice that is still there
    assert {name.split("_")[1] for name in names(experiment)} == {"0"}


def test_other_options_make_all_slices_again(experiment: Experiment, dataset: Path) -> None:
    preprocess_dataset(experiment, dataset, OPTIONS)
    preprocess_dataset(experiment, dataset, DatasetOptions(48_000, split_method="Simple", chunk_len=1.0))
    assert {wavfile.read(path)[0] for path in experiment.slices.iterdir()} == {48_000}
    assert {len(wavfile.read(path)[1]) for path in experiment.slices_16k.iterdir()} == {16_000}
    assert names(experiment)


def test_slices_of_other_options_are_not_taken_after_a_run_that_was_cut_short(
    experiment: Experiment, dataset: Path
) -> None:
    preprocess_dataset(experiment, dataset, OPTIONS)
    before = {path.name: path.read_bytes() for path in experiment.slices.iterdir()}

    def stop(progress: Progress) -> None:
        if progress.stage == "cut into slices":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preprocess_dataset(experiment, dataset, DatasetOptions(32_000, "none"), stop)
    for name in before:
        (experiment.slices / name).write_bytes(b"of other options")
    preprocess_dataset(experiment, dataset, OPTIONS)
    assert {path.name: path.read_bytes() for path in experiment.slices.iterdir()} == before


def test_a_rest_is_no_slice(experiment: Experiment, tmp_path: Path) -> None:
    """Brought to one level it would be noise as loud as the voice."""
    wav = np.concatenate((rehearsal()[: 4 * RATE_HZ], sounds.silence(7, RATE_HZ)))
    (tmp_path / "rests").mkdir()
    sounds.write(tmp_path / "rests" / "take.wav", wav, RATE_HZ)
    options = DatasetOptions(32_000, filter_audio=False, split_method="Simple")
    (file,) = preprocess_dataset(experiment, tmp_path / "rests", options).files
    assert file.silent_slices == 1 and file.slices == ("0_0_0", "0_0_1")


def test_clipping_is_flat_tops_and_not_loudness() -> None:
    loud = sounds.chirp(100, 300, 2, RATE_HZ, peak=1.0)
    assert clipped_share(Audio(loud, RATE_HZ)) == 0
    assert clipped_share(Audio(np.clip(1.02 * loud, -1, 1), RATE_HZ)) > 0.01
    assert clipped_share(Audio(0.5 * np.clip(2 * loud, -1, 1), RATE_HZ)) > 0.1  # turned down afterwards
    quiet = np.round(330 * sounds.chirp(90, 110, 2, RATE_HZ, peak=1.0) * np.linspace(0.5, 1, 2 * RATE_HZ)) / 32_768
    assert clipped_share(Audio(quiet, RATE_HZ)) < SLIGHTLY_CLIPPED
    (problem,) = problems_of(Audio(np.clip(3 * loud, -1, 1), RATE_HZ), OPTIONS)
    assert problem.kind == "clipped" and problem.fatal


def test_a_long_recording_that_is_not_cut_is_told(experiment: Experiment, dataset: Path) -> None:
    sounds.write(dataset / "long.wav", rehearsal()[: 10 * RATE_HZ], RATE_HZ)
    report = preprocess_dataset(experiment, dataset, DatasetOptions(32_000, split_method="Skip"))
    assert kinds(report) == {"long.wav": ["too long"], "take0.wav": [], "take1.wav": []}
    assert len(report.used) == 3


def test_levelling_brings_a_peak_most_of_the_way_to_one_level() -> None:
    wav = sounds.tone(200, 1, RATE_HZ, peak=0.1)
    assert np.abs(levelled(wav)).max() == pytest.approx(0.9 * 0.75 + 0.25 * 0.1, rel=1e-4)
    assert not levelled(np.zeros(9, np.float32)).any() and np.abs(wav).max() < 0.11


@pytest.mark.parametrize("hz, kept", [(20, 0.02), (48, 0.71), (300, 1.0)])
def test_the_filter_takes_rumble_and_leaves_voices(hz: float, kept: float) -> None:
    out = highpassed(sounds.tone(hz, 4, 40_000), 40_000)[80_000:]
    assert np.abs(out).max() / 0.5 == pytest.approx(kept, abs=0.02)


def test_a_dataset_is_populated_and_found_by_its_name(
    tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = sorted(dataset.iterdir())
    folder = populate_dataset(" Mine ", files)
    assert folder == found_dataset(Path("Mine")) == tmp_path / "audio" / "training" / "Mine"
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == [path.read_bytes() for path in files]
    assert found_dataset(dataset) == dataset


@pytest.mark.parametrize("name", ["", "  ", "a/b", "..", "a|b", ".hidden"])
def test_a_name_that_is_no_folders_is_refused(name: str, dataset: Path) -> None:
    with pytest.raises(OptionError, match="no folder's"):
        populate_dataset(name, list(dataset.iterdir()))


def test_nothing_is_copied_when_one_file_is_not_there(
    tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is not a file"):
        populate_dataset("Mine", [dataset / "take0.wav", dataset / "gone.wav"])
    assert not (tmp_path / "audio").exists()
