"""The server from the request to the result, with a tiny voice in the real formats."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny import home as homes
from tiny.serving import Labour, client, ended, events, until

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
pytest.importorskip("fastapi_offline", reason="the extra 'serve' is not installed")

from ultimate_rvc.audio.file import load
from ultimate_rvc.covers.cache import upkeep
from ultimate_rvc.rvc.infer import infer
from ultimate_rvc.serve.desk import Desk
from ultimate_rvc.warm.converter import Converter
from ultimate_rvc.warm.engine import Engine

VOICE = {"voice": homes.VOICE, "f0_method": "swift"}
QUEUE = 2
UPLOAD_MB = 1.0
LONGEST_MINUTES = 0.5


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("URVC_TEMP_DIR", str(home / "temp"))
    limits = {"queue": QUEUE, "upload_mb": UPLOAD_MB, "longest_minutes": LONGEST_MINUTES}
    with client(Engine({"device": "cpu"}), **limits) as one:
        yield one
    assert not list((home / "temp").iterdir()), "the server left something behind"


@pytest.fixture
def labour(monkeypatch: pytest.MonkeyPatch) -> Labour:
    """Conversions that go on until they are let go; afterwards they are done as ever."""
    labour, convert = Labour(), Converter.convert

    def slowly(self: Converter, *arguments: Any, **options: Any) -> Any:
        labour(self.on_progress)
        return convert(self, *arguments, **options)

    monkeypatch.setattr(Converter, "convert", slowly)
    return labour


def _song(name: str = "song.wav") -> dict[str, Any]:
    return {"source": (name, Path("song.wav").read_bytes())}


def _uploads(home: Path) -> set[str]:
    """What lies in the server's folder, without its lock."""
    return {path.name for path in (home / "temp").rglob("*") if path.is_file() and path.name != "lock"}


def test_a_recording_is_sent_converted_and_fetched(home: Path, server: Any) -> None:
    answer = server.post("/convert", data={**VOICE, "n_semitones": "-2"}, files=_song("Mein Lied.wav"))
    job = ended(server, answer)
    assert answer.headers["location"] == f"/jobs/{job['id']}"
    assert (job["state"], job["error"], job["result"]) == ("done", None, "Mein Lied (Tiny Ver).wav")
    assert job["used"]["pitch"] == "swift"
    got = server.get(f"/jobs/{job['id']}/result")
    assert got.headers["content-type"] == "audio/wav" and "Mein%20Lied" in got.headers["content-disposition"]
    with Converter(homes.VOICE, f0_method="swift", n_semitones=-2) as converter:
        made = converter.convert("song.wav", home / "ours.wav")
    assert got.content == made.path.read_bytes()
    assert _uploads(home) == {"result.wav"}


def test_a_cover_is_made_of_what_was_sent_and_leaves_nothing_in_the_audio_folder(home: Path, server: Any) -> None:
    files = {**_song(), "instrumentals": ("music.wav", Path("music.wav").read_bytes())}
    sent = {
        **VOICE,
        "separator": "none",
        "output_format": "flac",
        "inst_gain": "-6",
        "n_semitones": "2",
        "output_name": "mine",
    }
    job = ended(server, server.post("/cover", data=sent, files=files))
    assert (job["state"], job["result"]) == ("done", "mine.flac"), job
    (home / "got").write_bytes(server.get(f"/jobs/{job['id']}/result").content)
    assert load(home / "got").channels == 2
    assert homes.written(home) == set() and upkeep.entries(home / "audio" / "cache") == []


def test_a_file_in_the_audio_folder_is_named_in_json(home: Path, server: Any) -> None:
    (home / "audio").mkdir()
    (home / "audio" / "song.wav").write_bytes(Path("song.wav").read_bytes())
    asked = {"voice": homes.VOICE, "source": "song.wav", "f0_method": ["swift"], "output_format": "ogg"}
    job = ended(server, server.post("/convert", json=asked))
    assert job["result"] == "song (Tiny Ver).ogg", job
    assert (home / "audio" / "song.wav").exists()


