"""Trainings on disk, as RVC tools write them: G_NUMBER.pth and D_NUMBER.pth, a voice and its judges.

    {"model", "iteration" (epochs done), "optimizer", "scaler", "learning_rate", "lowest_value",
     "consecutive_increases", "step", "vocoder"}     the last two are our own

A pair is whole when both files are there under one number. Each is written beside, brought to the disk and then
renamed, D first, and only then is the pair before it deleted; so a kill at any moment leaves a whole pair, the last or
the one before.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ultimate_rvc.audio.file import replacing
from ultimate_rvc.errors import CheckpointError
from ultimate_rvc.rvc.stored_weights import differences, listed, read_weights
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.network import live_names, stored_names
from ultimate_rvc.rvc.train.step import Learner

NUMBERED = re.compile(r"[GD]_(\d+)\.pth")
# The number of upstream's only pair, where it keeps one alone.
LAST_OF_UPSTREAM = 2_333_333
KIND = "a training checkpoint"


@dataclass(frozen=True)
class Pair:
    """The two files of one number."""

    folder: Path
    number: int

    @property
    def generator(self) -> Path:
        """The voice and its optimizer."""
        return self.folder / f"G_{self.number}.pth"

    @property
    def discriminator(self) -> Path:
        """The judges and theirs."""
        return self.folder / f"D_{self.number}.pth"

    @property
    def files(self) -> tuple[Path, Path]:
        """In the order in which they are written."""
        return self.discriminator, self.generator

    @property
    def is_whole(self) -> bool:
        """Whether both are there."""
        return all(file.is_file() for file in self.files)

    def epochs(self) -> int:
        """How many epochs it has learned for: its number, but for upstream's only pair."""
        return self.number if self.number != LAST_OF_UPSTREAM else int(read_weights(self.generator, KIND)["iteration"])


def pairs(experiment: Experiment) -> list[Pair]:
    """The whole pairs, the one that has learned longest last."""
    found = {int(match[1]) for file in experiment.folder.glob("*.pth") if (match := NUMBERED.fullmatch(file.name))}
    whole = [pair for number in found if (pair := Pair(experiment.folder, number)).is_whole]
    return sorted(whole, key=Pair.epochs)


def save_pair(pair: Pair, voice: dict[str, Any], judges: dict[str, Any]) -> None:
    """Writes both; see the top of this file. Raises OutputError."""
    for path, state in zip(pair.files, (judges, voice), strict=True):
        write_whole(path, state)


def drop_others(experiment: Experiment, kept: Pair) -> None:
    """Deletes every numbered file but this pair's."""
    for file in experiment.folder.glob("*.pth"):
        if NUMBERED.fullmatch(file.name) and file not in kept.files:
            file.unlink(missing_ok=True)


def write_whole(path: Path, state: Mapping[str, Any]) -> None:
    """torch.save, all or nothing, and on the disk when it returns. Raises OutputError."""
    with replacing(path) as part:
        try:
            torch.save(state, part)
        except RuntimeError as error:  # what torch says of a full disk
            raise OSError(f"{error}") from error


def state_of(learner: Learner, epoch: int, notes: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint holds."""
    return {
        "model": stored_names(learner.network.state_dict()),
        "iteration": epoch,
        "optimizer": learner.optimizer.state_dict(),
        "scaler": learner.scaler.state_dict(),
        **notes,
    }


def resume(learner: Learner, path: Path) -> dict[str, Any]:
    """Takes up the network and the optimizer of a checkpoint; returns all that it holds. Raises CheckpointError."""
    held = read_weights(path, KIND)
    take_weights(learner, held, path)
    try:
        learner.optimizer.load_state_dict(held["optimizer"])
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path} holds an optimizer of another network; begin anew with --clear-saved-data"
        ) from error
    if held.get("scaler"):
        learner.scaler.load_state_dict(held["scaler"])
    return held


def take_weights(learner: Learner, held: Mapping[str, Any], path: Path) -> None:
    """The weights alone. Raises CheckpointError with what does not fit."""
    given = live_names(held.get("model") or {})
    faults = listed(differences(learner.network.state_dict(), given))
    if faults:
        raise CheckpointError(
            f"{path} does not fit what config.json describes: {faults}; take another vocoder, sample rate or version"
        )
    learner.network.load_state_dict(given)
