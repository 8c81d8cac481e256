"""Presets: YAML files whose keys are option names, read and checked before anything is started with them."""

import os
from collections.abc import Mapping
from dataclasses import Field, fields
from difflib import get_close_matches
from numbers import Integral, Real
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

from ultimate_rvc import paths
from ultimate_rvc.errors import OptionError, OutputError
from ultimate_rvc.names import safe_name
from ultimate_rvc.options import all_knobs, check

SUFFIXES = (".yaml", ".yml")
EXPECTED = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "a path"}


def load_preset(name: str) -> dict[str, Any]:
    """The options that a preset sets, by field name and in the field's type.

    `name` is a file in one of paths.preset_dirs(), with or without its suffix, or a path. Raises OptionError.
    """
    knobs = {spec.name: spec for _, spec in all_knobs()}
    written = _read(_find(name))
    for key in written:
        if key not in knobs:
            raise OptionError(f"preset {name}: unknown key {key!r}; {_hint(str(key), knobs)}")
    return {key: _checked(name, knobs[key], value) for key, value in written.items()}


def preset_from_env(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The preset that URVC_CONFIG names; empty where it is not set."""
    name = (os.environ if environ is None else environ).get("URVC_CONFIG", "").strip()
    return load_preset(name) if name else {}


def values_for(record: type, preset: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a preset that belongs to one record of options."""
    return {spec.name: preset[spec.name] for spec in fields(record) if spec.name in preset}


def available() -> list[str]:
    """Names of the presets that exist, each once."""
    files = (file for folder in paths.preset_dirs() if folder.is_dir() for file in folder.iterdir())
    return sorted({file.stem for file in files if file.suffix in SUFFIXES})


def _find(name: str) -> Path:
    asked = Path(name).expanduser()
    named = [asked] if asked.suffix in SUFFIXES else [Path(f"{asked}{suffix}") for suffix in SUFFIXES]
    # A bare word means a preset, never a file that happens to lie in the working directory.
    folders = [Path(), *paths.preset_dirs()] if asked.suffix in SUFFIXES else paths.preset_dirs()
    places = [folder / file for folder in folders for file in named]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise OptionError(f"no preset {name!r}; there are {', '.join(available())}, or give the path of a .yaml file")
    return found


def _read(path: Path) -> dict[Any, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise OptionError(f"preset {path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict | None):
        raise OptionError(f"preset {path} holds {content!r:.60}; it must hold lines of 'option: value'")
    return content or {}


def _hint(key: str, knobs: Mapping[str, Field]) -> str:
    close = get_close_matches(key.lower().replace("-", "_"), knobs, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{meant}there are {', '.join(sorted(knobs))}"


def _checked(preset: str, spec: Field, value: Any) -> Any:
    try:
        value = typed(spec, value)
        check(spec, value)
    except OptionError as error:
        raise OptionError(f"preset {preset}: {error}") from error
    return value


def typed(spec: Field, value: Any) -> Any:
    """The value as the field's type has it: a single item where several may stand, a whole number for any number.

    Raises OptionError for a value of another kind.
    """
    if get_origin(spec.type) is tuple:
        may_be_empty = spec.default == ()
        items = value if isinstance(value, list | tuple) and (value or may_be_empty) else [value]
        return tuple(_single(spec, item) for item in items)
    if value is None and NoneType in get_args(spec.type):
        return None
    return _single(spec, value)


def _single(spec: Field, value: Any) -> Any:
    kind = next(iter(get_args(spec.type)), spec.type)
    as_written = {float: (Real,), int: (Integral,), Path: (str, Path)}.get(kind, (kind,))
    # YAML's true is Python's True, which would pass for the number 1.
    if not isinstance(value, as_written) or (isinstance(value, bool) and kind is not bool):
        raise OptionError(f"{spec.name} is {value!r}; it must be {EXPECTED[kind]}")
    return Path(value).expanduser() if kind is Path else kind(value)


def save_preset(name: str, values: Mapping[str, Any], *, overwrite: bool = False) -> Path:
    """Writes options by field name into the user's own folder of presets, and returns the file.

    Raises OptionError for a name that is none or taken, and for a value that does not fit; OutputError.
    """
    path = paths.preset_dirs()[0] / f"{_fit(name)}{SUFFIXES[0]}"
    if path.exists() and not overwrite:
        raise OptionError(f"there is a preset {name!r} already; choose another name, or replace it")
    knobs = {spec.name: spec for _, spec in all_knobs()}
    checked = {key: _checked(name, knobs[key], value) for key, value in values.items()}
    _write(path, {key: _as_written(value) for key, value in checked.items()})
    return path


def _fit(name: str) -> str:
    if not name or safe_name(name) != name:
        raise OptionError(f"{name!r} cannot be a preset's name; use letters, digits and spaces")
    return name


def _as_written(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_as_written(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _write(path: Path, values: Mapping[str, Any]) -> None:
    import yaml

    half = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(yaml.safe_dump(dict(values), allow_unicode=True, sort_keys=True), encoding="utf-8")
        os.replace(half, path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
