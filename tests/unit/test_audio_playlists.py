"""A text that names other files is no audio, whatever it is called: decoding it would open what it names."""

from pathlib import Path

import pytest
from tiny import sounds

from ultimate_rvc.audio.file import Audio, load, save
from ultimate_rvc.errors import AudioError

PLAYLISTS = {
    "song.wav": "ffconcat version 1.0\nfile secret.aac\n",
    "song.mp3": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2.0,\nsecret.aac\n#EXT-X-ENDLIST\n",
    "song.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2.0,\nsecret.aac\n#EXT-X-ENDLIST\n",
    "song.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_file_that_names_other_files_is_refused(tmp_path: Path, name: str) -> None:
    save(Audio(sounds.tone(440, 2, 44_100), 44_100), tmp_path / "secret.aac")
    (tmp_path / name).write_text(PLAYLISTS[name])
    with pytest.raises(AudioError, match="cannot be decoded"):
        load(tmp_path / name)


@pytest.mark.parametrize("suffix", ["wav", "mp3"])
def test_a_recording_longer_than_allowed_is_refused_while_it_is_read(tmp_path: Path, suffix: str) -> None:
    path = save(Audio(sounds.tone(440, 3, 44_100), 44_100), tmp_path / f"song.{suffix}")
    with pytest.raises(AudioError, match=r"lasts longer than 0.04 minutes"):
        load(path, longest_s=2.4)
    assert load(path, longest_s=3.1).duration_s == pytest.approx(3, abs=0.1)
