"""One file from the web to one place on disk: resumed, verified, and under its own name only when it is whole.

What has arrived lies in NAME.part beside the target, with the server's ETag in NAME.part.etag; the next attempt asks
for the rest of exactly that version (RFC 9110: Range with If-Range). Hugging Face answers for its large files with a
redirect whose X-Linked-Size and X-Linked-Etag are the file's size and sha256.
"""

import hashlib
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ultimate_rvc.errors import DownloadError, OutputError
from ultimate_rvc.progress import OnProgress, Progress, silent

if TYPE_CHECKING:
    from urllib.error import HTTPError
    from urllib.request import Request

logger = logging.getLogger(__name__)

ATTEMPTS = 5
FIRST_PAUSE_S = 0.5
TIMEOUT_S = 30.0
BLOCK_BYTES = 1024 * 1024
LOOK_BYTES = 4 * 1024 * 1024
PASSING_STATUS = (408, 425, 429, 500, 502, 503, 504)
SHA256 = re.compile(r"[0-9a-f]{64}")
T = TypeVar("T")


@dataclass(frozen=True)
class Wanted:
    """A file to fetch: where from, where to, what it is called in progress, and its sha256 where that is known.

    A file that is larger than `most_bytes` is refused, whatever the server says of it. `remedy` is what people are told
    to do when it fails; without it, to put the file at the target themselves.
    """

    url: str
    target: Path
    stage: str
    sha256: str | None = None
    most_bytes: int | None = None
    remedy: str = ""

    @property
    def part(self) -> Path:
        """What has arrived so far."""
        return self.target.with_name(self.target.name + ".part")

    @property
    def etag(self) -> Path:
        """Which version of the file `part` belongs to."""
        return self.target.with_name(self.target.name + ".part.etag")


@dataclass(frozen=True)
class Look:
    """What an address leads to: after redirects, of what type, under which name, and its text if it is text."""

    url: str
    type: str
    file_name: str
    text: str


class _Dropped(Exception):
    """The connection ended early or the server was busy; worth another attempt."""


def download(wanted: Wanted, on_progress: OnProgress = silent) -> Path:
    """Fetches the file unless it is there by then, and returns its path. Safe to call from several processes.

    Raises DownloadError (what arrived is kept, unless it is wrong) or OutputError.
    """
    from filelock import FileLock

    try:
        wanted.target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(wanted.target.with_name(f".{wanted.target.name}.lock")):
            if not holds_something(wanted.target):
                answer = _fetch(wanted, on_progress)
                _verify(wanted, answer)
                _put_in_place(wanted)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{wanted.target} cannot be written: {reason}; check the disk's space and rights") from error
    return wanted.target


def look(wanted: Wanted) -> Look:
    """What lies at the address, of which only text is read. Raises DownloadError; nothing is written."""
    return _persist(wanted, lambda: _looked(wanted))


def holds_something(path: Path) -> bool:
    """Whether a file is there that is not empty."""
    return path.is_file() and path.stat().st_size > 0


def _fetch(wanted: Wanted, on_progress: OnProgress) -> "_Answer":
    """Attempts until the whole file lies in the part."""
    return _persist(wanted, lambda: _attempt(wanted, on_progress))


def _persist(wanted: Wanted, attempt_it: Callable[[], T]) -> T:
    """What an attempt gives that is not dropped."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(FIRST_PAUSE_S * 2 ** (attempt - 1))
        try:
            return attempt_it()
        except _Dropped as dropped:
            logger.info("%s: %s (attempt %d of %d)", wanted.url, dropped, attempt + 1, ATTEMPTS)
            reason = dropped
    told = f"{wanted.stage} failed {ATTEMPTS} times: {reason}"
    raise DownloadError(f"{told}; try again to go on from there, or {_by_hand(wanted)}") from reason


def _looked(wanted: Wanted) -> Look:
    answer = _ask(wanted, 0, "")
    with answer.response as response:
        kind = response.headers.get_content_type()
        is_text = kind.startswith("text/") or kind == "application/json"
        text = _read(response, LOOK_BYTES).decode("utf-8", "replace") if is_text else ""
        return Look(response.url, kind, response.headers.get_filename() or "", text)


def _attempt(wanted: Wanted, on_progress: OnProgress) -> "_Answer":
    start, etag = _arrived(wanted)
    answer = _ask(wanted, start, etag)
    with answer.response:
        _refuse_other_hash(wanted, answer)
        _refuse_too_large(wanted, answer.total or 0)
        if not (start and answer.continues(start, etag)):
            start = 0
            _forget(wanted)  # before the new ETag is written, so that no crash can pair it with older bytes
            if answer.is_partial:
                raise _Dropped("the file changed on the server")
            _write_etag(wanted, answer)
        done = _receive(wanted, answer, start, on_progress)
    if not answer.is_whole(done):
        raise _Dropped(f"the connection ended after {done} of {answer.total} bytes")
    return answer


def _arrived(wanted: Wanted) -> tuple[int, str]:
    """How many bytes are here, and their version; 0 where the version is unknown."""
    if not (holds_something(wanted.part) and holds_something(wanted.etag)):
        return 0, ""
    return wanted.part.stat().st_size, wanted.etag.read_text(encoding="latin-1")


@dataclass
class _Answer:
    """A response, and what the redirects before it said of the file."""

    response: Any
    linked: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_partial(self) -> bool:
        return self.response.status == HTTPStatus.PARTIAL_CONTENT

    @property
    def etag(self) -> str:
        """The strong ETag, which alone may be resumed from; else nothing."""
        etag = self.response.headers.get("ETag", "")
        return etag if etag.startswith('"') else ""

    @property
    def sha256(self) -> str | None:
        """The file's hash, where the server tells it."""
        match = SHA256.fullmatch(self._linked("X-Linked-Etag").strip('"').lower())
        return match and match.group()

    @property
    def total(self) -> int | None:
        """The whole file's size in bytes."""
        told = self._linked("X-Linked-Size") or self.response.headers.get("Content-Range", "").rpartition("/")[2]
        told = told or ("" if self.is_partial else self.response.headers.get("Content-Length", ""))
        return int(told) if told.isdigit() else None

    def continues(self, start: int, etag: str) -> bool:
        """Whether the body is the rest of that version."""
        begins = self.response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        return self.is_partial and begins and self.etag == etag

    def is_whole(self, done: int) -> bool:
        """Whether so many bytes are the file. A chunked body tells its own end; any other must tell its length."""
        return done == self.total if self.total is not None else bool(self.response.chunked)

    def _linked(self, name: str) -> str:
        return self.linked.get(name) or self.response.headers.get(name, "")


