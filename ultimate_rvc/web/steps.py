"""One step of a training as a process: its order comes on stdin as JSON, progress and ending go to stdout in lines."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ultimate_rvc.errors import OptionError, UrvcError
from ultimate_rvc.options_training import (
    DatasetOptions,
    FeatureOptions,
    HardwareOptions,
    IndexOptions,
    TrainingEmbedderOptions,
    TrainingOptions,
)
from ultimate_rvc.progress import OnProgress, Progress
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.web.controls import record_of
from ultimate_rvc.web.guards import training_name

Order = Mapping[str, Any]
Ending = dict[str, Any]


def preprocess(experiment: Experiment, order: Order, on_progress: OnProgress) -> Ending:
    """Recordings become slices."""
    from ultimate_rvc.rvc.train.data.populate import dataset_folder
    from ultimate_rvc.rvc.train.data.preprocess import preprocess_dataset

    folder = dataset_folder(training_name(order["dataset"]))
    report = preprocess_dataset(experiment, folder, record_of(DatasetOptions, order["shown"]), on_progress)
    slices = sum(len(file.slices) for file in report.files)
    said = f"{len(report.used)} of {len(report.files)} files used, {slices} slices"
    rows = [(file.path, problem.kind, problem.text) for file, problem in report.problems()]
    return {"said": [said], "rows": rows}


def extract(experiment: Experiment, order: Order, on_progress: OnProgress) -> Ending:
    """Pitch and content of every slice."""
    from ultimate_rvc.rvc.train.features.content import find_encoder
    from ultimate_rvc.rvc.train.features.extraction import extract_features
    from ultimate_rvc.rvc.train.hardware import chosen_devices

    shown = order["shown"]
    on = chosen_devices(record_of(HardwareOptions, shown))
    encoder = find_encoder(record_of(TrainingEmbedderOptions, shown), on_progress)
    done = extract_features(experiment, encoder, record_of(FeatureOptions, shown), on, on_progress)
    said = f"{done.slices} slices for a {done.version} voice of {done.speakers} speaker(s)"
    return {"said": [said, *(f"left out: {name}" for name in done.left_out)]}


def run(experiment: Experiment, order: Order, on_progress: OnProgress) -> Ending:
    """The training itself, and the index when it is complete."""
    from ultimate_rvc.rvc.train.hardware import training_device
    from ultimate_rvc.voices.training import train_voice

    options, index = (record_of(kind, order["shown"]) for kind in (TrainingOptions, IndexOptions))
    device = training_device(record_of(HardwareOptions, order["shown"]))
    done, _, upload = train_voice(experiment, options, index, device, on_progress)
    if done.interrupted:
        return {"said": [f"stopped after {done.epochs} epochs; start it again to go on"]}
    said = f"{'overtrained' if done.overtrained else 'complete'} after {done.epochs} epochs, {done.steps} steps"
    return {"said": [said, *([f"{upload!r} is among the voices now"] if upload else [])]}


def index(experiment: Experiment, order: Order, on_progress: OnProgress) -> Ending:
    """The index alone."""
    from ultimate_rvc.rvc.train.index import build_index

    return {"said": [build_index(experiment, record_of(IndexOptions, order["shown"]), on_progress).name]}


def export(experiment: Experiment, order: Order, on_progress: OnProgress) -> Ending:
    """A voice of a checkpoint, into the library if it is given a name there."""
    from ultimate_rvc.rvc.train.export import export_checkpoint
    from ultimate_rvc.voices.importing import check_name, import_voice

    name = (order.get("voice") or "").strip()
    if name:
        check_name(name)
    found = _checkpoint(experiment, order.get("epoch"))
    path = export_checkpoint(
        found, experiment.folder / f"{experiment.name}.pth", experiment, order.get("vocoder") or None
    )
    if name:
        parts = [path, *([experiment.index] if experiment.index.is_file() else [])]
        import_voice(parts, name=name, on_progress=on_progress)
    return {"said": [path.name, *([f"{name!r} is among the voices now"] if name else [])]}


def _checkpoint(experiment: Experiment, epoch: float | None) -> Path:
    """The last one, or that of an epoch."""
    from ultimate_rvc.rvc.train.checkpoints import pairs

    there = {pair.number: pair.generator for pair in pairs(experiment)}
    if not there:
        raise OptionError(f"{experiment.name!r} has no checkpoint yet; start the training first")
    if epoch is not None and epoch not in there:
        raise OptionError(f"there is no checkpoint of epoch {epoch:g}; there are {', '.join(map(str, there))}")
    return there[max(there) if epoch is None else int(epoch)]


STEPS: Mapping[str, Callable[[Experiment, Order, OnProgress], Ending]] = {
    "preprocess": preprocess,
    "extract": extract,
    "run": run,
    "index": index,
    "export": export,
}


def main() -> int:
    """Does what stdin orders; the exit status is 0 when it said how it went."""
    out = sys.stdout
    # What libraries print is not for whoever reads our lines.
    sys.stdout = sys.stderr
    order = json.load(sys.stdin)

    def say(told: Mapping[str, Any]) -> None:
        out.write(json.dumps(told) + "\n")
        out.flush()

    def on_progress(progress: Progress) -> None:
        say(asdict(progress))

    try:
        say(STEPS[order["step"]](Experiment.named(order["training"]), order, on_progress))
    except UrvcError as error:
        say({"error": without_folder(str(error))})
    return 0


def without_folder(message: str) -> str:
    """A line for a browser: where files lie on this machine is left out of it."""
    from ultimate_rvc.serve.places import without_places

    return without_places(message, Path.cwd())


if __name__ == "__main__":
    sys.exit(main())
