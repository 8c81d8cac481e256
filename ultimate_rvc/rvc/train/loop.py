"""A training from its folder to its voice: epochs, checkpoints, and what is heard and noted on the way.

Every epoch begins from a seed of its own, so that a training which was killed and goes on gives the same voice as one
which was not.
"""

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor

from ultimate_rvc import device as devices
from ultimate_rvc.options_training import TrainingOptions
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.rvc.train import audition, checkpoints, export
from ultimate_rvc.rvc.train.checkpoints import Pair
from ultimate_rvc.rvc.train.dataset import Slice, batches, collate
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.metrics import Metrics
from ultimate_rvc.rvc.train.network import Batch, voice_of
from ultimate_rvc.rvc.train.run import Best, Run, prepare
from ultimate_rvc.rvc.train.step import means

STAGE = "train"
# The discriminators may go without a better epoch so many times as long as the generator: upstream's number.
JUDGES_PATIENCE = 2
# Steps from one line of averages to the next, as upstream draws them.
NOTED_STEPS = 50

Losses = dict[str, Tensor]


@dataclass(frozen=True)
class Trained:
    """The best voice so far, and how far the training is."""

    path: Path
    epochs: int
    steps: int
    overtrained: bool = False
    interrupted: bool = False


@dataclass(frozen=True)
class Watch:
    """Who follows a training: its figures, its progress, and whether somebody wants it to stop."""

    metrics: Metrics
    on_progress: OnProgress
    stopped: Callable[[], bool]


def train(
    experiment: Experiment, options: TrainingOptions, device: devices.Device, on_progress: OnProgress = silent
) -> Trained:
    """Trains until the epochs are done, it is overtrained, or somebody presses Ctrl-C; goes on from what is there.

    Raises OptionError for a folder that is not ready, DeviceError for a device that cannot or is too small,
    WeightsNotFound and CheckpointError for what it should begin with, OutputError when the disk is full.
    """
    ours = [device.torch] if device.kind == "cuda" else []
    with torch.random.fork_rng(devices=ours), _stoppable() as stopped:
        run = prepare(experiment, options, device, on_progress)
        with Metrics(experiment.folder / "eval") as metrics:
            return _epochs(run, Watch(metrics, on_progress, stopped))


def _epochs(run: Run, watch: Watch) -> Trained:
    options, heard, overtrained = run.options, audition.reference(run.dataset), False
    while run.epoch < options.num_epochs and not overtrained:
        measured = _epoch(run, watch)
        if measured is None:
            save(run)
            return _result(run, interrupted=True)
        run.epoch += 1
        overtrained = _judge_epoch(run, measured)
        if run.epoch % options.save_interval == 0 or run.epoch == options.num_epochs or overtrained:
            save(run)
            _listen(run, heard, watch.metrics)
    return _result(run, overtrained=overtrained)


def _epoch(run: Run, watch: Watch) -> dict[str, float] | None:
    """One pass over the dataset: the mean of every loss, or None when it was stopped in the middle."""
    torch.manual_seed(run.config.train.seed + run.epoch)
    began, rate = time.monotonic(), learning_rate(run)
    run.stepper.voice.set_rate(rate)
    run.stepper.judges.set_rate(rate)
    every: list[Losses] = []
    last: deque[Losses] = deque(maxlen=NOTED_STEPS)
    for batch in _batches(run):
        if watch.stopped():
            return None
        every.append(run.stepper(batch, judged=run.step >= run.config.train.warmup_steps))
        last.append(every[-1])
        run.step += 1
        if run.step % NOTED_STEPS == 0:
            watch.metrics.note(run.step, _averaged(means(last)), epoch=run.epoch + 1)
        watch.on_progress(_progress(run, len(every)))
    gate = float(run.voice.gate()[0, 0])
    found = means(every) | {"learning_rate": rate, "source/gate": gate, "seconds": time.monotonic() - began}
    watch.metrics.note(run.step, found, epoch=run.epoch + 1)
    return found