def test_the_second_job_pays_no_loading(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, original = [], infer.load_synthesizer
    monkeypatch.setattr(infer, "load_synthesizer", lambda *given: loaded.append(given) or original(*given))
    for _ in range(2):
        assert ended(server, server.post("/convert", data=VOICE, files=_song()))["state"] == "done"
    assert len(loaded) == 1


def test_two_jobs_are_done_in_order(server: Any, labour: Labour) -> None:
    first = server.post("/convert", data=VOICE, files=_song("a.wav"))
    assert labour.started.wait(20)
    second = server.post("/convert", data=VOICE, files=_song("b.wav"))
    assert server.get(f"/jobs/{first.json()['id']}").json()["state"] == "running"
    assert (second.json()["state"], second.json()["ahead"]) == ("queued", 1)
    labour.may_end.set()
    assert ended(server, second)["state"] == "done"
    assert server.get(f"/jobs/{first.json()['id']}").json()["state"] == "done"


def test_progress_can_be_watched_until_the_end(server: Any) -> None:
    key = server.post("/convert", data=VOICE, files=_song()).json()["id"]
    answer = server.get(f"/jobs/{key}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = events(answer.text)
    assert told[-1][0] == "done" and told[-1][1]["result"] == "song (Tiny Ver).wav"
    assert all(data["id"] == key for _, data in told)


def test_cancelling_really_stops_and_cleans_up(home: Path, server: Any, labour: Labour) -> None:
    answer = server.post("/convert", data=VOICE, files=_song())
    assert labour.started.wait(20)
    key = answer.json()["id"]
    assert server.delete(f"/jobs/{key}").json()["state"] == "cancelling"
    assert ended(server, answer)["state"] == "cancelled"
    assert type(labour.stopped_by).__name__ == "Cancelled"
    until(lambda: not _uploads(home))
    refused = server.get(f"/jobs/{key}/result")
    assert refused.status_code == 409 and "cancelled" in refused.json()["error"]
    labour.may_end.set()
    assert ended(server, server.post("/convert", data=VOICE, files=_song()))["state"] == "done"


def test_a_result_is_removed_on_request(home: Path, server: Any) -> None:
    key = ended(server, server.post("/convert", data=VOICE, files=_song()))["id"]
    assert server.delete(f"/jobs/{key}").status_code == 200
    assert not _uploads(home)
    for ask in (server.get, server.delete):
        assert ask(f"/jobs/{key}").status_code == 404


def test_a_full_queue_answers_429_and_keeps_no_upload(home: Path, server: Any, labour: Labour) -> None:
    server.post("/convert", data=VOICE, files=_song())
    assert labour.started.wait(20)
    waiting = [server.post("/convert", data=VOICE, files=_song()).status_code for _ in range(QUEUE)]
    before = _uploads(home)
    full = server.post("/convert", data=VOICE, files=_song())
    assert waiting == [202] * QUEUE
    assert full.status_code == 429 and full.headers["retry-after"] and "waiting" in full.json()["error"]
    assert _uploads(home) == before
    labour.may_end.set()


def test_a_refused_request_gives_its_place_back(server: Any, labour: Labour) -> None:
    server.post("/convert", data=VOICE, files=_song())
    assert labour.started.wait(20)
    for _ in range(QUEUE + 1):
        assert server.post("/convert", data={"voice": "Nobody"}, files=_song()).status_code == 404
    assert server.post("/convert", data=VOICE, files=_song()).status_code == 202
    labour.may_end.set()


def _bombs() -> dict[str, tuple[bytes, int]]:
    """Uploads that are no song, each with the status that they are answered with."""
    import soundfile

    silence = io.BytesIO()
    soundfile.write(silence, [[0.0]] * 16_000, 16_000, format="WAV")
    long = io.BytesIO()
    soundfile.write(long, [0.1, 0.0] * 8_000 * 40, 16_000, format="FLAC")
    return {
        "text.wav": (b"I am a text and call myself a wave", 422),
        "playlist.mp3": (b"ffconcat version 1.0\nfile ../../song.wav\n", 422),
        "cut.wav": (Path("song.wav").read_bytes()[:20_000], 422),
        "empty.wav": (b"", 422),
        "silent.wav": (silence.getvalue(), 422),
        "long.flac": (long.getvalue(), 422),
        "large.wav": (b"\0" * int(UPLOAD_MB * 1_000_001), 413),
    }


def test_bad_uploads_are_refused_with_one_line_and_kept_nowhere(home: Path, server: Any) -> None:
    for name, (content, status) in _bombs().items():
        answer = server.post("/convert", data=VOICE, files={"source": (name, content)})
        assert answer.status_code == status, (name, answer.text)
        line = answer.json()["error"]
        assert "\n" not in line and str(home) not in line and "Traceback" not in line
        assert not _uploads(home), name
    assert server.get("/health").json()["jobs"]["failed"] == 0


def test_a_song_is_known_by_its_content_not_by_its_name(server: Any) -> None:
    assert ended(server, server.post("/convert", data=VOICE, files=_song("song.txt")))["state"] == "done"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"source": "../song.wav"}, 422),
        ({"source": "/etc/passwd"}, 422),
        ({"source": "song.wav\0"}, 422),
        ({"source": "C:\\song.wav"}, 422),
        ({"source": ["song.wav"]}, 422),
        ({"voice": "../voices/Tiny"}, 404),
        ({"voice": "voices/Tiny/Tiny.pth"}, 404),
        ({"voice": 7}, 422),
        ({"voice": None}, 404),
        ({"source": None}, 422),
        ({"f0_file": "/etc/passwd"}, 422),
        ({"output_name": "../../evil"}, 422),
        ({"custom_embedder_model": "/etc"}, 422),
        ({"device": "cuda"}, 422),
        ({"n_semitones": 99}, 422),
    ],
    ids=str,
)
def test_nothing_outside_can_be_named(home: Path, server: Any, sent: dict[str, Any], status: int) -> None:
    asked = {"voice": homes.VOICE, "source": "song.wav", **sent}
    answer = server.post("/convert", json=asked)
    assert answer.status_code == status and str(home) not in answer.text, answer.text
    assert server.post("/cover", json=asked).status_code == status


