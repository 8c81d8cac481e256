"""A training made ready: its folder read, its networks built, and what they begin with taken up."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ultimate_rvc import device as devices
from ultimate_rvc.errors import DeviceError, OptionError
from ultimate_rvc.options_training import TrainingOptions
from ultimate_rvc.progress import OnProgress, Progress
from ultimate_rvc.rvc.stored_weights import read_weights
from ultimate_rvc.rvc.train import checkpoints, forecast
from ultimate_rvc.rvc.train.configuration import TrainingConfig, discriminator_set, read_config, read_json
from ultimate_rvc.rvc.train.dataset import Dataset, batches_per_epoch
from ultimate_rvc.rvc.train.discriminators import Bench, Discriminators
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.mel import MelLoss, MultiScaleMelLoss, Spectrogram
from ultimate_rvc.rvc.train.network import LEAST_GATE, TrainedVoice
from ultimate_rvc.rvc.train.pretrained import Pretrained, pretrained_for
from ultimate_rvc.rvc.train.step import Learner, Stepper
from ultimate_rvc.rvc.train.thrift import recompute

logger = logging.getLogger(__name__)

# An epoch is better than the best before when its loss is lower by this much: upstream's number.
BETTER_BY = 0.004
# What earlier trainings leave behind, and what a killed one leaves half-written.
LEFT_BEHIND = ("*.pth", "*.index", "eval/*")
HALF_WRITTEN = ".*.part"


@dataclass
class Best:
    """The epoch with the lowest loss, and how many epochs have passed since."""

    value: float = float("inf")
    epoch: int = 0
    since: int = 0

    def note(self, value: float, epoch: int) -> bool:
        """Whether this epoch is better than all before."""
        if value < self.value - BETTER_BY:
            self.value, self.epoch, self.since = value, epoch, 0
            return True
        self.since += 1
        return False

    def stored(self) -> dict[str, Any]:
        """As checkpoints hold it."""
        return {"lowest_value": {"value": self.value, "epoch": self.epoch}, "consecutive_increases": self.since}

    @classmethod
    def of(cls, held: Mapping[str, Any]) -> "Best":
        """From a checkpoint; an older one knows nothing of it."""
        lowest = held.get("lowest_value") or {}
        return cls(lowest.get("value", float("inf")), lowest.get("epoch", 0), held.get("consecutive_increases", 0))


@dataclass
class Run:
    """A training while it runs: `epoch` epochs and `step` steps are done."""

    experiment: Experiment
    config: TrainingConfig
    options: TrainingOptions
    dataset: Dataset
    stepper: Stepper
    spectrogram: Spectrogram
    epoch: int = 0
    step: int = 0
    best_voice: Best = field(default_factory=Best)
    best_judges: Best = field(default_factory=Best)

    @property
    def voice(self) -> TrainedVoice:
        """What is trained."""
        return self.stepper.voice.network

    @cached_property
    def steps_per_epoch(self) -> int:
        """Batches of one pass over the dataset."""
        return batches_per_epoch(self.dataset.frames, self.options.batch_size)


def prepare(experiment: Experiment, options: TrainingOptions, device: devices.Device, on_progress: OnProgress) -> Run:
    """Everything before the first step; see `loop.train` for what it raises."""
    config = read_config(experiment)
    check_precision(device, options.precision)
    clear(experiment, everything=options.clear_saved_data)
    dataset = Dataset(experiment, config, device.torch if options.preload_dataset else torch.device("cpu"))
    pair = next(reversed(checkpoints.pairs(experiment)), None)
    begun = None if pair else pretrained_for(options, config, on_progress)
    source = pair.generator if pair else begun.generator if begun else None
    torch.manual_seed(config.train.seed)
    stepper = _stepper(config, options, device, _speakers(experiment, source, dataset))
    run = Run(experiment, config, options, dataset, stepper, Spectrogram(config.data).to(device.torch))
    needed = forecast.check(stepper, dataset, options, device)
    on_progress(
        Progress("memory", 1, 1, f"about {needed / forecast.GB:.1f} of {device.memory_bytes / forecast.GB:.1f} GB")
    )
    if pair:
        _go_on(run, pair)
    elif begun:
        _begin_with(run, begun)
    return run


def check_precision(device: devices.Device, precision: str) -> None:
    """Raises DeviceError where the device has no fast arithmetic of this kind."""
    fits = {
        ("fp16", "cuda"): lambda: True,
        ("bf16", "cuda"): lambda: torch.cuda.is_bf16_supported(including_emulation=False),
        ("bf16", "mps"): lambda: True,
        ("bf16", "cpu"): lambda: devices.computes_fast("bf16"),
    }
    if precision != "fp32" and not fits.get((precision, device.kind), lambda: False)():
        raise DeviceError(f"{device.description} has no fast {precision} to train in; use --precision fp32")


def clear(experiment: Experiment, *, everything: bool) -> None:
    """Deletes what a killed training left half-written, and with `everything` all that was trained."""
    for pattern in (HALF_WRITTEN, *(LEFT_BEHIND if everything else ())):
        for file in experiment.folder.glob(pattern):
            file.unlink()


def _speakers(experiment: Experiment, source: Path | None, dataset: Dataset) -> int:
    """Rows of the speakers' table: those of the checkpoint to begin with, else as many as the dataset has."""
    if source is not None:
        speakers = len(read_weights(source, checkpoints.KIND)["model"]["emb_g.weight"])
    else:
        info = read_json(experiment.info, "preprocess the dataset first: urvc train preprocess-dataset")
        speakers = int(info.get("speakers_id") or dataset.speakers)
    if dataset.speakers > speakers:
        raise OptionError(
            f"{experiment.filelist} has speaker {dataset.speakers - 1}, but there is room for {speakers}; "
            "begin anew with --clear-saved-data, or number the speakers from 0"
        )
    return speakers


