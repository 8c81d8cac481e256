"""Writing audio files: what was heard is in the file, and a file is there whole or not at all."""

import errno
import os
import resource
import signal
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tiny import meters, sounds

from ultimate_rvc.audio import encode
from ultimate_rvc.audio.file import Audio, load, replacing, save
from ultimate_rvc.errors import AudioError, OptionError, OutputError
from ultimate_rvc.options import AUDIO_FORMATS, BITRATES_KBPS, MixOptions

RATE = 44_100
PITCH_CENTS = 1.0
LEVEL_DB = 0.1
# A bare aac stream cannot say how much padding the encoder put before (one frame) and behind (up to two).
AAC_FRAME_SAMPLES = 1_024


@contextmanager
def room_for(size_bytes: int):
    """A disk on which no file grows beyond this size: the system answers as it does when the disk is full."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.fixture
def stereo() -> Audio:
    """One second; the left side sings, the right side hums a tone."""
    return Audio(np.stack([sounds.voice_like(1, RATE), sounds.tone(660, 1, RATE, peak=0.2)]), RATE)


def test_every_format_of_the_options_can_be_written():
    assert set(encode.FORMATS) == set(AUDIO_FORMATS)


@pytest.mark.parametrize("suffix", AUDIO_FORMATS)
@pytest.mark.parametrize("sides", [1, 2])
def test_round_trip_keeps_pitch_level_sides_and_time(tmp_path, suffix, sides):
    wav = np.stack([sounds.tone(hz, 1, RATE) for hz in (440, 660)[:sides]])
    back = load(save(Audio(wav, RATE), tmp_path / f"a.{suffix}"))
    assert back.rate == RATE and back.channels == sides
    for hz, side in zip((440, 660), meters.middle(back.samples, RATE), strict=False):
        assert abs(meters.cents(meters.frequency_hz(side, RATE), hz)) < PITCH_CENTS
        assert abs(meters.level_db(side) - meters.level_db(wav)) < LEVEL_DB


@pytest.mark.parametrize("suffix", AUDIO_FORMATS)
def test_round_trip_keeps_length_and_moves_nothing(tmp_path, stereo, suffix):
    back = load(save(stereo, tmp_path / f"a.{suffix}"))
    delay = meters.delay_samples(back.samples[0], stereo.samples[0])
    if suffix == "aac":
        assert delay == AAC_FRAME_SAMPLES and 0 <= back.length - stereo.length <= 3 * AAC_FRAME_SAMPLES
    else:
        assert delay == 0 and back.length == stereo.length


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_lossless_formats_hold_sixteen_bits(tmp_path, stereo, suffix):
    back = load(save(stereo, tmp_path / f"a.{suffix}"))
    assert np.abs(back.samples - stereo.samples).max() <= 2 / 2**15


@pytest.mark.parametrize("suffix", AUDIO_FORMATS)
@pytest.mark.parametrize("rate", [8_000, 40_000, 192_000])
def test_a_rate_that_the_format_cannot_hold_becomes_the_nearest_and_is_said(tmp_path, caplog, suffix, rate):
    path = save(Audio(sounds.tone(440, 1, rate), rate), tmp_path / f"a.{suffix}")
    back = load(path)
    held = {"mp3": {40_000: 44_100, 192_000: 48_000}, "m4a": {40_000: 44_100, 192_000: 96_000}}
    expected = held.get({"aac": "m4a"}.get(suffix, suffix), {}).get(rate, rate)
    assert back.rate == expected
    assert (f"{expected} Hz" in caplog.text) == (expected != rate)
    assert abs(meters.cents(meters.frequency_hz(meters.middle(back.samples[0], back.rate), back.rate), 440)) < 2


@pytest.mark.parametrize("suffix", ["ogg", "mp3", "m4a", "aac"])
def test_more_bits_make_a_larger_and_truer_file(tmp_path, suffix):
    noise = Audio(np.stack([sounds.voice_like(2, RATE), sounds.white_noise(2, RATE)]), RATE)
    low = save(noise, tmp_path / f"low.{suffix}", bitrate_kbps=96).stat().st_size
    high = save(noise, tmp_path / f"high.{suffix}", bitrate_kbps=256).stat().st_size
    assert 1.8 < high / low < 3.5
    assert 200 < high * 8 / 2_000 < 330  # kbit/s


@pytest.mark.parametrize(("suffix", "kbps"), [("mp3", 16), ("mp3", 500), ("wav", 192)])
def test_a_bitrate_without_sense_is_an_option_error(tmp_path, stereo, suffix, kbps):
    with pytest.raises(OptionError, match=str(kbps)):
        save(stereo, tmp_path / f"a.{suffix}", bitrate_kbps=kbps)


@pytest.mark.parametrize("suffix", AUDIO_FORMATS)
def test_too_loud_samples_are_clipped_never_wrapped(tmp_path, caplog, suffix):
    loud = Audio(sounds.tone(100, 0.5, RATE, peak=2), RATE)
    loud.samples.flags.writeable = False
    back = meters.middle(load(save(loud, tmp_path / f"a.{suffix}")).samples[0], RATE, 0.1)
    assert abs(meters.cents(meters.frequency_hz(back, RATE), 100)) < 5
    assert 0.9 < np.abs(back).max() < 1.3
    assert "6.0 dB" in caplog.text


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.wma"])
def test_an_unknown_suffix_lists_those_that_exist(tmp_path, stereo, name):
    with pytest.raises(OptionError) as caught:
        save(stereo, tmp_path / name)
    assert all(suffix in str(caught.value) for suffix in AUDIO_FORMATS)


@pytest.mark.parametrize("samples", [np.zeros((1, 0)), np.array([0.1, np.nan]), np.zeros((5, 100))])
def test_samples_that_no_file_can_hold_are_refused(tmp_path, samples):
    with pytest.raises(AudioError, match=r"a\.wav"):
        save(Audio(samples, RATE), tmp_path / "a.wav")
    assert not list(tmp_path.iterdir())


def test_the_folder_is_made(tmp_path, stereo):
    assert save(stereo, str(tmp_path / "new" / "songs" / "A.WAV")) == tmp_path / "new" / "songs" / "A.WAV"
    assert [p.name for p in (tmp_path / "new" / "songs").iterdir()] == ["A.WAV"]


def test_saving_onto_the_file_that_was_read_is_fine(tmp_path, stereo):
    path = save(stereo, tmp_path / "a.flac")
    back = load(save(load(path), path))
    assert np.abs(back.samples - stereo.samples).max() <= 2 / 2**15


@pytest.mark.parametrize("suffix", AUDIO_FORMATS)
def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path, stereo, suffix):
    path = save(stereo, tmp_path / f"a.{suffix}")
    old = path.read_bytes()
    for room in (0, len(old) // 2, len(old) - 500, len(old) - 1):
        with room_for(room), pytest.raises(OutputError) as caught:
            save(stereo, path)
        assert os.strerror(errno.EFBIG) in str(caught.value) and path.name in str(caught.value)
        assert "make room" in str(caught.value) and "\n" not in str(caught.value)
        assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


@pytest.fixture
def hears_ctrl_c():
    """A shell makes what it runs in the background deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_ctrl_c")
