"""The steps of a training as the page takes them: processes that can be stopped and say what they did."""

import json
from pathlib import Path

import pytest
from tiny.trainings import write_training

from ultimate_rvc import paths
from ultimate_rvc.errors import OptionError, UrvcError
from ultimate_rvc.options_training import HardwareOptions, IndexOptions, TrainingOptions
from ultimate_rvc.progress import Progress
from ultimate_rvc.web import learning, show
from ultimate_rvc.web.controls import controls

EPOCHS = 2


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("URVC_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("URVC_VOICE_MODELS_DIR", str(tmp_path / "voices"))
    return write_training(paths.training_dir() / "tiny", slices=4).folder


def _shown(**changed: object) -> dict:
    every = [one for record in (TrainingOptions, HardwareOptions, IndexOptions) for one in controls(record)]
    quick = {"num_epochs": EPOCHS, "batch_size": 2, "pretrained_type": "None", "hardware_acceleration": "CPU"}
    return {one.key: {**quick, **changed}.get(one.spec.name, one.shown(one.spec.default)) for one in every}


class Stopped(Exception):
    """As a job is cancelled."""


def test_a_training_runs_tells_its_figures_and_is_exported(training: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    outcome = learning.step("run", "tiny", _shown()).work(told.append)
    assert f"complete after {EPOCHS} epochs" in outcome.said[0]
    assert {"train", "index"} <= {progress.stage for progress in told}
    drawn = show.curves(learning.curves("tiny"), "en")
    assert "<polyline" in drawn and f"epoch {EPOCHS}" in drawn
    exported = learning.step("export", "tiny", {}, voice="mine").work(told.append)
    assert "'mine' is among the voices now" in exported.said
    assert (tmp_path / "voices" / "mine" / "tiny.pth").is_file()


def test_a_training_that_is_stopped_saves_and_goes_on(training: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == "train":
            raise Stopped

    with pytest.raises(Stopped):
        learning.step("run", "tiny", _shown(num_epochs=500)).work(stop)
    assert list(training.glob("G_*.pth"))
    outcome = learning.step("run", "tiny", _shown()).work(lambda _: None)
    assert "complete" in outcome.said[0]


def test_what_is_not_ready_is_one_line(training: Path) -> None:
    with pytest.raises(UrvcError) as told:
        learning.step("run", "other", _shown()).work(lambda _: None)
    assert "\n" not in str(told.value) and str(training.parent) not in str(told.value)


def test_a_path_names_no_training() -> None:
    with pytest.raises(OptionError):
        learning.step("run", "../other", {})
    with pytest.raises(OptionError):
        learning.curves("/etc")


def test_a_line_that_is_being_written_is_left_for_the_next_look(training: Path) -> None:
    figures = training / "eval" / "metrics.jsonl"
    figures.parent.mkdir()
    figures.write_text(json.dumps({"step": 1, "loss/g/total": 2.0}) + '\n{"step": 2, "los')
    assert learning.curves("tiny") == [{"step": 1, "loss/g/total": 2.0}]