def _ask(wanted: Wanted, start: int, etag: str) -> _Answer:
    """Sends the request. Raises DownloadError for a final refusal, _Dropped for one that may pass."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, build_opener

    resume = {"Range": f"bytes={start}-", "If-Range": etag} if start else {}
    headers = {"User-Agent": "ultimate-rvc", "Accept-Encoding": "identity", **resume}
    redirects = _redirects()
    try:
        response = build_opener(redirects).open(Request(wanted.url, headers=headers), timeout=TIMEOUT_S)
    except HTTPError as error:
        raise _refusal(wanted, error) from error
    except ValueError as error:
        raise DownloadError(f"{wanted.url!r} is not a web address; check HF_ENDPOINT") from error
    except (HTTPException, OSError) as error:  # URLError is an OSError
        raise _Dropped(str(getattr(error, "reason", error)) or type(error).__name__) from error
    return _Answer(response, redirects.linked)


def _refusal(wanted: Wanted, error: "HTTPError") -> Exception:
    if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        _forget(wanted)
    if error.code in (*PASSING_STATUS, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
        return _Dropped(f"the server answered {error.code} {error.reason}")
    told = f"the server answered {error.code} {error.reason}"
    return DownloadError(f"{wanted.stage} failed: {told}; check the address {wanted.url}, or {_by_hand(wanted)}")


def _redirects() -> Any:
    """A redirect handler that keeps what Hugging Face says of a file before it sends us on."""
    from urllib.request import HTTPRedirectHandler

    class KeepLinked(HTTPRedirectHandler):
        def __init__(self):
            self.linked: dict[str, str] = {}

        def redirect_request(self, req, fp, code, msg, headers, newurl) -> "Request | None":
            self.linked |= {name: headers[name] for name in ("X-Linked-Etag", "X-Linked-Size") if headers.get(name)}
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return KeepLinked()


def _refuse_other_hash(wanted: Wanted, answer: _Answer) -> None:
    """Before megabytes are fetched in vain."""
    if wanted.sha256 and answer.sha256 and wanted.sha256 != answer.sha256:
        told = f"the server has a file with sha256 {answer.sha256}, not {wanted.sha256}"
        raise DownloadError(f"{wanted.stage} failed: {told}; {_by_hand(wanted)}")


def _refuse_too_large(wanted: Wanted, size: int) -> None:
    if wanted.most_bytes is not None and size > wanted.most_bytes:
        _forget(wanted)
        raise DownloadError(f"{wanted.stage} refused: more than {wanted.most_bytes:,} bytes, which cannot be right")


def _receive(wanted: Wanted, answer: _Answer, start: int, on_progress: OnProgress) -> int:
    """Appends the body to the part from byte `start` on; how many bytes are there now."""
    done = start
    with open(wanted.part, "r+b" if start else "wb") as part:
        part.seek(start)
        while block := _read(answer.response, BLOCK_BYTES):
            done += len(block)
            _refuse_too_large(wanted, done)
            part.write(block)
            on_progress(Progress(wanted.stage, done, max(answer.total or 0, done)))
        part.truncate()
    return done


def _read(response: Any, size: int) -> bytes:
    from http.client import HTTPException

    try:
        return response.read(size)
    except (HTTPException, OSError) as error:
        raise _Dropped(f"the connection broke: {error or type(error).__name__}") from error


def _verify(wanted: Wanted, answer: _Answer) -> None:
    expected = wanted.sha256 or answer.sha256
    if expected is None:
        return
    with open(wanted.part, "rb") as part:
        found = hashlib.file_digest(part, "sha256").hexdigest()
    if found != expected:
        _forget(wanted)
        told = f"what arrived has sha256 {found}, not {expected}, and was deleted"
        raise DownloadError(f"{wanted.stage} failed: {told}; try again, or {_by_hand(wanted)}")


def _put_in_place(wanted: Wanted) -> None:
    os.replace(wanted.part, wanted.target)
    wanted.etag.unlink(missing_ok=True)


def _write_etag(wanted: Wanted, answer: _Answer) -> None:
    if answer.etag:
        wanted.etag.write_text(answer.etag, encoding="latin-1")


def _forget(wanted: Wanted) -> None:
    for path in (wanted.part, wanted.etag):
        path.unlink(missing_ok=True)


def _by_hand(wanted: Wanted) -> str:
    return wanted.remedy or f"fetch {wanted.url} yourself and put it in {wanted.target.parent} as {wanted.target.name}"
