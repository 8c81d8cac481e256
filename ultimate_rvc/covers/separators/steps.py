"""Options into separations, in upstream's order: vocals out of the song, main out of all vocals, reverb off the main.

What cannot be done is said here, before anything is computed.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class _Wish:
    """A task, whether it was asked for (None: not said), whether it would be done anyway, and by which model."""

    task: Task
    said: bool | None
    usual: bool
    model: str | None

    @property
    def is_wanted(self) -> bool:
        return self.usual if self.said is None else self.said


def _tasks(preset: Preset, options: SeparationOptions, chosen: str) -> list[tuple[Task, str]]:
    """What models are needed for, in order, and which."""
    wishes = (
        _Wish(TAKE_VOCALS, preset.vocals is not None, False, preset.vocals),
        _Wish(SPLIT_VOCALS, _said(options.split_backup, options.karaoke_model), preset.splits, preset.karaoke),
        _Wish(TAKE_REVERB_OFF, _said(options.dereverb, options.dereverb_model), preset.dereverbs, preset.dereverb),
    )
    return [(wish.task, _model(wish, chosen)) for wish in wishes if wish.is_wanted and not _left_out(wish)]


def _said(switch: bool | None, model: str | None) -> bool | None:
    """A model that was named is meant to be used."""
    return True if model else switch


def _left_out(wish: _Wish) -> bool:
    """Whether nobody asked for it and its model cannot be had; a warning says so."""
    switch = offline_switch()
    if wish.said is not None or wish.model is None or switch is None or package.on_disk(wish.model):
        return False
    missing = paths.separators_dir() / wish.model
    logger.warning("Left out: %s, because %s is missing and %s forbids downloads", wish.task.stage, missing, switch)
    return True


def _model(wish: _Wish, chosen: str) -> str:
    if wish.model is None:
        raise OptionError(f"separator {chosen!r} cannot {wish.task.stage}; name a model for it, or another separator")
    return wish.model


def _separator(task: Task, model: str, settings: package.Settings) -> ModelSeparator:
    if not package.installed():
        raise ModelError(f"{task.stage}: {model} needs {package.PACKAGE}: {package.HOW_TO_INSTALL}")
    return ModelSeparator(task, model, settings)
