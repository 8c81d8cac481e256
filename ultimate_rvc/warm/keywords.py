"""Options as keywords: from `n_semitones=-2` to the records that the stages take.

Which keywords there are, and their types, is read from the records of `ultimate_rvc.options`, so that a knob is
described in one place only.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import check
from ultimate_rvc.presets import typed, values_for

T = TypeVar("T")


def knobs_of(*records: type) -> dict[str, Field]:
    """Every knob of these records and of the records inside them, by name."""
    return {spec.name: spec for record in records for spec in _knobs(record)}


def _knobs(record: type) -> Iterator[Field]:
    for spec in fields(record):  # type: ignore[arg-type]
        if "help" in spec.metadata:
            yield spec
        elif inner := _inner(spec):
            yield from _knobs(inner)


def _inner(spec: Field) -> type | None:
    """The record that a field holds, None for other fields."""
    made = spec.default_factory
    return made if made is not MISSING and is_dataclass(made) else None  # type: ignore[return-value]


def checked(options: Mapping[str, Any], knobs: Mapping[str, Field]) -> dict[str, Any]:
    """The values in their fields' types and inside their ranges.

    Raises OptionError for a value that does not fit, and for a name that none of the knobs has, with the nearest one.
    """
    require_known(options, knobs)
    values = {name: typed(knobs[name], value) for name, value in options.items()}
    for name, value in values.items():
        check(knobs[name], value)
    return values


def require_known(names: Iterable[str], known: Iterable[str]) -> None:
    """Raises OptionError for the first name that is not known, with the nearest one."""
    there = sorted(known)
    for name in names:
        if name not in there:
            raise OptionError(f"no option {name!r}; {_hint(name, there)}")


def _hint(name: str, known: list[str]) -> str:
    close = get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"


def filled(record: type[T], values: Mapping[str, Any]) -> T:
    """The record with those of the values that are its own, the records inside it filled alike."""
    return record(**parts_of(record, values), **values_for(record, values))


def parts_of(record: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The records inside a record, by field name, each filled with those of the values that are its own."""
    inside = {spec.name: _inner(spec) for spec in fields(record)}  # type: ignore[arg-type]
    return {name: filled(inner, values) for name, inner in inside.items() if inner}
