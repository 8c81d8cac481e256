"""Who may ask: pages of other sites may not, whatever name they have given this machine.

A page that somebody opens can send requests to loopback. Its Origin gives it away; and when its own name was made to
point here (DNS rebinding), its Host does. No answer carries CORS headers, so that no other site can read one.
"""

import ipaddress
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
SAFE_METHODS = ("GET", "HEAD")
# What browsers say of a request that a page of another origin made.
OTHER_SITES = (b"cross-site", b"same-site")
# Everything on the pages is our own, but for what they make themselves; nobody may put them into a frame.
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self' blob:; "
    "frame-ancestors 'none'"
)
KEPT_APART = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)
HEADERS = ((b"content-security-policy", POLICY.encode()), *KEPT_APART, (b"cache-control", b"no-store"))

Header = tuple[bytes, bytes]
App = Callable[[Any, Any, Any], Awaitable[None]]


class Guard:
    """An ASGI application that lets through to another one what may pass."""

    def __init__(
        self, app: App, names: Iterable[str] = (), *, listen: bool = False, headers: Iterable[Header] = HEADERS
    ):
        """names: those that the server answers to besides loopback's, '.name' for all below it; listen: addresses too.

        headers: what every answer says of itself.
        """
        self._app, self._headers = app, tuple(headers)
        self._names = {name.lower().rstrip(".") for name in (*LOOPBACK_NAMES, *names)}
        self._listen = listen

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif reason := self._refusal(scope):
            await _refuse(scope, send, reason)
        else:
            await self._app(scope, receive, _with_headers(send, self._headers))

    def _refusal(self, scope: Any) -> str | None:
        """Why it may not pass, as one line; None when it may."""
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if scope["type"] != "http":
            return "there are no web sockets here"
        if not self._is_ours(host):
            return f"the host {host!r} is not known here; ask for 127.0.0.1 or localhost, or see --server-name"
        if origin and origin.lower().partition("://")[2] != host.lower():
            return f"requests of the site {origin!r} are refused"
        if scope["method"] not in SAFE_METHODS and headers.get(b"sec-fetch-site") in OTHER_SITES:
            return "requests of other sites are refused"
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:  # brackets that hold no address
            name = ""
        # An address cannot be rebound: only a name can be made to point elsewhere.
        below = any(known.startswith(".") and name.endswith(known) for known in self._names)
        return name in self._names or below or (self._listen and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address to listen on."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


async def _refuse(scope: Any, send: Any, reason: str) -> None:
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1008})
        return
    body = json.dumps({"error": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *HEADERS]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Any, headers: Iterable[Header]) -> Any:
    async def send_with_headers(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return send_with_headers
