"""A web server on this machine that misbehaves on request: cuts connections, ignores ranges, changes its files."""

import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server has and how it behaves.

    `headers` are added by path, `cuts` are byte counts after which the next answers end.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    etag: str = '"one"'
    linked: dict[str, str] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    cuts: deque[int] = field(default_factory=deque)
    statuses: deque[int] = field(default_factory=deque)
    ranges: bool = True
    heeds_if_range: bool = True
    tells_length: bool = True
    redirects: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)
    base: str = ""

    def url(self, path: str) -> str:
        return f"{self.base}/{path}"


@contextmanager
def serve(**behaviour) -> Iterator[Site]:
    """A running Site."""
    site = Site(**behaviour)

    class Handler(_Handler):
        pass

    Handler.site = site
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self):
        site, path = self.site, self.path.removeprefix("/")
        site.asked.append({"path": path, **self.headers})
        if site.redirects and not path.startswith("cdn/"):
            return self._answer(302, {"Location": f"/cdn/{path}", **site.linked})
        body = site.files.get(path.removeprefix("cdn/"))
        if site.statuses:
            return self._answer(site.statuses.popleft(), {})
        if body is None:
            return self._answer(404, {})
        return self._send(body, site.headers.get(path, {}) | ({} if site.redirects else site.linked))

    def _send(self, body: bytes, linked: dict[str, str]) -> None:
        start = self._start()
        if start and start >= len(body):
            return self._answer(416, {"Content-Range": f"bytes */{len(body)}"})
        rest = body[start:]
        headers = {"ETag": self.site.etag, **linked}
        if self.site.tells_length:
            headers["Content-Length"] = str(len(rest))
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        cut = self.site.cuts.popleft() if self.site.cuts else len(rest)
        return self._answer(206 if start else 200, headers, rest[:cut])

    def _start(self) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") == self.site.etag or not self.site.heeds_if_range
        return int(asked[1]) if asked and self.site.ranges and same else 0

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass
