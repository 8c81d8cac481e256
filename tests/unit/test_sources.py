"""What somebody means by a source: files, folders, songs made before, and addresses."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import sounds, web

from ultimate_rvc.audio.file import Audio, load, save
from ultimate_rvc.covers.sources import shelf
from ultimate_rvc.covers.sources import web as web_songs
from ultimate_rvc.covers.sources.find import is_folder_of_songs, resolve_source, songs_in
from ultimate_rvc.errors import AudioError, DownloadError, InputError, OptionError

TITLE = "Brother Louie"
SONG_AT = "Brother%20Louie.mp3"
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Hits</title>
<item><title>a</title><link>http://127.0.0.1/a</link></item>
<item><title>b</title><link>http://127.0.0.1/b</link></item></channel></rss>"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("URVC_AUDIO_DIR", str(tmp_path / "audio"))
    return tmp_path / "audio" / "intermediate"


@pytest.fixture
def mp3(tmp_path: Path) -> bytes:
    path = save(Audio(sounds.tone(440, 2, 44_100), 44_100), tmp_path / "made.mp3")
    return path.read_bytes()


@pytest.fixture
def site(home: Path, mp3: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[web.Site]:
    """A web server with a song; the network is allowed."""
    pytest.importorskip("yt_dlp", reason="yt-dlp is not installed")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with web.serve(files={SONG_AT: mp3}) as site:
        yield site


def test_a_file_is_named_by_its_stem(tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "My Song. Live.wav", sounds.tone(440, 0.2, 8_000), 8_000)
    source = resolve_source(str(path))
    assert (source.name, source.path, source.origin) == ("My Song. Live", path, str(path))


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("nowhere.wav", AudioError, "no such file"),
        ("ftp://host/song.mp3", OptionError, "https://"),
        ("file:///etc/hosts", OptionError, "https://"),
    ],
)
def test_what_is_no_source_is_refused_with_what_would_be(home: Path, text: str, kind: type, words: str) -> None:
    with pytest.raises(kind, match=words):
        resolve_source(text)


def test_songs_of_a_folder_come_in_the_order_that_people_count(tmp_path: Path) -> None:
    for name in ("song 10.mp3", "Song 2.wav", "song 1.FLAC", "notes.txt", ".hidden.mp3"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.wav").mkdir()
    assert [path.name for path in songs_in(tmp_path)] == ["song 1.FLAC", "Song 2.wav", "song 10.mp3"]
    assert is_folder_of_songs(tmp_path)


def test_a_folder_without_songs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="holds no audio file"):
        songs_in(tmp_path)
    with pytest.raises(OptionError, match="holds neither a song nor its vocals"):
        resolve_source(tmp_path)


def test_a_song_folder_of_ultimate_rvc_is_read(tmp_path: Path) -> None:
    (tmp_path / "00_Old Song.wav").write_bytes(b"x")
    (tmp_path / "00_Old Song.json").write_bytes(b"{}")
    source = resolve_source(tmp_path)
    assert source.name == "Old Song" and source.path == tmp_path / "00_Old Song.wav"
    assert not is_folder_of_songs(tmp_path)


def test_a_song_from_the_web_is_named_by_its_title_and_kept_as_it_came(site: web.Site, home: Path, mp3: bytes) -> None:
    told = []
    source = resolve_source(site.url(SONG_AT), on_progress=told.append)
    assert source.name == TITLE and source.path.parent == home / TITLE
    assert source.path.read_bytes() == mp3 and load(source.path).duration_s == pytest.approx(2, abs=0.1)
    assert told[-1].stage == "download song" and told[-1].done == told[-1].total == len(mp3)


def test_the_second_time_nothing_is_downloaded(site: web.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    first = resolve_source(site.url(SONG_AT))
    asked = len(site.asked)
    monkeypatch.setenv("URVC_OFFLINE", "1")
    assert resolve_source(site.url(SONG_AT)) == first and len(site.asked) == asked


def test_a_song_that_was_fetched_is_a_song_folder(site: web.Site) -> None:
    first = resolve_source(site.url(SONG_AT))
    assert resolve_source(first.path.parent) == first


def test_a_download_that_stopped_half_way_is_never_used(site: web.Site, home: Path, mp3: bytes) -> None:
    # The first two answers are those to the look-up.
    site.cuts = deque([len(mp3), len(mp3), *[len(mp3) // 3] * 20])
    with pytest.raises(DownloadError, match="cannot be fetched"):
        resolve_source(site.url(SONG_AT))
    assert not list(home.glob("*/*.mp3")) and not list(home.glob("*/source.json"))
    site.cuts.clear()
    assert resolve_source(site.url(SONG_AT)).path.read_bytes() == mp3


def test_another_song_of_the_same_title_gets_a_folder_of_its_own(site: web.Site, mp3: bytes) -> None:
    first = resolve_source(site.url(SONG_AT))
    note = shelf.read_note(first.path.parent)
    assert note is not None and shelf.folder_for(TITLE, note.video) == first.path.parent
    assert shelf.folder_for(TITLE, "youtube abc").name == f"{TITLE} [youtube abc]"


def test_two_at_once_fetch_it_once(site: web.Site, home: Path) -> None:
    found = []
    threads = [threading.Thread(target=lambda: found.append(resolve_source(site.url(SONG_AT)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] and len(list(home.glob("*/*.mp3"))) == 1


@pytest.mark.parametrize("damage", ["{", "[]", '{"title": "x"}', '{"title": 1, "file": 2, "video": 3, "addresses": 4}'])
def test_a_damaged_note_is_said_and_the_song_fetched_again(
    site: web.Site, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = resolve_source(site.url(SONG_AT))
    (first.path.parent / shelf.NOTE).write_text(damage)
    assert resolve_source(site.url(SONG_AT)) == first and "damaged" in caplog.text


def test_a_note_cannot_name_a_file_elsewhere(home: Path, tmp_path: Path) -> None:
    (home / "x").mkdir(parents=True)
    for folder in (tmp_path, home / "x"):
        (folder / "secret.wav").write_bytes(b"x")
    note = {"title": "x", "file": "../../../secret.wav", "video": "v", "addresses": ["https://x"]}
    (home / "x" / shelf.NOTE).write_text(json.dumps(note))
    source = shelf.fetched("https://x")
    assert source is not None and source.path == home / "x" / "secret.wav"


def test_a_list_of_several_is_refused(site: web.Site) -> None:
    site.files["feed.xml"] = FEED.encode()
    with pytest.raises(OptionError, match="list of several"):
        resolve_source(site.url("feed.xml"))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"_type": "playlist", "title": "Hits"}, "list of several"),
        ({"title": "News", "is_live": True}, "is being broadcast live"),
        ({"title": "Premiere", "live_status": "is_upcoming"}, "has not begun"),
        ({"title": "Concert", "duration": 7_200}, "lasts 120 minutes; a song may last 60"),
    ],
)
def test_what_is_no_song_is_refused_with_its_reason(found: dict, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        web_songs._refuse("https://x", found)


def test_what_lasts_too_long_without_saying_so_is_deleted(
    site: web.Site, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_songs, "LONGEST_S", 1)
    with pytest.raises(OptionError, match="lasts"):
        resolve_source(site.url(SONG_AT))
    assert not home.joinpath(TITLE).exists()


@pytest.mark.parametrize("content", [b"two lemons", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hosts\n#EXT-X-ENDLIST\n"])
def test_what_is_no_audio_is_refused_and_deleted(site: web.Site, home: Path, content: bytes) -> None:
    site.files["list.mp3"] = content
    with pytest.raises((AudioError, DownloadError)):
        resolve_source(site.url("list.mp3"))
    assert not list(home.glob("*/*"))


def test_a_playlist_in_a_songs_clothes_opens_no_other_file(tmp_path: Path) -> None:
    sounds.write(tmp_path / "other.wav", sounds.tone(440, 1, 8_000), 8_000)
    playlist = tmp_path / "song.mp3"
    playlist.write_text("ffconcat version 1.0\nfile other.wav\nduration 1\n")
    with pytest.raises(AudioError, match="is no audio"):
        web_songs._duration_s(playlist)


def test_a_page_without_a_song_says_so(site: web.Site) -> None:
    site.files["page.html"] = b"<html><title>Hello</title></html>"
    with pytest.raises(DownloadError, match="cannot be fetched: Unsupported URL") as told:
        resolve_source(site.url("page.html"))
    assert "\n" not in str(told.value) and "report this issue" not in str(told.value)


def test_offline_nothing_is_asked_for(home: Path) -> None:
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE forbids downloads"):
        resolve_source("https://127.0.0.1/song.mp3")


def test_cookies_are_sent_and_their_file_is_left_as_it_is(
    site: web.Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookies = tmp_path / "cookies.txt"
    lines = ["# Netscape HTTP Cookie File", "127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tmember\tyes", ""]
    cookies.write_text("\n".join(lines))
    before = cookies.read_bytes()
    monkeypatch.setenv("YT_COOKIEFILE", str(cookies))
    resolve_source(site.url(SONG_AT))
    assert any("member=yes" in asked.get("Cookie", "") for asked in site.asked) and cookies.read_bytes() == before


def test_cookies_that_are_not_there_are_said(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cookies .*nowhere.* cannot be read"):
        resolve_source("https://127.0.0.1/a", cookiefile=tmp_path / "nowhere")
    monkeypatch.setenv("YT_COOKIEFILE", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="from YT_COOKIEFILE"):
        resolve_source("https://127.0.0.1/a")
