"""`urvc serve` as a process of its own, over real connections."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tiny import home as homes
from tiny.modules import TREE
from tiny.serving import events, until

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
pytest.importorskip("fastapi_offline", reason="the extra 'serve' is not installed")

from ultimate_rvc.cli.main import main

VOICE = {"voice": homes.VOICE, "f0_method": "swift"}
SERVE = [sys.executable, "-m", "ultimate_rvc.cli.main", "serve"]
START_S = 60.0
END_S = 30.0


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(TREE), "URVC_TEMP_DIR": str(home / "temp"), "OMP_NUM_THREADS": "1"}


class Server:
    """A running server: its process, its port, and everything that it has said."""

    def __init__(self, process: subprocess.Popen):
        self.process = process
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        line = until(lambda: next((line for line in self.said if "Serving at" in line), None) or self._is_gone())
        self.port = int(re.search(r":(\d+) ", line)[1])

    def _is_gone(self) -> None:
        assert self.process.poll() is None, self.said

    def _read(self) -> None:
        for line in self.process.stderr:
            self.said.append(line)

    def ask(self, method: str, path: str, body: Any = None, headers: Any = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_S)
        connection.request(method, path, body, headers or {})
        return connection.getresponse()

    def end(self, sent: int = signal.SIGINT) -> int:
        self.process.send_signal(sent)
        status = self.process.wait(END_S)
        self._reader.join(END_S)
        return status


@contextmanager
def _running(home: Path, *words: str) -> Iterator[Server]:
    command = [*SERVE, "--port", "0", *words]
    process = subprocess.Popen(command, env=_environment(home), stderr=subprocess.PIPE, text=True)
    try:
        yield Server(process)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def _form(**fields: str) -> tuple[bytes, dict[str, str]]:
    """A multipart body with the song as its source, and its header."""
    boundary = uuid4().hex
    named = [f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    song = f'--{boundary}\r\nContent-Disposition: form-data; name="source"; filename="song.wav"\r\n\r\n'
    body = "".join(named).encode() + song.encode() + Path("song.wav").read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def _uploads(home: Path) -> list[Path]:
    return list((home / "temp").rglob("upload*"))


def _left(home: Path) -> list[str]:
    return [path.name for path in (home / "temp").iterdir()] if (home / "temp").is_dir() else []


def test_ctrl_c_ends_what_runs_and_what_is_watched_and_leaves_nothing(home: Path) -> None:
    with _running(home) as server:
        keys = [json.load(server.ask("POST", "/convert", *_form(**VOICE)))["id"] for _ in range(6)]
        watched = server.ask("GET", f"/jobs/{keys[-1]}/events")
        assert watched.status == 200 and _left(home)
        assert server.end() == 0
        watched.read()
    assert not _left(home)
    assert len(server.said) == 1, server.said


def test_strange_clients_do_not_disturb_others(home: Path) -> None:
    with _running(home, "--upload-mb", "1", "--host", "0.0.0.0", "--listen") as server:
        assert any("no password" in line for line in server.said)
        _names_are_checked(server)
        _an_endless_upload_is_stopped(server, home)
        _a_client_that_hangs_up_leaves_nothing(server, home)
        _a_song_is_converted(server)
        assert server.end() == 0
    assert not [line for line in server.said if "Traceback" in line], server.said


def _names_are_checked(server: Server) -> None:
    assert server.ask("GET", "/health", headers={"Host": "192.168.1.5"}).status == 200
    assert server.ask("GET", "/health", headers={"Host": "evil.example"}).status == 403


def _an_endless_upload_is_stopped(server: Server, home: Path) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="source"; filename="song.wav"\r\n\r\n'
        for _ in range(10_000):
            yield b"\0" * 10_000

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_S)
    # The server hangs up on what is still being sent; its answer may be lost by that.
    with suppress(OSError):
        connection.request("POST", "/convert", endless(), {"Content-Type": "multipart/form-data; boundary=x"})
        assert connection.getresponse().status == 413
    connection.close()
    until(lambda: not _uploads(home))


def _a_client_that_hangs_up_leaves_nothing(server: Server, home: Path) -> None:
    body, headers = _form(**VOICE)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_S)
    connection.request("POST", "/convert", body[:20_000], {**headers, "Content-Length": str(len(body))})
    until(lambda: _uploads(home))
    connection.close()
    until(lambda: not _uploads(home))


def _a_song_is_converted(server: Server) -> None:
    accepted = server.ask("POST", "/convert", *_form(**VOICE))
    assert accepted.status == 202
    key = json.load(accepted)["id"]
    told = events(server.ask("GET", f"/jobs/{key}/events").read().decode())
    assert told[-1][0] == "done", told[-1]
    assert server.ask("GET", f"/jobs/{key}/result").read()[:4] == b"RIFF"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--host", "0.0.0.0"], "add --listen"),
        (["--host", "::"], "add --listen"),
        (["--host", "300.1.2.3"], "add --listen"),
        (["--host", "300.1.2.3", "--listen"], "cannot listen"),
        (["--device", "abacus"], "device 'abacus'"),
        (["--queue", "0"], "--queue"),
    ],
    ids=" ".join,
)
def test_a_server_that_cannot_start_says_why_in_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    assert main(["serve", "--port", "0", *words]) in (1, 2)
    told = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("WARNING")]
    assert len(told) == 1 and reason in told[0]


def test_a_port_that_is_taken_is_said_in_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", "--port", str(taken.getsockname()[1])]) == 1
    assert "choose another --port" in capsys.readouterr().err


def test_a_temporary_folder_that_cannot_be_written_is_said_at_once(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").touch()
    monkeypatch.setenv("URVC_TEMP_DIR", str(home / "file" / "temp"))
    assert main(["serve", "--port", "0"]) == 1
    assert "cannot write into" in capsys.readouterr().err


def test_missing_packages_are_named_with_the_line_that_installs_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ultimate_rvc.serve.run.find_spec", lambda name: None if name == "uvicorn" else name)
    assert main(["serve"]) == 1
    assert "the server needs uvicorn: ./urvc-macos.sh install --serve" in capsys.readouterr().err