def _stepper(config: TrainingConfig, options: TrainingOptions, device: devices.Device, speakers: int) -> Stepper:
    model = config.model
    which = discriminator_set(config, options.vocoder)
    bench = Bench(which, model.discriminator_periods, model.discriminator_width, model.use_spectral_norm)
    networks = (TrainedVoice(config, options.vocoder, speakers), Discriminators(bench))
    if options.reduce_memory_usage:
        for network in networks:
            recompute(network)
    many = options.vocoder == "RefineGAN" or config.train.multiscale_mel
    mel_loss = (MultiScaleMelLoss if many else MelLoss)(config.data).to(device.torch)
    learners = (Learner.of(network.to(device.torch), config, options.precision) for network in networks)
    return Stepper(config, *learners, mel_loss, options.precision, least_gate=LEAST_GATE)


def _go_on(run: Run, pair: checkpoints.Pair) -> None:
    """Where a training was left."""
    stepper = run.stepper
    voice = checkpoints.resume(stepper.voice, pair.generator)
    judges = checkpoints.resume(stepper.judges, pair.discriminator)
    run.epoch = int(voice["iteration"])
    run.step = int(voice.get("step") or run.epoch * run.steps_per_epoch)
    run.best_voice, run.best_judges = Best.of(voice), Best.of(judges)
    if run.voice.gate()[0, 0] < LEAST_GATE:
        stepper.least_gate = None
    logger.info("going on after epoch %d, from %s", run.epoch, pair.generator)


def _begin_with(run: Run, begun: Pretrained) -> None:
    """Takes the weights alone; a gate that others trained is left as it is."""
    stepper = run.stepper
    for learner, path in ((stepper.voice, begun.generator), (stepper.judges, begun.discriminator)):
        checkpoints.take_weights(learner, read_weights(path, checkpoints.KIND), path)
    stepper.least_gate = None
