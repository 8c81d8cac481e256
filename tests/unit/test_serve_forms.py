"""Forms are read while they arrive: files go to disk, and nothing is larger than it may be."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("python_multipart", reason="the extra 'serve' is not installed")

from ultimate_rvc.errors import InputError
from ultimate_rvc.serve.forms import LONGEST_FIELD_BYTES, MOST_JSON_BYTES, MOST_PARTS, Form, TooLarge, received

BOUNDARY = "limit"
PLENTY_BYTES = 1_000_000


class Request:
    """A request that arrives in these chunks."""

    def __init__(self, chunks: list[bytes], content_type: str = f"multipart/form-data; boundary={BOUNDARY}"):
        self.chunks, self.headers = chunks, {"content-type": content_type}
        self.taken = 0

    async def stream(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.taken += 1
            yield chunk


def _part(name: str, value: bytes, filename: str | None = None) -> bytes:
    named = f'form-data; name="{name}"' + ("" if filename is None else f'; filename="{filename}"')
    return f"--{BOUNDARY}\r\nContent-Disposition: {named}\r\n\r\n".encode() + value + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
SOUND = bytes(range(256)) * 8 + b"\r\n--limi" + b"\r\n--" * 3
BODY = _part("voice", "Tïny".encode()) + _part("source", SOUND, "my song.wav") + _part("n_semitones", b"-2") + END


def _read(request: Any, folder: Path, most_bytes: int = PLENTY_BYTES) -> Form:
    return asyncio.run(received(request, folder, most_bytes))


def test_fields_and_files_are_taken_apart(tmp_path: Path) -> None:
    form = _read(Request([BODY]), tmp_path)
    assert form.fields == {"voice": ["Tïny"], "n_semitones": ["-2"]}
    assert form.files["source"].filename == "my song.wav"
    assert form.files["source"].path.parent == tmp_path and form.files["source"].path.read_bytes() == SOUND


@given(cuts=st.sets(st.integers(1, len(BODY) - 1), max_size=12))
def test_where_the_network_cuts_makes_no_difference(tmp_path_factory: pytest.TempPathFactory, cuts: set[int]) -> None:
    edges = [0, *sorted(cuts), len(BODY)]
    chunks = [BODY[a:b] for a, b in pairwise(edges)]
    form = _read(Request(chunks), tmp_path_factory.mktemp("form"))
    assert form.fields == {"voice": ["Tïny"], "n_semitones": ["-2"]}
    assert form.files["source"].path.read_bytes() == SOUND


def test_a_file_never_lies_under_the_name_that_its_sender_gave_it(tmp_path: Path) -> None:
    body = b"".join(_part(f"f{i}", b"x", name) for i, name in enumerate(["../../evil", "/etc/passwd", "C:\\\\x"])) + END
    _read(Request([body]), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"upload-0", "upload-1", "upload-2"}


def test_reading_stops_as_soon_as_too_much_has_arrived(tmp_path: Path) -> None:
    endless = Request([_part("source", b"", "a.wav")[:-2], *[b"x" * 1000] * 100])
    with pytest.raises(TooLarge):
        _read(endless, tmp_path, 5000)
    assert endless.taken < 8 and sum(path.stat().st_size for path in tmp_path.iterdir()) <= 5000


def test_a_body_that_claims_to_be_too_large_is_not_read_at_all(tmp_path: Path) -> None:
    request = Request([BODY])
    request.headers["content-length"] = "5001"
    with pytest.raises(TooLarge):
        _read(request, tmp_path, 5000)
    assert request.taken == 0


def test_json_is_bounded_too(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        _read(Request([b" " * 1024] * (MOST_JSON_BYTES // 1024 + 1), "application/json"), tmp_path, 10**9)


BROKEN = {
    "cut": BODY[:-20],
    "cut in a file": BODY[:300],
    "no form": b"hello",
    "empty": b"",
    "nameless": b"--limit\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END,
    "two files": _part("source", b"1", "a") + _part("source", b"2", "b") + END,
    "long field": _part("voice", b"x" * (LONGEST_FIELD_BYTES + 1)) + END,
    "many parts": _part("a", b"") * (MOST_PARTS + 1) + END,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_form_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"; \w+|longer than"):
        _read(Request([BROKEN[name]]), tmp_path)


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"[1]", "application/json"), (b"{", "application/json"), (b"[" * 100_000, "application/json"),
     (b"\xff", "application/json"), (BODY, "multipart/form-data"), (b"voice=Tiny", "application/x-www-form-urlencoded"),
     (b"x", "")],
    ids=["list", "cut", "deep", "bytes", "no boundary", "urlencoded", "no type"],
)  # fmt: skip
def test_other_bodies_are_refused_with_what_is_expected(tmp_path: Path, body: bytes, kind: str) -> None:
    with pytest.raises(InputError, match=r"send|let"):
        _read(Request([body], kind), tmp_path)


def test_json_gives_typed_fields(tmp_path: Path) -> None:
    sent = {"voice": "Tiny", "n_semitones": -2, "f0_method": ["swift"]}
    assert _read(Request([json.dumps(sent).encode()], "application/json; charset=utf-8"), tmp_path) == Form(sent)


def test_a_file_field_that_nobody_filled_in_is_no_file(tmp_path: Path) -> None:
    form = _read(Request([_part("vocals", b"", "") + END]), tmp_path)
    assert form == Form({"vocals": [""]})
