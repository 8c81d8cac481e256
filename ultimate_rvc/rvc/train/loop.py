"""A training from its folder to its voice: networks, epochs, checkpoints, and what is heard and noted on the way.

Every epoch begins from a seed of its own, so that a training which was killed and goes on gives the same voice as one
which was not.
"""

import logging
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from ultimate_rvc import device as devices
from ultimate_rvc.errors import DeviceError, OptionError
from ultimate_rvc.options_training import TrainingOptions
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.rvc.stored_weights import read_weights
from ultimate_rvc.rvc.train import audition, checkpoints, export
from ultimate_rvc.rvc.train.checkpoints import Pair
from ultimate_rvc.rvc.train.configuration import TrainingConfig, discriminator_set, read_config, read_json
from ultimate_rvc.rvc.train.dataset import Dataset, batches, batches_per_epoch, collate
from ultimate_rvc.rvc.train.discriminators import Bench, Discriminators
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.mel import MelLoss, MultiScaleMelLoss, Spectrogram
from ultimate_rvc.rvc.train.metrics import Metrics
from ultimate_rvc.rvc.train.network import LEAST_GATE, TrainedVoice, voice_of
from ultimate_rvc.rvc.train.pretrained import Pretrained, pretrained_for
from ultimate_rvc.rvc.train.step import Learner, Stepper, means

logger = logging.getLogger(__name__)

STAGE = "train"
# An epoch is better than the best before when its loss is lower by this much: upstream's number.
BETTER_BY = 0.004
# The discriminators may go without a better epoch so many times as long as the generator: upstream's number.
JUDGES_PATIENCE = 2
NOTED_STEPS = 50


@dataclass(frozen=True)
class Trained:
    """The best voice so far, and how far the training is."""

    path: Path
    epochs: int
    steps: int
    overtrained: bool = False
    interrupted: bool = False


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
    """A training while it runs."""

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


def train(
    experiment: Experiment,
    options: TrainingOptions,
    device: devices.Device,
    on_progress: OnProgress = silent,
) -> Trained:
    """Trains until the epochs are done, it is overtrained, or somebody presses Ctrl-C; goes on from what is there.

    Raises OptionError for a folder that is not ready, DeviceError for a device that cannot, CheckpointError for
    checkpoints that do not fit, OutputError when the disk is full.
    """
    with torch.random.fork_rng(devices=[device.torch] if device.kind == "cuda" else []), _stoppable() as stopped:
        run = _prepared(experiment, options, device, on_progress)
        with Metrics(experiment.folder / "eval") as metrics:
            return _epochs(run, metrics, on_progress, stopped)


def _prepared(
    experiment: Experiment, options: TrainingOptions, device: devices.Device, on_progress: OnProgress
) -> Run:
    config = read_config(experiment)
    check_precision(device, options.precision)
    if options.clear_saved_data:
        _clear(experiment)
    dataset = Dataset(experiment, config, _dataset_device(device, options))
    pair = next(reversed(checkpoints.pairs(experiment)), None)
    begun = None if pair else pretrained_for(options, config, on_progress)
    source = pair.generator if pair else begun.generator if begun else None
    torch.manual_seed(config.train.seed)
    stepper = _stepper(config, options, device, _speakers(experiment, source, dataset))
    run = Run(experiment, config, options, dataset, stepper, Spectrogram(config.data).to(dataset.device))
    if pair is not None:
        _go_on(run, pair)
    elif begun is not None:
        _begin_with(run, begun)
    return run


def check_precision(device: devices.Device, precision: str) -> None:
    """Raises DeviceError where the device has no fast arithmetic of this kind."""
    fits = {
        "fp32": True,
        "fp16": device.kind == "cuda",
        "bf16": {"cuda": _cuda_has_bf16, "cpu": lambda: devices.computes_fast("bf16")}.get(device.kind, lambda: True)(),
    }
    if not fits[precision]:
        raise DeviceError(f"{device.description} has no fast {precision} to train in; use --precision fp32")