@pytest.mark.parametrize("key", ["..", "../..", "%2e%2e", "..%2f..", "x" * 5000, "%00"])
def test_ids_are_no_paths(server: Any, key: str) -> None:
    for tail in ("", "/result", "/events"):
        assert server.get(f"/jobs/{key}{tail}").status_code in (404, 405), key


def test_jobs_are_not_listed(server: Any) -> None:
    ended(server, server.post("/convert", data=VOICE, files=_song()))
    assert server.get("/jobs").status_code == 404
    assert server.get("/health").json()["jobs"]["done"] == 1


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}], ids=str)
def test_other_sites_are_refused(server: Any, headers: dict[str, str]) -> None:
    for method, path in (("GET", "/voices"), ("POST", "/convert"), ("GET", "/docs"), ("GET", "/openapi.json")):
        assert server.request(method, path, headers=headers).status_code == 403


def test_the_voices_are_listed_with_what_their_files_show(home: Path, server: Any, tmp_path: Path) -> None:
    voice = next(one for one in server.get("/voices").json() if one["name"] == homes.VOICE)
    assert voice["checkpoint_bytes"] > 1000 and voice["index_bytes"] > 1000 and voice["problem"] is None


def test_an_error_of_our_own_is_plain_and_logged(
    server: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Desk, "order", broken)
    answer = server.post("/convert", data=VOICE, files=_song())
    assert answer.status_code == 500
    assert answer.json() == {"error": "unexpected ZeroDivisionError; the server's log has the traceback"}
    assert "secret" in caplog.text


def test_the_page_asks_no_other_site(server: Any) -> None:
    page = server.get("/docs").text
    assert not re.search(r"(src|href)=[\"'](https?:)?//", page)
    for place in re.findall(r"(?:src|href)=\"(/[^\"]+)\"", page):
        got = server.get(place)
        assert got.status_code == 200 and len(got.content) > 50, place
    assert "default-src 'self'" in server.get("/docs").headers["content-security-policy"]
    assert server.get("/docs/static/../../../pyproject.toml").status_code == 404


def test_the_schema_names_every_endpoint(server: Any) -> None:
    described = server.get("/openapi.json").json()
    assert set(described["paths"]) == {
        *("/health", "/voices", "/options", "/convert", "/cover"),
        *("/jobs/{key}", "/jobs/{key}/events", "/jobs/{key}/result"),
    }
    form = described["paths"]["/cover"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert {"voice", "source", "n_semitones", "room_size"} <= set(form["properties"])


def test_the_options_are_listed(server: Any) -> None:
    names = {one["name"] for one in server.get("/options").json()}
    assert {"f0_method", "index_rate", "room_size", "output_format", "device"} <= names
