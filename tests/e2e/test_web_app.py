"""The page over HTTP, with a tiny voice: covers as jobs, what belongs to whom, and what never leaves this machine."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny import pages
from tiny.home import VOICE

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'ultimate-rvc[web]'")

from ultimate_rvc.errors import AudioError
from ultimate_rvc.serve.job import State
from ultimate_rvc.web.desk import Task
from ultimate_rvc.web.main import main
from ultimate_rvc.web.sessions import COOKIE
from ultimate_rvc.web.singing import Song, Wanted, cover

ELSEWHERE = re.compile(r"""(?:src|href)=["'](?:https?:)?//""")


@pytest.fixture
def client(home: Path, tmp_path: Path) -> Iterator[Any]:
    with pages.client(tmp_path / "page") as one:
        yield one


def _sung(client: Any, song: Path, **changed: Any) -> Task:
    app = client.app_of_test
    session = app.state.sessions.find(client.cookies[COOKIE])
    shown = pages.song_fields(separator="none", output_format="wav", **changed)
    task = app.state.desk.submit(session, cover(app.state.desk, Wanted(Song(song), VOICE, shown, session.mark)))
    last = time.monotonic() + pages.PATIENCE_S
    while not task.ended:
        assert time.monotonic() < last
        time.sleep(0.02)
    return task


def _jobs(client: Any) -> list[dict[str, Any]]:
    return client.get("/mine/jobs", params={"board": "making"}).json()["jobs"]


def test_the_first_page_is_in_the_browsers_language_and_loads_nothing_from_elsewhere(client: Any) -> None:
    answer = client.get("/", headers={"accept-language": "zh-TW,en;q=0.5"})
    assert answer.url.path == "/zh-TW/" and answer.status_code == 200
    assert not ELSEWHERE.findall(re.sub(r"<script>.*?</script>", "", answer.text, flags=re.DOTALL))
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "HttpOnly" in answer.headers["set-cookie"] and "SameSite=Strict" in answer.headers["set-cookie"]
    assert client.get("/", headers={"accept-language": "en"}).url.path == "/zh-TW/", "the switch is remembered"


def test_a_cover_is_made_and_only_its_own_browser_can_fetch_it(client: Any, home: Path) -> None:
    client.get("/en/")
    task = _sung(client, Path("song.wav"))
    (job,) = _jobs(client)
    assert job["state"] == State.DONE and "Again with another voice" in job["html"]
    address = re.search(r'<audio[^>]*src="([^"]*)"', job["html"])[1]
    sound = client.get(address)
    assert sound.status_code == 200 and sound.content[:4] == b"RIFF"
    part = client.get(address, headers={"range": "bytes=0-3"})
    assert part.status_code == 206 and part.content == b"RIFF"
    client.cookies.clear()
    assert client.get(address).status_code == 404
    client.get("/en/")
    assert _jobs(client) == [] and client.get(address).status_code == 404
    assert client.post(f"/mine/jobs/{task.key}/cancel").status_code == 404


def test_another_gain_mixes_again_and_does_nothing_else(client: Any) -> None:
    client.get("/en/")
    _sung(client, Path("song.wav"))
    again = _sung(client, Path("song.wav"), main_gain=-6)
    assert [run.stage for run in again.outcome.stages if not run.cached] == ["mix and save"]


def test_another_voice_takes_what_is_kept(client: Any, home: Path) -> None:
    client.get("/en/")
    task = _sung(client, Path("song.wav"))
    answer = client.post(f"/mine/jobs/{task.key}/again", params={"voice": "nobody"}).json()
    assert "nobody" in answer["problem"]
    assert client.post(f"/mine/jobs/{task.key}/again", params={"voice": VOICE}).json()["problem"] == ""


def test_a_text_that_is_called_wav_is_told_plainly(client: Any, home: Path) -> None:
    client.get("/en/")
    session = client.app_of_test.state.sessions.find(client.cookies[COOKIE])
    song = session.folder / "uploads" / "song.wav"
    song.parent.mkdir()
    song.write_text("no sound at all")
    view = _sung(client, song).view
    assert view.state is State.FAILED and view.error.startswith("'song.wav'")
    assert "Traceback" not in view.error and AudioError.__name__ not in view.error


def test_songs_of_one_title_lie_apart(client: Any, home: Path) -> None:
    client.get("/en/")
    shutil.copyfile("song.wav", home / "same.wav")
    first = _sung(client, home / "same.wav")
    client.cookies.clear()
    client.get("/en/")
    second = _sung(client, home / "same.wav", n_semitones=3)
    folders = {path.name for path in (home / "audio" / "intermediate").iterdir()}
    assert len(folders) == 2 and all(name.startswith("same [") for name in folders)
    one, other = (task.outcome.path.read_bytes() for task in (first, second))
    assert one != other


@pytest.mark.parametrize(
    "path",
    [
        "/en/gradio_api/file=/etc/passwd",
        "/en/gradio_api/file=https://example.org/",
        "/en/gradio_api/file%3Dhttps://example.org/",
        "/mine/jobs/x/files/..%2F..%2Fetc%2Fpasswd",
        "/mine/static/..%2Fapp.py",
        "/mine/device",
    ],
)
def test_what_is_nobodys_is_not_given(client: Any, path: str) -> None:
    assert client.get(path).status_code in (403, 404)


def test_requests_of_other_sites_are_refused(client: Any) -> None:
    assert client.get("/en/", headers={"host": "evil.example"}).status_code == 403
    assert client.post("/mine/jobs/x/cancel", headers={"origin": "https://evil.example"}).status_code == 403


def test_a_wider_address_needs_to_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--listen-host", "0.0.0.0"]) == 1
    assert "--listen" in capsys.readouterr().err


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--listen-port", str(taken.getsockname()[1])]) == 1
    assert "another --listen-port" in capsys.readouterr().err
