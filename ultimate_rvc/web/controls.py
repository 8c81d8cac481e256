"""A control for every option, made from its field: name, range, default, choices and help are declared there alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, fields
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import (
    CoverOptions,
    EffectOptions,
    EmbedderOptions,
    MixOptions,
    OptimizationConfig,
    PitchOptions,
    SeparationOptions,
    SpeakingOptions,
    SpeechMixOptions,
    SpeechPitchOptions,
    SpeechVoiceOptions,
    VoiceOptions,
    check,
)
from ultimate_rvc.options_training import DatasetOptions, FeatureOptions, TrainingEmbedderOptions, TrainingOptions
from ultimate_rvc.presets import typed
from ultimate_rvc.serve.fields import kind_of
from ultimate_rvc.serve.places import require_custom_encoder, require_plain
from ultimate_rvc.voices import list_voices
from ultimate_rvc.web.texts import choices_of, help_of, label_of, text

T = TypeVar("T")

# What is seen before anything is unfolded.
SHOWN: Mapping[type, Sequence[str]] = {
    PitchOptions: ("f0_method", "n_octaves", "n_semitones"),
    EmbedderOptions: (),
    VoiceOptions: ("index_rate", "protect_rate"),
    SeparationOptions: ("separator", "split_backup", "dereverb"),
    EffectOptions: ("deess", "room_size", "wet_level"),
    MixOptions: ("main_gain", "inst_gain", "backup_gain", "output_format"),
    CoverOptions: ("backup_model", "convert_backup"),
    SpeakingOptions: ("engine", "tts_voice"),
    SpeechPitchOptions: ("n_octaves", "n_semitones"),
    SpeechVoiceOptions: ("index_rate",),
    SpeechMixOptions: ("effects", "output_gain"),
    OptimizationConfig: ("device", "precision", "use_fp16", "batch_size"),
    DatasetOptions: ("sample_rate", "split_method"),
    FeatureOptions: ("f0_method",),
    TrainingEmbedderOptions: ("embedder_model",),
    TrainingOptions: ("num_epochs", "batch_size", "upload_model", "upload_name"),
}
# What a choice that may be left open is set to: nothing, and the two that a switch knows.
LEFT_OPEN, YES, NO = "left to the program", "yes", "no"
SWITCHES = {LEFT_OPEN: None, YES: True, NO: False}
FINE, COARSE, COARSE_FROM = 0.01, 0.1, 10


class Kind(StrEnum):
    """What a control looks like."""

    SWITCH = "switch"
    MAYBE = "maybe"
    CHOICE = "choice"
    SEVERAL = "several"
    SLIDER = "slider"
    NUMBER = "number"
    NUMBERS = "numbers"
    TEXT = "text"
    FILE = "file"
    VOICE = "voice"


@dataclass(frozen=True)
class Control:
    """One option on the page."""

    record: type
    spec: Field

    @property
    def key(self) -> str:
        """Unique over all records."""
        return f"{self.record.__name__}.{self.spec.name}"

    @property
    def kind(self) -> Kind:
        """How it is shown, by the field's type and range."""
        about, kind = self.spec.metadata, kind_of(self.spec)
        if self.spec.name == "backup_model":
            return Kind.VOICE
        if get_origin(self.spec.type) is tuple:
            return Kind.SEVERAL if about["choices"] else Kind.NUMBERS
        if kind is bool:
            return Kind.MAYBE if self.is_optional else Kind.SWITCH
        if about["choices"]:
            return Kind.CHOICE
        if kind in (int, float):
            bounded = about["low"] is not None and about["high"] is not None
            return Kind.SLIDER if bounded and not self.is_optional else Kind.NUMBER
        return Kind.FILE if kind is Path else Kind.TEXT

    @property
    def is_optional(self) -> bool:
        """Whether it may be left open."""
        return NoneType in get_args(self.spec.type)

    @property
    def is_shown(self) -> bool:
        """Whether it is seen without unfolding."""
        return self.spec.name in SHOWN.get(self.record, ())

    @property
    def step(self) -> float:
        """From one place of a slider to the next."""
        about = self.spec.metadata
        if kind_of(self.spec) is int:
            return 1
        return FINE if about["high"] - about["low"] <= COARSE_FROM else COARSE

    def shown(self, value: Any) -> Any:
        """A value of the field as the control has it."""
        if self.kind is Kind.MAYBE:
            return next(word for word, meant in SWITCHES.items() if meant is value)
        if self.kind is Kind.NUMBERS:
            return ", ".join(map(str, value))
        return list(value) if isinstance(value, tuple) else value

    def value(self, shown: Any) -> Any:
        """The field's value of what the control holds. Raises OptionError; no path from outside becomes one here."""
        if self.kind is Kind.MAYBE:
            if shown not in SWITCHES:
                raise OptionError(f"{self.spec.name} is {shown!r:.60}; choose from {', '.join(SWITCHES)}")
            return SWITCHES[shown]
        value = self._parsed(shown)
        value = typed(self.spec, value)
        check(self.spec, value)
        return value

    def _parsed(self, shown: Any) -> Any:
        if self.kind is Kind.NUMBERS:
            return tuple(map(_whole, str(shown or "").replace(",", " ").split()))
        if self.kind is Kind.FILE:  # whoever wants the upload takes it in himself
            return None
        if shown is None or (isinstance(shown, str) and not shown.strip()):
            return None if self.is_optional else self.spec.default
        if self.kind in (Kind.TEXT, Kind.VOICE):
            return _plain(self.spec.name, str(shown).strip())
        if isinstance(shown, float) and kind_of(self.spec) is int and shown.is_integer():
            return int(shown)
        return shown


