"""A download is whole and right, or there is no file; what arrived before a failure is not fetched twice."""

import hashlib
import subprocess
import sys
from threading import Thread

import pytest
from tiny.web import Site, serve

from ultimate_rvc import download as downloading
from ultimate_rvc.download import Wanted, download
from ultimate_rvc.errors import DownloadError, OutputError

BODY = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(downloading, "FIRST_PAUSE_S", 0.0)


@pytest.fixture
def site():
    with serve(files={"model.pt": BODY}) as site:
        yield site


def wanted(site: Site, folder, sha256=SHA256, path="model.pt") -> Wanted:
    return Wanted(site.url(path), folder / "deep" / "model.pt", "download model", sha256)


def left(folder) -> set[str]:
    """What lies there, locks aside."""
    return {path.name for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock")}


def ranges(site: Site) -> list[str | None]:
    return [asked.get("Range") for asked in site.asked]


def test_a_file_arrives_whole_and_alone(site, tmp_path):
    path = download(wanted(site, tmp_path))
    assert path.read_bytes() == BODY
    assert left(tmp_path) == {"model.pt"}


def test_a_file_that_is_there_is_not_asked_for(site, tmp_path):
    download(wanted(site, tmp_path))
    download(wanted(site, tmp_path))
    assert len(site.asked) == 1


def test_an_empty_file_is_not_a_file(site, tmp_path):
    target = wanted(site, tmp_path).target
    target.parent.mkdir()
    target.touch()
    assert download(wanted(site, tmp_path)).read_bytes() == BODY


def test_progress_counts_bytes_to_the_end(site, tmp_path, monkeypatch):
    monkeypatch.setattr(downloading, "BLOCK_BYTES", 100_000)
    seen = []
    download(wanted(site, tmp_path), seen.append)
    assert [(p.stage, p.done, p.total) for p in seen] == [
        ("download model", done, len(BODY)) for done in (100_000, 200_000, len(BODY))
    ]


def test_a_cut_connection_is_resumed_where_it_broke(site, tmp_path):
    site.cuts.extend([100_000, 50_000])
    assert download(wanted(site, tmp_path)).read_bytes() == BODY
    assert ranges(site) == [None, "bytes=100000-", "bytes=150000-"]


def test_the_next_run_resumes_what_the_last_one_left(site, tmp_path, monkeypatch):
    monkeypatch.setattr(downloading, "ATTEMPTS", 1)
    site.cuts.append(100_000)
    with pytest.raises(DownloadError, match=r"100000 of 256000 bytes.*put it in"):
        download(wanted(site, tmp_path))
    assert left(tmp_path) == {"model.pt.part", "model.pt.part.etag"}
    assert download(wanted(site, tmp_path)).read_bytes() == BODY
    assert ranges(site) == [None, "bytes=100000-"]


@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_a_file_that_changed_meanwhile_starts_anew(site, tmp_path, monkeypatch, heeds_if_range):
    monkeypatch.setattr(downloading, "ATTEMPTS", 1)
    site.cuts.append(100_000)
    with pytest.raises(DownloadError):
        download(wanted(site, tmp_path))
    monkeypatch.setattr(downloading, "ATTEMPTS", 2)
    site.files["model.pt"], site.etag, site.heeds_if_range = BODY[::-1], '"two"', heeds_if_range
    assert download(wanted(site, tmp_path, None)).read_bytes() == BODY[::-1]


def test_a_server_without_ranges_sends_it_all_again(site, tmp_path):
    site.ranges = False
    site.cuts.append(100_000)
    assert download(wanted(site, tmp_path)).read_bytes() == BODY


def test_a_weak_etag_is_not_resumed_from(site, tmp_path):
    site.etag = 'W/"one"'
    site.cuts.append(100_000)
    assert download(wanted(site, tmp_path)).read_bytes() == BODY
    assert ranges(site) == [None, None]


def test_a_part_that_is_too_long_starts_anew(site, tmp_path):
    it = wanted(site, tmp_path)
    it.part.parent.mkdir()
    it.part.write_bytes(b"x" * (len(BODY) + 1))
    it.etag.write_text(site.etag)
    assert download(it).read_bytes() == BODY


def test_a_truncated_body_is_never_taken_for_a_file(site, tmp_path):
    site.cuts.extend([1000] * 99)
    site.ranges = False
    with pytest.raises(DownloadError, match="1000 of 256000 bytes"):
        download(wanted(site, tmp_path, None))
    assert "model.pt" not in left(tmp_path)


def test_a_body_of_unknown_length_is_not_believed(site, tmp_path):
    site.tells_length = False
    with pytest.raises(DownloadError):
        download(wanted(site, tmp_path, None))
    assert "model.pt" not in left(tmp_path)


def test_wrong_bytes_are_deleted(site, tmp_path):
    site.files["model.pt"] = BODY[:-1] + b"!"
    with pytest.raises(DownloadError, match=f"not {SHA256}, and was deleted"):
        download(wanted(site, tmp_path))
    assert left(tmp_path) == set()


def test_the_hash_that_a_redirect_tells_is_held_against_the_file(site, tmp_path):
    site.redirects, site.linked = True, {"X-Linked-Etag": f'"{SHA256}"', "X-Linked-Size": str(len(BODY))}
    assert download(wanted(site, tmp_path, None)).read_bytes() == BODY
    site.files["other.pt"] = BODY[::-1]
    with pytest.raises(DownloadError, match=SHA256):
        download(Wanted(site.url("other.pt"), tmp_path / "other.pt", "download other"))


def test_another_hash_on_the_server_is_refused_before_the_body(site, tmp_path):
    site.linked = {"X-Linked-Etag": f'"{"0" * 64}"'}
    with pytest.raises(DownloadError, match=f"the server has a file with sha256 {'0' * 64}, not {SHA256}"):
        download(wanted(site, tmp_path))
    assert left(tmp_path) == set()


def test_a_busy_server_is_asked_again(site, tmp_path):
    site.statuses.extend([503, 429])
    assert download(wanted(site, tmp_path)).read_bytes() == BODY


def test_a_missing_file_is_an_error_at_once(site, tmp_path):
    with pytest.raises(DownloadError, match="404") as caught:
        download(wanted(site, tmp_path, path="nowhere.pt"))
    assert len(site.asked) == 1
    assert site.url("nowhere.pt") in str(caught.value) and str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_attempts_are_bounded(site, tmp_path):
    site.statuses.extend([500] * 99)
    with pytest.raises(DownloadError, match="500"):
        download(wanted(site, tmp_path))
    assert len(site.asked) == downloading.ATTEMPTS


def test_no_server_is_an_error_in_one_line(tmp_path):
    with serve() as gone:
        pass
    with pytest.raises(DownloadError, match="refused") as caught:
        download(wanted(gone, tmp_path))
    assert "\n" not in str(caught.value)


def test_what_is_no_web_address_is_an_error(tmp_path):
    with pytest.raises(DownloadError, match="HF_ENDPOINT"):
        download(Wanted("mirror/model.pt", tmp_path / "model.pt", "download model"))


def test_a_folder_that_cannot_be_made_is_an_error(site, tmp_path):
    (tmp_path / "deep").write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="cannot be written"):
        download(wanted(site, tmp_path))


def test_threads_at_once_fetch_it_once(site, tmp_path):
    threads = [Thread(target=download, args=(wanted(site, tmp_path),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wanted(site, tmp_path).target.read_bytes() == BODY
    assert len(site.asked) == 1


def test_processes_at_once_fetch_it_once(site, tmp_path):
    it = wanted(site, tmp_path)
    code = (
        "from pathlib import Path; from ultimate_rvc.download import Wanted, download;"
        f"download(Wanted({it.url!r}, Path({str(it.target)!r}), 'x'))"
    )
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    assert it.target.read_bytes() == BODY
    assert len(site.asked) == 1
