"""A server in this process, and what clients do with it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

from ultimate_rvc.options import ServerOptions
from ultimate_rvc.progress import OnProgress, Progress
from ultimate_rvc.serve.job import Made, Order

ADDRESS = "http://127.0.0.1"
PATIENCE_S = 20.0


@contextmanager
def client(engine: Any, **limits: Any) -> Iterator[Any]:
    """A client of a server that runs for as long as the block lasts; its own errors come back as answers."""
    from fastapi.testclient import TestClient

    from ultimate_rvc.serve.app import create_app

    app = create_app(ServerOptions(**limits), engine)
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as one:
        yield one


def ended(client: Any, answer: Any) -> dict[str, Any]:
    """The job that was accepted, once it has ended."""
    assert answer.status_code == 202, answer.text
    key = answer.json()["id"]
    return until(lambda: client.get(f"/jobs/{key}").json(), lambda job: job["state"] in ("done", "failed", "cancelled"))


def until(look: Callable[[], Any], satisfied: Callable[[Any], bool] = bool) -> Any:
    """What is seen as soon as it satisfies."""
    last = time.monotonic() + PATIENCE_S
    while not satisfied(seen := look()):
        assert time.monotonic() < last, f"still {seen}"
        time.sleep(0.01)
    return seen


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Server-sent events: name and data."""
    blocks = [block.split("\n") for block in text.strip().split("\n\n") if not block.startswith(":")]
    return [(head.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for head, data in blocks]


class Labour:
    """Work that goes on until it is let go or cancelled."""

    def __init__(self) -> None:
        self.started, self.may_end = Event(), Event()
        self.stopped_by: BaseException | None = None

    def __call__(self, on_progress: OnProgress) -> None:
        self.started.set()
        try:
            while not self.may_end.wait(0.01):
                on_progress(Progress("work", 1, 2))
        except BaseException as error:
            self.stopped_by = error
            raise


def order(work: Callable[[OnProgress], Any], path: Path | None = None, title: str = "song") -> Order:
    """An order for the board: work, and the file that it leaves."""

    def made(on_progress: OnProgress) -> Made:
        work(on_progress)
        target = path or Path("nothing")
        target.write_bytes(b"sound")
        return Made(target, {"device": "none"})

    return Order("convert", "Tiny", title, f"{title}.wav", made)