def controls(record: type) -> Iterator[Control]:
    """The record's options, in their order."""
    return (Control(record, spec) for spec in fields(record) if "help" in spec.metadata)


def record_of(record: type[T], shown: Mapping[str, Any]) -> T:
    """The record, out of what the controls hold by their keys. Raises OptionError."""
    return record(**{one.spec.name: one.value(shown[one.key]) for one in controls(record)})


def component(control: Control, language: str, form: str = "") -> Any:
    """The control as Gradio draws it; `form` tells it from the same option in other forms of the page."""
    import gradio as gr

    about, default = control.spec.metadata, control.shown(control.spec.default)
    named = {
        "label": label_of(control.record, control.spec, language),
        "info": help_of(control.record, control.spec, language),
        "elem_id": f"{form}-{control.key.replace('.', '-')}",
        "interactive": True,
    }
    match control.kind:
        case Kind.SWITCH:
            return gr.Checkbox(default, **named)
        case Kind.MAYBE:
            return gr.Dropdown([(text(word, language), word) for word in SWITCHES], value=default, **named)
        case Kind.CHOICE:
            return gr.Dropdown(choices_of(control.record, control.spec, language), value=default, **named)
        case Kind.SEVERAL:
            choices = choices_of(control.record, control.spec, language)
            return gr.Dropdown(choices, value=default, multiselect=True, **named)
        case Kind.VOICE:
            return gr.Dropdown(voice_choices(language), value="", **named)
        case Kind.SLIDER:
            return gr.Slider(about["low"], about["high"], value=default, step=control.step, **named)
        case Kind.NUMBER:
            bounds = {"minimum": about["low"], "maximum": about["high"]}
            whole = {"precision": 0} if kind_of(control.spec) is int else {}
            return gr.Number(default, **bounds, **whole, **named)
        case Kind.FILE:
            named["label"] = f"{named['label']}: {named.pop('info')}"
            return gr.File(type="filepath", height=140, **named)
        case _:
            return gr.Textbox(default or "", max_length=300, **named)


def voice_choices(language: str) -> list[Any]:
    """The voices there are, and none of them."""
    return [(text("none", language), ""), *list_voices()]


def _whole(word: str) -> int:
    try:
        return int(word)
    except ValueError as error:
        raise OptionError(f"{word!r} is no whole number; write numbers with commas between them") from error


def _plain(name: str, value: str) -> str:
    require_plain(name, value)
    if name == "custom_embedder_model":
        require_custom_encoder(value)
    return value
