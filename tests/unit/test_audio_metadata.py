"""What a file says about itself: the same in every format, and nothing that changes from day to day."""

import json
import time
import zlib

import numpy as np
import pytest
from tiny import sounds

from ultimate_rvc import __version__
from ultimate_rvc.audio import ogg
from ultimate_rvc.audio.file import Audio, load, read_metadata, save
from ultimate_rvc.audio.metadata import LONGEST_BYTES, LONGEST_COMMENT_BYTES, describe
from ultimate_rvc.errors import AudioError, OptionError
from ultimate_rvc.options import AUDIO_FORMATS

RATE = 44_100
DESCRIBED = [name for name in AUDIO_FORMATS if name != "aac"]
ABOUT = describe("Füße – 曲 / “quoted”", "Ωmega", {"n_semitones": 2, "f0_method": ("rmvpe",)}) | {"album": "Live"}
OGG_CRC = 0x04C11DB7


@pytest.fixture
def song() -> Audio:
    return Audio(np.stack([sounds.voice_like(1, RATE), sounds.tone(660, 1, RATE, peak=0.2)]), RATE)


@pytest.mark.parametrize("suffix", DESCRIBED)
def test_what_is_written_is_read(tmp_path, song, suffix):
    path = save(song, tmp_path / f"a.{suffix}", metadata=ABOUT)
    said = read_metadata(path)
    assert said == ABOUT | {"encoder": f"Ultimate RVC {__version__}"}
    assert json.loads(said["comment"]) == {"n_semitones": 2, "f0_method": ["rmvpe"]}


@pytest.mark.parametrize("suffix", AUDIO_FORMATS)
def test_what_is_said_changes_no_sample(tmp_path, song, suffix):
    plain, told = save(song, tmp_path / f"a.{suffix}"), save(song, tmp_path / f"b.{suffix}", metadata=ABOUT)
    assert np.array_equal(load(plain).samples, load(told).samples)


@pytest.mark.parametrize("suffix", AUDIO_FORMATS)
def test_the_same_sound_gives_the_same_bytes_on_another_day(tmp_path, song, suffix, monkeypatch):
    first = save(song, tmp_path / f"a.{suffix}", metadata=ABOUT).read_bytes()
    # libsndfile draws an ogg's serial number from a clock that no test can set; it counts in seconds and below.
    time.sleep(0.01)
    assert save(song, tmp_path / f"b.{suffix}", metadata=ABOUT).read_bytes() == first


def test_a_bare_aac_stream_says_once_that_it_holds_nothing(tmp_path, song, caplog):
    caplog.set_level("INFO")
    path = save(song, tmp_path / "a.aac", metadata=ABOUT)
    assert read_metadata(path) == {} and caplog.text.count("m4a") == 1
    caplog.clear()
    save(song, tmp_path / "a.aac")
    assert not caplog.text


@pytest.mark.parametrize("suffix", DESCRIBED)
def test_hostile_texts_are_tamed(tmp_path, song, suffix):
    path = save(song, tmp_path / f"a.{suffix}", metadata={"title": "a\x00b\nc\x1b[1m", "artist": "曲" * 1_000})
    said = read_metadata(path)
    assert said["title"] == "a b c [1m" and said["artist"] == "曲" * (LONGEST_BYTES // 3)
    assert load(path).length == song.length


@pytest.mark.parametrize("suffix", DESCRIBED)
def test_a_comment_is_whole_or_left_out_with_a_word(tmp_path, song, suffix, caplog):
    longest = {"title": "t" * LONGEST_BYTES, "artist": "a" * LONGEST_BYTES, "comment": "c" * LONGEST_COMMENT_BYTES}
    assert read_metadata(save(song, tmp_path / f"a.{suffix}", metadata=longest)).items() >= longest.items()
    assert not caplog.text
    path = save(song, tmp_path / f"b.{suffix}", metadata=longest | {"comment": "c" * (LONGEST_COMMENT_BYTES + 1)})
    assert "comment" not in read_metadata(path) and "left out" in caplog.text


def test_unknown_names_are_refused_and_nothing_is_written(tmp_path, song):
    with pytest.raises(OptionError, match="date"):
        save(song, tmp_path / "a.mp3", metadata={"date": "today"})
    assert not list(tmp_path.iterdir())


def test_a_file_that_says_nothing_gives_nothing(tmp_path, song):
    assert read_metadata(sounds.write(tmp_path / "a.wav", song.samples, RATE)) == {}


@pytest.mark.parametrize("make", [sounds.text_as_wav, lambda folder: folder / "none.wav"])
def test_what_is_no_sound_is_an_audio_error(tmp_path, make):
    with pytest.raises(AudioError, match="cannot be read"):
        read_metadata(make(tmp_path))


def test_every_page_of_an_ogg_file_keeps_a_true_checksum(tmp_path, song):
    long = Audio(np.tile(song.samples, 8), RATE)
    data = save(long, tmp_path / "a.ogg", metadata=ABOUT).read_bytes()
    pages = list(_pages(data))
    assert len(pages) > 5 and {page[ogg.SERIAL] for page in pages} == {ogg.SERIAL_NUMBER}
    for page in pages:
        blank = page[:22] + bytes(4) + page[26:]
        assert int.from_bytes(page[ogg.CHECKSUM], "little") == _checksum(blank)


def _pages(data: bytes):
    while data:
        segments = data[27 : 27 + data[26]]
        length = 27 + len(segments) + sum(segments)
        yield data[:length]
        data = data[length:]


def _checksum(page: bytes) -> int:
    """Ogg's CRC is zlib's with the bits the other way round, and without inversion at both ends."""
    mirrored = bytes(int(f"{byte:08b}"[::-1], 2) for byte in page)
    crc = zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)
