"""Options into separations, in upstream's order: vocals out of the song, main out of all vocals, reverb off the main.

What cannot be done is said here, before anything is computed.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ultimate_rvc import device as devices
from ultimate_rvc import paths
from ultimate_rvc.covers.separators import package
from ultimate_rvc.covers.separators.classical import Classical
from ultimate_rvc.covers.separators.models import ModelSeparator
from ultimate_rvc.covers.separators.presets import BEST_ON_CPU, BEST_ON_GPU, PRESETS, Preset
from ultimate_rvc.covers.separators.tasks import SPLIT_VOCALS, TAKE_REVERB_OFF, TAKE_VOCALS, Task
from ultimate_rvc.covers.stems import SeparationStep, StemName
from ultimate_rvc.errors import ModelError, OptionError
from ultimate_rvc.options import SeparationOptions
from ultimate_rvc.weights import offline_switch

logger = logging.getLogger(__name__)


def steps_for(options: SeparationOptions, device: str = "auto") -> tuple[SeparationStep, ...]:
    """The separations that the options ask for, in order; none for a source that already is vocals.

    `device` is a name that `device.choose` takes. Raises OptionError for what a separator cannot do, ModelError
    where audio-separator is needed and not installed.
    """
    chosen = _chosen(options, device)
    preset = _with_own_models(PRESETS[chosen], options)
    asked = package.Settings(device, options.segment_size, options.separation_batch, preset.denoises)
    steps = [SeparationStep(StemName.SONG, Classical())] if chosen == "classical" else []
    for task, model in _tasks(preset, options, chosen):
        steps.append(SeparationStep(sung(steps), _separator(task, model, asked)))
    return tuple(steps)


def sung(steps: Sequence[SeparationStep]) -> StemName:
    """The stem that the steps leave to be sung: what the last of them takes out, or the song itself."""
    return steps[-1].separator.gives[0] if steps else StemName.SONG


def _chosen(options: SeparationOptions, device: str) -> str:
    """The separator's name, with 'auto' decided."""
    if options.separator != "auto":
        return options.separator
    reason = None if package.installed() else f"it needs {package.PACKAGE} ({package.HOW_TO_INSTALL})"
    best = BEST_ON_CPU
    if reason is None:
        best = BEST_ON_CPU if devices.choose(device).kind == "cpu" else BEST_ON_GPU
        model = options.separator_model or PRESETS[best].vocals
        if model and not package.on_disk(model) and (switch := offline_switch()):
            reason = f"{paths.separators_dir() / model} is missing and {switch} forbids downloads"
    if reason is None or options.separator_model:
        return best
    logger.warning("No model to take the song apart: %s. The classical method does it, and it %s", reason, _LOST)
    return "classical"


_LOST = "lets some of the instruments through, takes some of the voice away and cannot part backup vocals"


def _with_own_models(preset: Preset, options: SeparationOptions) -> Preset:
    named = {"vocals": options.separator_model, "karaoke": options.karaoke_model, "dereverb": options.dereverb_model}
    return replace(preset, **{part: _checked(model) for part, model in named.items() if model})


def _checked(model: str) -> str:
    if Path(model).name != model:
        raise OptionError(f"model {model!r} is a path; give a file's name, and put the file in the models folder")
    return model


def _tasks(preset: Preset, options: SeparationOptions, chosen: str) -> list[tuple[Task, str | None]]:
    """What models are needed for, in order, and which."""
    splits = preset.splits if options.split_backup is None else options.split_backup
    dries = preset.dereverbs if options.dereverb is None else options.dereverb
    wanted = (
        (preset.vocals is not None, TAKE_VOCALS, preset.vocals),
        (splits or options.karaoke_model is not None, SPLIT_VOCALS, preset.karaoke),
        (dries or options.dereverb_model is not None, TAKE_REVERB_OFF, preset.dereverb),
    )
    for is_wanted, task, model in wanted:
        if is_wanted and model is None:
            raise OptionError(f"separator {chosen!r} cannot {task.stage}; name a model for it, or another separator")
    return [(task, model) for is_wanted, task, model in wanted if is_wanted]


def _separator(task: Task, model: str | None, settings: package.Settings) -> ModelSeparator:
    if not package.installed():
        raise ModelError(f"{task.stage}: {model} needs {package.PACKAGE}: {package.HOW_TO_INSTALL}")
    return ModelSeparator(task, str(model), settings)
