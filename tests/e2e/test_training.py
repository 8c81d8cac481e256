"""A voice of two layers is trained, killed, taken up again, exported, and sung with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny.trainings import write_training

from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.cli.main import main
from ultimate_rvc.rvc.stored_weights import read_weights
from ultimate_rvc.rvc.synth.noise import SeededNoise
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer
from ultimate_rvc.rvc.train.audition import off_pitch

EPOCHS, KILLED_AFTER, INTERVAL = 6, 2, 2
PATIENCE_S = 120
# An untrained net lets the sine through; what it sings must be its melody.
IN_TUNE_CENTS = 50.0

COMMAND = ("train", "run-training", "tiny", "--batch-size", "2", "--pretrained-type", "None", "--quiet")
COMMAND += ("--hardware-acceleration", "CPU", "--save-interval", str(INTERVAL), "--num-epochs")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


def environment(home: Path, models: str) -> dict[str, str]:
    places = {"URVC_MODELS_DIR": str(home / models), "URVC_VOICE_MODELS_DIR": str(home / "voices")}
    return os.environ | places | {"URVC_NO_LOGGING": "1"}


def experiment(home: Path, models: str):
    return write_training(home / models / "rvc" / "training" / "tiny", slices=4)


def start(home: Path, models: str, *options: str) -> subprocess.Popen:
    words = [sys.executable, "-m", "ultimate_rvc.cli.main", *COMMAND, *options]
    return subprocess.Popen(words, env=environment(home, models), stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def trained(home: Path):
    """One training in one go, and one that was killed after its first checkpoint; both finished."""
    whole, killed = experiment(home, "whole"), experiment(home, "killed")
    at_once, first = start(home, "whole", str(EPOCHS)), start(home, "killed", str(EPOCHS))
    wait_for(killed.folder / f"G_{KILLED_AFTER}.pth")
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = start(home, "killed", str(EPOCHS), "--upload-model", "--upload-name", "mine")
    told = second.communicate(timeout=PATIENCE_S)[0]
    assert second.returncode == 0 and at_once.wait(PATIENCE_S) == 0
    return whole, killed, told


def wait_for(path: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < end, f"no {path}"
        time.sleep(0.02)


def test_a_killed_training_goes_on_as_if_nothing_had_been(trained) -> None:
    whole, killed, _ = trained
    one, other = (read_weights(each.folder / f"G_{EPOCHS}.pth") for each in (whole, killed))
    assert one["iteration"] == other["iteration"] == EPOCHS
    assert all(torch.equal(value, other["model"][key]) for key, value in one["model"].items())
    steps = [json.loads(line)["step"] for line in (killed.folder / "eval" / "metrics.jsonl").read_text().splitlines()]
    # After the kill no epoch before the checkpoint was trained again.
    assert sum(step == steps[0] for step in steps) == 1


def test_only_the_last_pair_is_kept(trained) -> None:
    kept = {file.name for file in trained[1].folder.glob("[GD]_*.pth")}
    assert kept == {f"G_{EPOCHS}.pth", f"D_{EPOCHS}.pth"}


def test_the_voice_is_in_the_library_with_its_index_and_sings_in_tune(trained, home: Path) -> None:
    _, killed, told = trained
    assert told.strip() == str(killed.best)
    files = {file.suffix: file for file in (home / "voices" / "mine").iterdir()}
    assert set(files) == {".pth", ".index"}
    voice = load_synthesizer(files[".pth"])
    assert (voice.version, voice.sample_rate_hz, voice.embedder) == ("v1", 32_000, "contentvec")
    f0 = torch.full((1, 100), 220.0)
    features = torch.from_numpy(np.load(next(killed.features("contentvec").glob("*.npy"))))[:50].repeat_interleave(2, 0)
    wav = voice(features[None], torch.full((1, 100), 60), f0, torch.tensor([0]), SeededNoise(0, [0]))
    cents = off_pitch(Audio(wav[0].numpy(), voice.sample_rate_hz), f0[0])
    assert cents is not None and cents < IN_TUNE_CENTS


def test_a_sample_is_kept_with_every_checkpoint(trained) -> None:
    samples = sorted(file.name for file in (trained[0].folder / "eval").glob("sample_*.wav"))
    assert samples == [f"sample_{epoch:05d}.wav" for epoch in range(INTERVAL, EPOCHS + 1, INTERVAL)]


def test_export_makes_a_voice_of_the_last_checkpoint(trained, home: Path, monkeypatch, capsys, tmp_path: Path) -> None:
    monkeypatch.setenv("URVC_MODELS_DIR", str(home / "whole"))
    assert main(["train", "export", "tiny", "--output", str(tmp_path / "out.pth"), "--quiet"]) == 0
    held = read_weights(tmp_path / "out.pth")
    assert (held["epoch"], held["sr"], held["vocoder"], len(held["config"])) == (EPOCHS, 32_000, "HiFi-GAN", 18)
    assert all(value.dtype == torch.float16 for value in held["weight"].values())
    assert not any(key.startswith("enc_q.") for key in held["weight"])


def test_ctrl_c_saves_and_ends_with_what_to_do(home: Path) -> None:
    stopped = experiment(home, "stopped")
    process = start(home, "stopped", "100000")
    wait_for(stopped.folder / "eval" / "metrics.jsonl")
    wait_for(stopped.best)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    pair = {file.name[:2] for file in stopped.folder.glob("[GD]_*.pth")}
    assert pair == {"G_", "D_"}