def _cuda_has_bf16() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)


def _clear(experiment: Experiment) -> None:
    """Deletes what an earlier training left: checkpoints, voices, index, samples and figures."""
    for pattern in ("*.pth", "*.index", "eval/*", ".*.part"):
        for file in experiment.folder.glob(pattern):
            file.unlink()


def _dataset_device(device: devices.Device, options: TrainingOptions) -> torch.device:
    return device.torch if options.preload_dataset else torch.device("cpu")


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
    voice = TrainedVoice(config, options.vocoder, speakers).to(device.torch)
    judges = Discriminators(bench).to(device.torch)
    mel_loss = (MultiScaleMelLoss if options.vocoder == "RefineGAN" else MelLoss)(config.data).to(device.torch)
    learners = (Learner.of(network, config, options.precision) for network in (voice, judges))
    return Stepper(config, *learners, mel_loss, options.precision, least_gate=LEAST_GATE)


def _go_on(run: Run, pair: Pair) -> None:
    stepper = run.stepper
    voice = checkpoints.resume(stepper.voice, pair.generator)
    judges = checkpoints.resume(stepper.judges, pair.discriminator)
    run.epoch = int(voice["iteration"])
    run.step = int(voice.get("step") or run.epoch * batches_per_epoch(run.dataset.frames, run.options.batch_size))
    run.best_voice, run.best_judges = Best.of(voice), Best.of(judges)
    gate = stepper.voice.network.gate()
    if gate is not None and gate[0, 0] < LEAST_GATE:
        stepper.least_gate = None
    logger.info("going on after epoch %d, from %s", run.epoch, pair.generator)


def _begin_with(run: Run, begun: Pretrained) -> None:
    """Takes the weights alone; a gate that others trained is left as it is."""
    stepper = run.stepper
    for learner, path in ((stepper.voice, begun.generator), (stepper.judges, begun.discriminator)):
        checkpoints.take_weights(learner, read_weights(path, checkpoints.KIND), path)
    stepper.least_gate = None


def _epochs(run: Run, metrics: Metrics, on_progress: OnProgress, stopped: Callable[[], bool]) -> Trained:
    options, heard = run.options, audition.reference(run.dataset)
    overtrained = False
    while run.epoch < options.num_epochs and not overtrained:
        measured = _epoch(run, metrics, on_progress, stopped)
        if measured is None:
            _save(run)
            return _result(run, interrupted=True)
        run.epoch += 1
        overtrained = _judge_epoch(run, measured)
        if run.epoch % options.save_interval == 0 or run.epoch == options.num_epochs or overtrained:
            _save(run)
            _listen(run, heard, metrics)
    return _result(run, overtrained=overtrained)


def _epoch(
    run: Run, metrics: Metrics, on_progress: OnProgress, stopped: Callable[[], bool]
) -> dict[str, float] | None:
    """One pass over the dataset: the mean of every loss, or None when it was stopped in the middle."""
    torch.manual_seed(run.config.train.seed + run.epoch)
    run.stepper.voice.set_rate(rate := _learning_rate(run))
    run.stepper.judges.set_rate(rate)
    order = list(batches(run.dataset.frames, run.options.batch_size, epoch=run.epoch, seed=run.config.train.seed))
    every: list[dict[str, Tensor]] = []
    last = deque(maxlen=NOTED_STEPS)
    began = time.monotonic()
    for place, indices in enumerate(order):
        if stopped():
            return None
        batch = collate([run.dataset[i] for i in indices], run.spectrogram, run.config.data.hop_length)
        device = next(run.stepper.voice.network.parameters()).device
        measured = run.stepper(batch.to(device), judged=run.step >= run.config.train.warmup_steps)
        run.step += 1
        every.append(measured)
        last.append(measured)
        if run.step % NOTED_STEPS == 0:
            metrics.note(run.step, _averaged(means(last)), epoch=run.epoch + 1)
        done = run.epoch * len(order) + place + 1
        on_progress(Progress(STAGE, done, run.options.num_epochs * len(order), f"epoch {run.epoch + 1}"))
    found = means(every)
    gate = run.stepper.voice.network.gate()
    found |= {"learning_rate": rate, "seconds": time.monotonic() - began}
    found |= {} if gate is None else {"source/gate": float(gate.detach().flatten()[0])}
    metrics.note(run.step, found, epoch=run.epoch + 1)
    return found


