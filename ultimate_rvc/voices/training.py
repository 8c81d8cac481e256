"""From a training to a voice in the library: what every front end does around the training itself."""

from pathlib import Path
from typing import TYPE_CHECKING

from ultimate_rvc.options_training import IndexOptions, TrainingOptions
from ultimate_rvc.progress import OnProgress

if TYPE_CHECKING:
    from ultimate_rvc.device import Device
    from ultimate_rvc.rvc.train.experiment import Experiment
    from ultimate_rvc.rvc.train.loop import Trained


def train_voice(
    experiment: "Experiment", options: TrainingOptions, index: IndexOptions, device: "Device", on_progress: OnProgress
) -> tuple["Trained", Path | None, str]:
    """Trains, builds the index, and takes both into the library where the options ask for it.

    Returns what the training came to, the index (None after an interruption), and the name in the library ('' for
    none), which is checked before anything is trained. Raises errors of the UrvcError tree.
    """
    from ultimate_rvc.rvc.train.index import build_index
    from ultimate_rvc.rvc.train.loop import train
    from ultimate_rvc.voices.importing import check_name, import_voice, refuse_taken

    upload = (options.upload_name or "").strip() if options.upload_model else ""
    if upload:
        check_name(upload)
        refuse_taken(upload)
    trained = train(experiment, options, device, on_progress)
    if trained.interrupted:
        return trained, None, ""
    built = build_index(experiment, index, on_progress)
    if upload:
        import_voice([trained.path, built], name=upload, on_progress=on_progress)
    return trained, built, upload
