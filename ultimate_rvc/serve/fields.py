"""Options over HTTP: which there are, how a form's text becomes a value, and how they are described to clients."""

from collections.abc import Mapping
from dataclasses import Field, dataclass
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any, get_args, get_origin

from ultimate_rvc import paths
from ultimate_rvc.covers.cover import CoverRequest
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import ConversionOptions, MixOptions, all_knobs, parse_bool
from ultimate_rvc.serve.forms import Form
from ultimate_rvc.serve.places import inside, listed_voice, require_custom_encoder, require_plain
from ultimate_rvc.warm.converter import ALL_KNOBS, CONVERT_KNOBS, COVER_KNOBS
from ultimate_rvc.warm.keywords import checked, filled, knobs_of, parts_of, require_known

# A converted track is a file too.
FILE_KNOBS = {name: knobs_of(MixOptions)[name] for name in ("output_format", "output_name")}
# What an environment variable sets is the choice of the server's owner.
KNOBS: Mapping[str, Mapping[str, Field]] = MappingProxyType(
    {
        "convert": {**CONVERT_KNOBS, **FILE_KNOBS},
        "cover": {name: spec for name, spec in COVER_KNOBS.items() if not spec.metadata["env"]},
    }
)
# Texts that name something which the library has.
NAMES = {"custom_embedder_model": require_custom_encoder, "backup_model": listed_voice}
# Fields that hold sound: a file that is sent, or the name of one in the audio folder.
SOUNDS = {"convert": ("source",), "cover": ("source", "vocals", "instrumentals")}
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string"}


@dataclass(frozen=True)
class OptionView:
    """One option as a client sees it. `endpoints` take it; an option of none is fixed when the server starts."""

    name: str
    group: str
    help: str
    type: str
    several: bool
    default: Any
    low: float | None
    high: float | None
    choices: list[Any] | None
    endpoints: list[str]


def described() -> list[OptionView]:
    """Every option of the command line."""
    return [_described(record, spec) for record, spec in all_knobs()]


def _described(record: type, spec: Field) -> OptionView:
    about, default = spec.metadata, spec.default
    return OptionView(
        name=spec.name,
        group=record.__name__,
        help=about["help"],
        type=TYPES[kind_of(spec)],
        several=_several(spec),
        default=list(default) if isinstance(default, tuple) else default,
        low=about["low"],
        high=about["high"],
        choices=list(about["choices"]) if about["choices"] else None,
        endpoints=[name for name, knobs in KNOBS.items() if spec.name in knobs],
    )


def schema(kind: str) -> dict[str, Any]:
    """The OpenAPI description of what an endpoint takes, as a form with files and as JSON with names."""
    options = {name: _property(spec) for name, spec in KNOBS[kind].items()}
    voice = {"voice": {"type": "string", "description": "The voice, as GET /voices names it."}}
    named = "Name of a file in the audio folder, like 'song.wav'."
    sent = {"type": "string", "format": "binary", "description": f"A file; or as text: {named}"}
    as_files = dict.fromkeys(SOUNDS[kind], sent)
    as_names = {name: {"type": "string", "description": named} for name in SOUNDS[kind]}
    required = ["voice", "source"] if kind == "convert" else ["voice"]
    content = {
        "multipart/form-data": {**voice, **as_files, **options},
        "application/json": {**voice, **as_names, **options},
    }
    bodies = {
        type_: {"schema": {"type": "object", "required": required, "properties": properties}}
        for type_, properties in content.items()
    }
    return {"requestBody": {"required": True, "content": bodies}}


def _property(spec: Field) -> dict[str, Any]:
    about = spec.metadata
    bounds = {"enum": list(about["choices"] or ()), "minimum": about["low"], "maximum": about["high"]}
    item = {"type": TYPES[kind_of(spec)], **{name: value for name, value in bounds.items() if value not in (None, [])}}
    shape = {"type": "array", "items": item} if _several(spec) else item
    default = {} if spec.default is None else {"default": list(spec.default) if _several(spec) else spec.default}
    return {**shape, **default, "description": about["help"]}


def options_of(kind: str, form: Form) -> dict[str, Any]:
    """The form's options, checked as the command line's are, and with no path in them that came from outside.

    Raises OptionError, InputError for a file that is not there.
    """
    knobs = KNOBS[kind]
    given = {name: value for name, value in form.fields.items() if name not in ("voice", *SOUNDS[kind])}
    for name in given:
        if name in ALL_KNOBS and ALL_KNOBS[name].metadata["env"]:
            raise OptionError(f"{name} is fixed when the server starts; leave it out")
    require_known([*given, *(name for name in form.files if name not in SOUNDS[kind])], knobs)
    values = {name: _value(knobs[name], value) for name, value in given.items() if not _left_empty(value)}
    files = {name: file.path for name, file in form.files.items() if name in knobs}
    for name in files:
        if kind_of(knobs[name]) is not Path:
            raise OptionError(f"{name} is no file; send its value as text")
    options = {**checked(values, knobs), **files}
    _require_fit(kind, options)
    return options


def _require_fit(kind: str, options: Mapping[str, Any]) -> None:
    """Raises OptionError for options that go ill together, which their records know."""
    if kind == "convert":
        filled(ConversionOptions, options)
    else:
        parts_of(CoverRequest, options)


def _value(spec: Field, value: Any) -> Any:
    """A value out of JSON, or out of a form's texts; names of files are looked up, other texts must be plain."""
    value = _from_texts(spec, value) if isinstance(value, list) and _all_text(value) else value
    if kind_of(spec) is Path and isinstance(value, str):
        return inside(paths.audio_dir(), value)
    if isinstance(value, str) and spec.metadata["choices"] is None:
        require_plain(spec.name, value)
        if spec.name in NAMES:
            NAMES[spec.name](value)
    return value


def _from_texts(spec: Field, texts: list[str]) -> Any:
    if _several(spec):
        return [_choice(spec, word) for text in texts for word in text.replace(",", " ").split()]
    if len(texts) > 1:
        raise OptionError(f"{spec.name} was given {len(texts)} times; give it once")
    text, kind = texts[0].strip(), kind_of(spec)
    if kind is bool:
        return parse_bool(text, spec.name)
    return _number(kind, text) if kind in (int, float) else _choice(spec, text)


def _number(kind: type, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:  # the check of the option says what it must be
        return text


def _choice(spec: Field, text: str) -> Any:
    """A text; of choices in any case, the one that is meant, as on the command line."""
    return next((one for one in spec.metadata["choices"] or () if str(one).casefold() == text.casefold()), text)


def _left_empty(value: Any) -> bool:
    """A field of a form that nobody filled in."""
    return value == [""]


def _all_text(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(item, str) for item in value)


def kind_of(spec: Field) -> type:
    """The type of one value: int of `int`, of `int | None` and of `tuple[int, ...]`."""
    return next((kind for kind in get_args(spec.type) if kind is not NoneType), spec.type)  # type: ignore[return-value]


def _several(spec: Field) -> bool:
    return get_origin(spec.type) is tuple