def _averaged(found: Mapping[str, float]) -> dict[str, float]:
    return {name.replace("loss/", "loss_avg_50/").replace("grad/", "grad_avg_50/"): v for name, v in found.items()}


def _learning_rate(run: Run) -> float:
    """Falls by lr_decay an epoch, after it has climbed for warmup_epochs."""
    train = run.config.train
    climbed = min(1.0, (run.epoch + 1) / (train.warmup_epochs + 1))
    return train.learning_rate * train.lr_decay**run.epoch * climbed


def _judge_epoch(run: Run, measured: Mapping[str, float]) -> bool:
    """Notes and exports a better epoch; whether the training is overtrained."""
    # Upstream's figures are sums over steps divided by slices; so are those in checkpoints.
    share = batches_per_epoch(run.dataset.frames, run.options.batch_size) / len(run.dataset)
    generator = measured["loss/g/total"] * share
    judges = measured.get("loss/d/adv", float("inf")) * share
    warming = run.step <= run.config.train.warmup_steps
    if run.best_voice.note(generator, run.epoch):
        export_now(run, run.experiment.best, f"Average epoch generator loss {generator:.3f}")
    run.best_judges.note(judges, run.epoch)
    if warming:
        # Losses grow when judgement joins them; what was reached without it is no measure.
        run.best_voice, run.best_judges = Best(), Best()
    patience = run.options.overtraining_threshold
    worn = run.best_voice.since >= patience or run.best_judges.since >= JUDGES_PATIENCE * patience
    return run.options.detect_overtraining and worn and not warming


def _save(run: Run) -> None:
    """The pair of this epoch, and the voice where every one is wanted."""
    stepper, train, pair = run.stepper, run.config.train, Pair(run.experiment.folder, run.epoch)
    notes = {"step": run.step, "vocoder": run.options.vocoder}
    states = (
        checkpoints.state_of(learner, run.epoch, train.learning_rate, best.stored() | notes)
        for learner, best in ((stepper.voice, run.best_voice), (stepper.judges, run.best_judges))
    )
    checkpoints.save_pair(pair, *states)
    if not run.options.save_all_checkpoints:
        checkpoints.drop_others(run.experiment, pair)
    if run.options.save_all_weights:
        export_now(run, run.experiment.folder / f"{run.experiment.name}_{run.epoch}.pth")
    if not run.experiment.best.is_file():
        export_now(run, run.experiment.best)


def export_now(run: Run, path: Path, overtrain_info: str = "") -> None:
    """The voice as it is."""
    made = export.Provenance(
        run.experiment.name,
        run.epoch,
        run.step,
        run.options.vocoder,
        export.dataset_notes(run.experiment),
        overtrain_info,
    )
    export.export_voice(path, run.stepper.voice.network.stored(), run.config, made)


def _listen(run: Run, heard: audition.Slice, metrics: Metrics) -> None:
    sung = audition.audition(voice_of(run.stepper.voice.network.folded(), run.config, run.options.vocoder), heard)
    audition.keep(sung, run.experiment.folder / "eval", run.epoch)
    metrics.sound(run.step, "gen/audio", sung.audio)
    if sung.cents is not None:
        metrics.note(run.step, {"pitch/cents": sung.cents}, epoch=run.epoch)


def _result(run: Run, *, overtrained: bool = False, interrupted: bool = False) -> Trained:
    return Trained(run.experiment.best, run.epoch, run.step, overtrained, interrupted)


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM has been heard; the second Ctrl-C interrupts as ever."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def hear(number: int, _frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
