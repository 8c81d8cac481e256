"""What a client sends: files streamed to disk within bounds, and fields."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ultimate_rvc.errors import InputError

if TYPE_CHECKING:
    from starlette.requests import Request

MULTIPART, JSON = "multipart/form-data", "application/json"
# Options are a few words each.
LONGEST_FIELD_BYTES = 16 * 1024
MOST_PARTS = 200
MOST_JSON_BYTES = 1024 * 1024


class TooLarge(Exception):
    """A request of more bytes than are allowed."""


@dataclass(frozen=True)
class Upload:
    """A file that was sent: where it lies now, and what the client calls it."""

    path: Path
    filename: str


@dataclass(frozen=True)
class Form:
    """What was sent: texts (or JSON values) by field name, and files by field name."""

    fields: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)


async def received(request: "Request", folder: Path, most_bytes: int) -> Form:
    """The form, its files written into the folder while they arrive.

    Raises TooLarge, InputError for what is no form, OSError when the disk is full.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    limit = most_bytes if kind == MULTIPART else MOST_JSON_BYTES
    claimed = request.headers.get("content-length", "")
    if claimed.isascii() and claimed.isdigit() and int(claimed) > limit:
        raise TooLarge
    body = _bounded(request.stream(), limit)
    if kind == MULTIPART:
        return await _multipart(body, request.headers["content-type"], folder)
    if kind == JSON:
        return Form(_object(b"".join([chunk async for chunk in body])))
    raise InputError(f"the body is {kind or 'of no type'}; send {MULTIPART} (with files) or {JSON} (with names)")


async def _bounded(chunks: AsyncIterator[bytes], most_bytes: int) -> AsyncIterator[bytes]:
    """The chunks, until they are too many: what a header claims is not what has to arrive."""
    arrived = 0
    async for chunk in chunks:
        arrived += len(chunk)
        if arrived > most_bytes:
            raise TooLarge
        yield chunk


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body is no JSON ({error}); send an object of options") from error
    if not isinstance(value, dict):
        raise InputError(f"the body is a JSON {type(value).__name__}; send an object of options")
    return value


async def _multipart(body: AsyncIterator[bytes], content_type: str, folder: Path) -> Form:
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise InputError(f"the {MULTIPART} header names no boundary; let your HTTP library make that header")
    parts = _Parts(folder, lambda header: parse_options_header(header)[1])
    try:
        parser = MultipartParser(boundary, parts.callbacks())
        async for chunk in body:
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise InputError(f"the form cannot be read ({error}); send it again") from error
    finally:
        parts.close()
    if not parts.complete:
        raise InputError("the form ends in the middle; send it again")
    return Form(parts.fields, parts.files)


class _Parts:
    """Collects the parts of a form as the parser finds them; no file's name is taken from the client."""

    def __init__(self, folder: Path, parameters: Callable[[bytes], Mapping[bytes, bytes]]):
        self.fields: dict[str, Any] = {}
        self.files: dict[str, Upload] = {}
        self.complete = False
        self._folder, self._parameters = folder, parameters
        self._header = self._value = self._disposition = b""
        self._name = ""
        self._file: BinaryIO | None = None
        self._text = bytearray()
        self._count = 0

    def callbacks(self) -> dict[str, Callable[..., None]]:
        names = (
            "part_begin",
            "part_data",
            "part_end",
            "header_field",
            "header_value",
            "header_end",
            "headers_finished",
        )
        return {f"on_{name}": getattr(self, name) for name in (*names, "end")}

    def close(self) -> None:
        if self._file:
            self._file.close()
        self._file = None

    def part_begin(self) -> None:
        self._count += 1
        if self._count > MOST_PARTS:
            raise InputError(f"the form has more than {MOST_PARTS} parts; send each option once")
        self._disposition, self._text = b"", bytearray()

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def headers_finished(self) -> None:
        found = self._parameters(self._disposition)
        if b"name" not in found:
            raise InputError("a part of the form has no name; give each field one")
        self._name = _text(found[b"name"])
        # A browser sends a file field that nobody filled in with an empty name.
        if found.get(b"filename"):
            self._open(_text(found[b"filename"]))

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file:
            self._file.write(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > LONGEST_FIELD_BYTES:
            raise InputError(f"the field {self._name[:40]!r} is longer than {LONGEST_FIELD_BYTES // 1024} kB")

    def part_end(self) -> None:
        if self._file:
            self.close()
        else:
            self.fields.setdefault(self._name, []).append(_text(bytes(self._text)))

    def end(self) -> None:
        self.complete = True

    def _open(self, filename: str) -> None:
        if self._name in self.files:
            raise InputError(f"the form has two files {self._name!r}; send one")
        path = self._folder / f"upload-{len(self.files)}"
        self.files[self._name] = Upload(path, filename)
        self._file = path.open("xb")


def _text(raw: bytes) -> str:
    """Text in UTF-8; bytes that are none become marks, so that a name in another encoding is refused as unknown."""
    return raw.decode("utf-8", "replace")