def _batches(run: Run) -> Iterator[Batch]:
    """The epoch's batches, on the device."""
    device, seed = next(run.voice.parameters()).device, run.config.train.seed
    for places in batches(run.dataset.frames, run.options.batch_size, epoch=run.epoch, seed=seed):
        # Moved one by one, so that the device makes the spectrograms.
        slices = [run.dataset[place].to(device) for place in places]
        yield collate(slices, run.spectrogram, run.config.data.hop_length)


def _progress(run: Run, steps: int) -> Progress:
    each = run.steps_per_epoch
    note = f"epoch {run.epoch + 1} of {run.options.num_epochs}"
    return Progress(STAGE, run.epoch * each + steps, run.options.num_epochs * each, note)


def _averaged(found: Mapping[str, float]) -> dict[str, float]:
    """Under the tags that upstream has for averages of the last steps."""
    return {name.replace("loss/", "loss_avg_50/").replace("grad/", "grad_avg_50/"): v for name, v in found.items()}


def learning_rate(run: Run) -> float:
    """Falls by lr_decay an epoch, after it has climbed for warmup_epochs."""
    train = run.config.train
    climbed = min(1.0, (run.epoch + 1) / (train.warmup_epochs + 1))
    return train.learning_rate * train.lr_decay**run.epoch * climbed


def _judge_epoch(run: Run, measured: Mapping[str, float]) -> bool:
    """Exports a better epoch; whether the training is overtrained."""
    # Upstream's figures, which checkpoints hold, are sums over steps divided by slices.
    share = run.steps_per_epoch / len(run.dataset)
    generator, judges = measured["loss/g/total"] * share, measured.get("loss/d/adv", float("inf")) * share
    if run.best_voice.note(generator, run.epoch):
        _export(run, run.experiment.best, f"Average epoch generator loss {generator:.3f}")
    run.best_judges.note(judges, run.epoch)
    if run.step <= run.config.train.warmup_steps:
        # Losses grow when judgement joins them; what was reached without it is no measure.
        run.best_voice, run.best_judges = Best(), Best()
    patience = run.options.overtraining_threshold
    worn = run.best_voice.since >= patience or run.best_judges.since >= JUDGES_PATIENCE * patience
    return run.options.detect_overtraining and worn


def save(run: Run) -> None:
    """The pair of this epoch, and the voice where every one is wanted or none is there."""
    stepper, pair = run.stepper, Pair(run.experiment.folder, run.epoch)
    notes = {"step": run.step, "vocoder": run.options.vocoder, "learning_rate": run.config.train.learning_rate}
    states = (
        checkpoints.state_of(learner, run.epoch, best.stored() | notes)
        for learner, best in ((stepper.voice, run.best_voice), (stepper.judges, run.best_judges))
    )
    checkpoints.save_pair(pair, *states)
    if not run.options.save_all_checkpoints:
        checkpoints.drop_others(run.experiment, pair)
    if run.options.save_all_weights:
        _export(run, run.experiment.folder / f"{run.experiment.name}_{run.epoch}.pth")
    if not run.experiment.best.is_file():
        _export(run, run.experiment.best)


def _export(run: Run, path: Path, overtrain_info: str = "") -> None:
    notes = export.dataset_notes(run.experiment)
    made = export.Provenance(run.experiment.name, run.epoch, run.step, run.options.vocoder, notes, overtrain_info)
    export.export_voice(path, run.voice.stored(), run.config, made)


def _listen(run: Run, heard: Slice, metrics: Metrics) -> None:
    """The sample conversion, kept beside the figures."""
    sung = audition.audition(voice_of(run.voice.folded(), run.config, run.options.vocoder), heard)
    audition.keep(sung, run.experiment.folder / "eval", run.epoch)
    metrics.sound(run.step, "gen/audio", sung.audio)
    if sung.cents is not None:
        metrics.note(run.step, {"pitch/cents": sung.cents}, epoch=run.epoch)


def _result(run: Run, *, overtrained: bool = False, interrupted: bool = False) -> Trained:
    return Trained(run.experiment.best, run.epoch, run.step, overtrained, interrupted)


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM has been heard; the second time interrupts as ever."""
    asked: list[int] = []

    def hear(number: int, _frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    # Python lets no other thread listen to signals; whoever starts one there stops it in a way of its own.
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM) if main}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