@pytest.mark.parametrize("suffix", AUDIO_FORMATS)
def test_ctrl_c_in_the_middle_leaves_what_was_there(tmp_path, stereo, suffix, monkeypatch):
    path = save(stereo, tmp_path / f"a.{suffix}")
    old, blocks = path.read_bytes(), encode._blocks

    def interrupted(audio, size):
        for number, block in enumerate(blocks(audio, min(size, 4_096))):
            if number == 3:
                signal.raise_signal(signal.SIGINT)
            yield block

    monkeypatch.setattr(encode, "_blocks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(stereo, path)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("make", [lambda f: f / "file" / "a.wav", lambda f: f / "folder.wav"])
def test_a_place_that_cannot_be_written_is_said(tmp_path, stereo, make):
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(OutputError, match="cannot be written") as caught:
        save(stereo, make(tmp_path))
    assert "\n" not in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.wav"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("suffix", AUDIO_FORMATS)
def test_a_folder_without_permission_is_said(tmp_path, stereo, suffix):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="may write"):
        save(stereo, tmp_path / f"a.{suffix}")


def test_missing_permission_names_the_remedy(tmp_path):
    with (
        pytest.raises(OutputError, match=r"Permission denied; choose a folder that you may write to"),
        replacing(tmp_path / "a.txt"),
    ):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_nobody_sees_a_file_before_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("half")
        assert not path.exists() and temporary.parent == path.parent
    assert path.read_text() == "half" and list(tmp_path.iterdir()) == [path]


def test_the_longest_possible_name_can_be_written(tmp_path, stereo):
    path = save(stereo, tmp_path / ("x" * 251 + ".wav"))
    assert Path(path).exists()


@pytest.mark.parametrize("length", [1, 1_000, 44_101, 401_214])
def test_m4a_ends_where_the_sound_ends(tmp_path, length):
    """A player reads the end from a table that counts in milliseconds, unless it is told to count in samples."""
    wav = np.resize(sounds.tone(440, 1, RATE), length)
    assert load(save(Audio(wav, RATE), tmp_path / "a.m4a")).length == length


@pytest.mark.parametrize(("suffix", "kbps"), [("mp3", 100), ("ogg", 32), ("m4a", 400), ("flac", 320)])
def test_a_bitrate_that_only_other_formats_have_says_which_there_are(tmp_path, stereo, suffix, kbps):
    with pytest.raises(OptionError, match=f"{kbps} kbit/s.*({'leave it out' if suffix == 'flac' else '320|500'})"):
        save(stereo, tmp_path / f"a.{suffix}", bitrate_kbps=kbps)
    with pytest.raises(OptionError, match=f"{kbps} kbit/s"):
        MixOptions(output_format=suffix, bitrate=kbps)


@pytest.mark.parametrize("kbps", BITRATES_KBPS["mp3"])
def test_every_bitrate_of_mp3_is_what_the_file_has(tmp_path, kbps):
    noise = Audio(np.stack([sounds.white_noise(2, RATE, 1), sounds.white_noise(2, RATE, 2)]), RATE)
    size_bits = 8 * save(noise, tmp_path / "a.mp3", bitrate_kbps=kbps).stat().st_size
    assert size_bits / 2_000 == pytest.approx(kbps, rel=0.05)


@pytest.mark.parametrize(("suffix", "rate", "most"), [("mp3", 16_000, 160), ("mp3", 8_000, 64), ("m4a", 16_000, 96)])
def test_a_bitrate_beyond_what_a_slow_file_holds_is_said(tmp_path, caplog, suffix, rate, most):
    slow = Audio(sounds.white_noise(4, rate), rate)
    path = save(slow, tmp_path / f"a.{suffix}", bitrate_kbps=320)
    assert f"at most {most} kbit/s" in caplog.text
    # FFmpeg's aac encoder stays somewhat below what it is allowed.
    assert 0.7 * most < path.stat().st_size * 8 / 4_000 < 1.1 * most
    caplog.clear()
    save(slow, tmp_path / f"a.{suffix}")
    assert not caplog.text
