"""Links lead to voices; what arrives is whole, right and a voice, or the library stays as it was."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny.archives import zipped
from tiny.shelf import Library, index_file, library_in, voice_file
from tiny.web import Site, serve

from ultimate_rvc import download as downloading
from ultimate_rvc.errors import CheckpointError, DownloadError, InputError, ModelError, OptionError
from ultimate_rvc.voices import download_voice, fetching
from ultimate_rvc.voices.links import resolve

REPO = "someone/anna-rvc"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(downloading, "FIRST_PAUSE_S", 0.0)
    return library_in(tmp_path, monkeypatch)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with serve() as site:
        for name in ("HF", "PIXELDRAIN", "GOOGLE_DRIVE"):
            monkeypatch.setenv(f"{name}_ENDPOINT", site.base)
        yield site


def share(site: Site, files: dict[str, bytes], repo: str = REPO, revision: str = "main") -> None:
    """Puts files into a repository of the hub."""
    listed = []
    for path, body in files.items():
        site.files[f"{repo}/resolve/{revision}/{path}"] = body
        listed.append({"rfilename": path, "lfs": {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}})
    about = f"api/models/{repo}/revision/{revision}?blobs=true"
    site.files[about] = json.dumps({"siblings": listed}).encode()
    site.headers[about] = {"Content-Type": "application/json"}


@pytest.fixture
def voice(library: Library) -> bytes:
    return voice_file(library.outside).read_bytes()


@pytest.fixture
def index(library: Library) -> bytes:
    return index_file(library.outside).read_bytes()


def fetched(site: Site) -> list[str]:
    return [asked["path"] for asked in site.asked if not asked["path"].startswith("api/")]


@pytest.mark.parametrize("link", [REPO, f"https://huggingface.co/{REPO}", f"huggingface.co/{REPO}/tree/main"])
def test_a_repository_gives_its_one_voice(library: Library, site: Site, voice: bytes, index: bytes, link: str) -> None:
    files = {"README.md": b"x", "a/v.pth": voice, "a/added_v.index": index, "a/trained_v.index": b"?", "G_1.pth": b"?"}
    share(site, files)
    assert download_voice([link]).folder == library.voices / "v"
    assert library.state() == {"v/v.pth": voice, "v/added_v.index": index}
    assert len(fetched(site)) == 2


def test_a_repository_gives_its_one_archive_and_its_name(library: Library, site: Site, voice: bytes) -> None:
    archive = zipped(library.outside / "model.zip", {"model.pth": voice}).read_bytes()
    share(site, {"model.zip": archive})
    assert download_voice([REPO]).folder.name == "anna-rvc"


def test_a_repository_of_several_voices_lists_them(library: Library, site: Site) -> None:
    share(site, {"a.zip": b"", "sub/b.zip": b""})
    with pytest.raises(OptionError, match=r"2 voices.*someone/anna-rvc/FILE.*a\.zip, sub/b\.zip"):
        download_voice([REPO])


def test_a_repository_without_a_voice_says_what_it_holds(library: Library, site: Site) -> None:
    share(site, {"config.json": b""})
    with pytest.raises(OptionError, match=r"no voice.*config\.json"):
        download_voice([REPO])


@pytest.mark.parametrize(
    "link",
    [
        f"{REPO}/deep/Kim%20K.zip",
        f"https://huggingface.co/{REPO}/resolve/main/deep/Kim%20K.zip?download=true",
        f"https://huggingface.co/{REPO}/blob/main/deep/Kim%20K.zip",
        "https://pixeldrain.com/u/abc123",
        "https://drive.google.com/file/d/abc123/view?usp=sharing",
        "https://drive.google.com/open?id=abc123",
    ],
)
def test_a_link_to_one_file_gives_it(library: Library, site: Site, voice: bytes, link: str) -> None:
    archive = zipped(library.outside / "Kim K.zip", {"model.pth": voice}).read_bytes()
    site.files[f"{REPO}/resolve/main/deep/Kim%20K.zip"] = archive
    site.files["api/file/abc123"] = archive
    site.files["api/file/abc123/info"] = json.dumps(
        {"name": "Kim K.zip", "hash_sha256": hashlib.sha256(archive).hexdigest()}
    ).encode()
    site.headers["api/file/abc123/info"] = {"Content-Type": "application/json"}
    site.files["uc?export=download&id=abc123"] = archive
    site.headers["uc?export=download&id=abc123"] = {"Content-Disposition": 'attachment; filename="Kim K.zip"'}
    assert download_voice([link]).folder.name == "Kim K"
    assert library.state() == {"Kim K/model.pth": voice}


CONFIRM = """<html><body><p><span class="uc-name-size"><a href="/open?id=x">Kim K.zip</a> (53M)</span> is too large</p>
<form id="download-form" action="/download" method="get"><input type="submit" value="Download anyway"/>
<input type="hidden" name="id" value="abc123"><input type="hidden" name="confirm" value="t&amp;u">
<input type="hidden" name="uuid" value="{uuid}"></form></body></html>"""


def _confirming(site: Site, archive: bytes, uuid: str) -> None:
    site.files["uc?export=download&id=abc123"] = CONFIRM.format(uuid=uuid).encode()
    site.headers["uc?export=download&id=abc123"] = {"Content-Type": "text/html; charset=utf-8"}
    site.files[f"download?id=abc123&confirm=t%26u&uuid={uuid}"] = archive


def test_the_page_before_a_large_file_of_google_drive_is_confirmed(library: Library, site: Site, voice: bytes) -> None:
    _confirming(site, zipped(library.outside / "x.zip", {"model.pth": voice}).read_bytes(), "1-2")
    assert download_voice(["https://drive.google.com/file/d/abc123/view"]).folder.name == "Kim K"


def test_a_download_from_google_drive_goes_on_though_its_address_changes(
    library: Library, site: Site, voice: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "ATTEMPTS", 1)
    archive = zipped(library.outside / "x.zip", {"model.pth": voice}).read_bytes()
    _confirming(site, archive, "1")
    site.cuts.extend([len(archive), 50_000])  # the page, then the file
    with pytest.raises(DownloadError):
        download_voice(["https://drive.google.com/file/d/abc123/view"])
    _confirming(site, archive, "2")
    download_voice(["https://drive.google.com/file/d/abc123/view"])
    assert site.asked[-1]["Range"] == "bytes=50000-"


def test_a_page_of_google_drive_that_leads_elsewhere_is_refused(library: Library, site: Site) -> None:
    _confirming(site, b"", "1")
    page = site.files["uc?export=download&id=abc123"].replace(b'"/download"', b'"https://evil.example/download"')
    site.files["uc?export=download&id=abc123"] = page
    with pytest.raises(DownloadError, match=r"evil\.example"):
        download_voice(["https://drive.google.com/file/d/abc123/view"])


def test_a_page_of_google_drive_without_a_file_is_told(library: Library, site: Site) -> None:
    site.files["uc?export=download&id=abc123"] = b"<html><title>Google Drive - Quota exceeded</title></html>"
    site.headers["uc?export=download&id=abc123"] = {"Content-Type": "text/html"}
    with pytest.raises(DownloadError, match="Quota exceeded"):
        download_voice(["https://drive.google.com/file/d/abc123/view"])


def test_a_direct_link_gives_its_file_under_the_name_that_the_server_says(
    library: Library, site: Site, voice: bytes, index: bytes
) -> None:
    site.files |= {"get/17": voice, "x/added.index": index}
    site.headers["get/17"] = {"Content-Disposition": 'attachment; filename="../../Kim.pth"'}
    imported = download_voice([site.url("get/17"), site.url("x/added.index")])
    assert imported.folder == library.voices / imported.folder.name and "Kim" in imported.folder.name
    assert sorted(library.state().values(), key=len) == sorted([voice, index], key=len)


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("file:///etc/passwd", "no link"),
        ("ftp://host/x.zip", "no link"),
        ("", "no link"),
        ("https://mega.nz/file/x#y", "own program"),
        ("https://pixeldrain.com/l/abc", "list of files"),
        ("https://drive.google.com/drive/folders/abc", "a folder"),
        ("https://huggingface.co/someone", "no repository"),
    ],
)
def test_what_cannot_be_fetched_says_why(library: Library, link: str, reason: str) -> None:
    with pytest.raises(OptionError, match=reason):
        resolve(link)


def test_a_web_page_is_not_taken_for_a_file(library: Library, site: Site) -> None:
    site.files["page"] = b"<html></html>"
    site.headers["page"] = {"Content-Type": "text/html"}
    with pytest.raises(DownloadError, match="a web page and not a file"):
        download_voice([site.url("page")])


def test_a_connection_that_breaks_is_resumed_by_the_next_command(
    library: Library, site: Site, voice: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "ATTEMPTS", 1)
    site.files[f"{REPO}/resolve/main/v.pth"] = voice
    site.cuts.append(60_000)
    with pytest.raises(DownloadError, match=r"60000 of .* bytes; try again to go on from there"):
        download_voice([f"{REPO}/v.pth"])
    assert not [name for name in library.state() if not name.startswith(".downloads")]
    download_voice([f"{REPO}/v.pth"])
    assert site.asked[-1]["Range"] == "bytes=60000-"
    assert library.state() == {"v/v.pth": voice}


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_download_that_stops_half_way_is_never_a_voice(
    library: Library, site: Site, voice: bytes, monkeypatch: pytest.MonkeyPatch, tells_length: bool
) -> None:
    monkeypatch.setattr(downloading, "ATTEMPTS", 2)
    site.files["v.pth"], site.tells_length = voice, tells_length
    site.cuts.extend([len(voice), 9_000, 9_000])
    with pytest.raises((DownloadError, ModelError)):
        download_voice([site.url("v.pth")])
    assert not [name for name in library.state() if not name.startswith(".downloads")]


def test_a_file_that_the_server_itself_truncated_is_refused_and_not_kept(
    library: Library, site: Site, voice: bytes
) -> None:
    site.files["v.pth"] = voice[:-1000]
    with pytest.raises(ModelError, match=r"^v\.pth is cut off"):
        download_voice([site.url("v.pth")])
    assert library.state() == {}


def test_bytes_that_are_not_those_of_the_hub_are_refused(library: Library, site: Site, voice: bytes) -> None:
    share(site, {"v.pth": voice})
    site.files[f"{REPO}/resolve/main/v.pth"] = voice[:-1] + b"?"
    with pytest.raises(DownloadError, match="sha256"):
        download_voice([REPO])
    assert library.state() == {}


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_download_without_end_is_cut(
    library: Library, site: Site, voice: bytes, monkeypatch: pytest.MonkeyPatch, tells_length: bool
) -> None:
    monkeypatch.setattr(fetching, "MOST_BYTES", 1000)
    site.files["v.pth"], site.tells_length = voice, tells_length
    seen = []
    with pytest.raises(DownloadError, match="more than 1,000 bytes"):
        download_voice([site.url("v.pth")], on_progress=seen.append)
    assert library.state() == {} and seen == []


def test_a_length_that_is_too_large_is_refused_before_the_file_is_read(
    library: Library, site: Site, voice: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MOST_BYTES", 1000)
    monkeypatch.setattr(downloading, "_receive", lambda *_: pytest.fail("the body was read"))
    site.files["v.pth"] = voice
    with pytest.raises(DownloadError, match="more than 1,000 bytes"):
        download_voice([site.url("v.pth")])


def test_a_voice_that_cannot_be_read_is_not_kept(library: Library, site: Site) -> None:
    site.files["v.pth"] = b"\x80\x02 not a voice at all"
    with pytest.raises(CheckpointError, match=r"^v\.pth is damaged"):
        download_voice([site.url("v.pth")])
    assert library.state() == {}


def test_a_name_that_is_taken_is_refused_before_anything_is_fetched(library: Library, site: Site, voice: bytes) -> None:
    site.files["v.pth"] = voice
    download_voice([site.url("v.pth")], name="Kim")
    asked = len(site.asked)
    with pytest.raises(OptionError, match="already"):
        download_voice([site.url("v.pth")], name="kim")
    assert len(site.asked) == asked
    download_voice([site.url("v.pth")], name="kim", overwrite=True)


def test_no_network_no_download(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URVC_OFFLINE", "1")
    with pytest.raises(DownloadError, match="URVC_OFFLINE forbids"):
        download_voice([REPO])


def test_what_nobody_went_on_with_is_given_up_after_a_week(
    library: Library, site: Site, voice: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "ATTEMPTS", 1)
    site.files |= {"old.pth": voice, "v.pth": voice}
    site.cuts.extend([len(voice), 60_000])
    with pytest.raises(DownloadError):
        download_voice([site.url("old.pth")])
    assert "old.pth.part" in library.names()
    monkeypatch.setattr(fetching, "FORGOTTEN_AFTER_S", -1.0)
    download_voice([site.url("v.pth")])
    assert library.state() == {"v/v.pth": voice}


def test_an_unknown_repository_is_one_line(library: Library, site: Site) -> None:
    with pytest.raises((DownloadError, InputError), match="404") as caught:
        download_voice(["nobody/nothing"])
    assert "\n" not in str(caught.value)
