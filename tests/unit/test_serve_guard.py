"""Pages of other sites are kept out, whatever name they have given this machine."""

import asyncio
import json
from typing import Any

import pytest

from ultimate_rvc.serve.guard import Guard, is_loopback

OK = [{"type": "http.response.start", "status": 200, "headers": []}, {"type": "http.response.body", "body": b"inside"}]


async def _app(scope: Any, receive: Any, send: Any) -> None:
    for message in OK:
        await send(message)


def _ask(headers: dict[str, str], *, method: str = "GET", **guard: Any) -> tuple[int, bytes, dict[bytes, bytes]]:
    """Status, body and headers of the answer."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    asyncio.run(Guard(_app, **guard)({"type": "http", "method": method, "headers": raw}, None, send))
    return sent[0]["status"], sent[1]["body"], dict(sent[0]["headers"])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:7866", "localhost:7866", "LOCALHOST", "[::1]:7866"])
def test_this_machines_own_names_are_let_in(host: str) -> None:
    assert _ask({"Host": host})[:2] == (200, b"inside")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:7866", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.5:7866", "",
     "[::1", "[evil]", "127.0.0.1@evil.example", "evil.example#127.0.0.1", "0.0.0.0:7866"],
)  # fmt: skip
def test_other_names_are_refused_because_they_may_have_been_pointed_here(host: str) -> None:
    status, body, _ = _ask({"Host": host})
    assert status == 403 and "is not known here" in json.loads(body)["error"]


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:7866", "file://", "http://[", "x"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_requests_of_other_sites_are_refused(origin: str, method: str) -> None:
    assert _ask({"Host": "127.0.0.1:7866", "Origin": origin}, method=method)[0] == 403


def test_the_servers_own_page_may_ask() -> None:
    headers = {"Host": "127.0.0.1:7866", "Origin": "http://127.0.0.1:7866", "Sec-Fetch-Site": "same-origin"}
    assert _ask(headers, method="POST")[0] == 200


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 403), ("DELETE", 403)])
def test_a_browser_that_says_that_another_site_asks_is_believed(method: str, status: int) -> None:
    # A link to the page may be followed: what is read by that, no other site sees.
    assert _ask({"Host": "localhost", "Sec-Fetch-Site": "cross-site"}, method=method)[0] == status


@pytest.mark.parametrize(
    ("host", "status"), [("192.168.1.5:7866", 200), ("studio.local", 200), ("[fe80::1]", 200), ("evil.example", 403)]
)
def test_when_others_may_ask_addresses_and_given_names_are_let_in(host: str, status: int) -> None:
    assert _ask({"Host": host}, names=["Studio.local"], listen=True)[0] == status


def test_no_answer_can_be_read_by_other_sites_or_put_into_their_frames() -> None:
    for headers in ({"Host": "localhost"}, {"Host": "evil.example"}):
        answered = _ask(headers)[2]
        assert b"access-control-allow-origin" not in answered
        assert b"frame-ancestors 'none'" in answered[b"content-security-policy"]
        assert answered[b"x-content-type-options"] == b"nosniff"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.5", False), ("studio.local", False), ("", False)],
)  # fmt: skip
def test_only_loopback_is_this_machine_alone(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
