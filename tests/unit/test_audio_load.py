"""Reading audio files: every format with known answers, every odd file with its one line."""

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tiny import meters, sounds

from ultimate_rvc.audio.file import Audio, check_convertible, load, save
from ultimate_rvc.audio.resample import resample
from ultimate_rvc.errors import AudioError

RATE = 44_100
# Half a step of the coarsest format below, plus its full scale lying one step below 1.
STEPS = {"PCM_U8": 2 / 2**7, "PCM_16": 2 / 2**15, "PCM_24": 2 / 2**23, "PCM_32": 1e-7, "FLOAT": 0, "DOUBLE": 0}
PITCH_CENTS = 1.0
# Lossy codecs keep the level of a steady tone far better than anybody hears (1 dB).
LEVEL_DB = 0.1


def encoded(path: Path, container: str, codec: str, rate: int = 48_000) -> Path:
    """A tone of one second, 440 Hz, that PyAV writes with the given container and codec."""
    wav = sounds.tone(440, 1, rate)
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.layout = "mono"
        stream.bit_rate = 256_000  # below, LAME turns the level down on purpose
        stream.codec_context.open()
        shape = av.AudioResampler(stream.format.name, "mono", rate, frame_size=stream.codec_context.frame_size)
        frame = av.AudioFrame.from_ndarray(wav[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for piece in [*shape.resample(frame), *shape.resample(None)]:
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return path


def refusal(path: Path) -> str:
    """The one line with which a file is refused by load or at the conversion's door."""
    with pytest.raises(AudioError) as caught:
        check_convertible(load(path), str(path))
    return str(caught.value)


@pytest.mark.parametrize("subtype", STEPS)
def test_wav_of_every_depth_gives_its_samples(tmp_path, subtype):
    wav = sounds.tone(440, 0.5, RATE)
    audio = load(sounds.write(tmp_path / "a.wav", wav, RATE, subtype))
    assert audio.rate == RATE and audio.samples.dtype == np.float32 and audio.samples.shape == (1, len(wav))
    assert np.abs(audio.samples[0] - wav).max() <= STEPS[subtype]


def test_channels_keep_their_sides(tmp_path):
    both = np.stack([sounds.tone(440, 0.5, RATE), sounds.tone(660, 0.5, RATE, peak=0.1)])
    audio = load(sounds.write(tmp_path / "a.flac", both, RATE))
    assert audio.channels == 2
    assert np.abs(audio.samples - both).max() <= STEPS["PCM_16"]


@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [
        ("a.mp3", "mp3", "libmp3lame"),
        ("a.m4a", "ipod", "aac"),
        ("a.mp4", "mp4", "aac"),
        ("a.m4a", "mov", "alac"),
        ("a.aac", "adts", "aac"),
        ("a.opus", "ogg", "libopus"),
        ("a.ogg", "ogg", "libopus"),
        ("a.webm", "webm", "libopus"),
        ("a.mka", "matroska", "flac"),
        ("wrongly_named.wav", "ipod", "aac"),
        ("wrongly_named.mp3", "wav", "pcm_s16le"),
        ("Größe 歌 'x'.m4a", "ipod", "aac"),
    ],
)
def test_every_format_gives_the_tone_back(tmp_path, name, container, codec):
    audio = load(encoded(tmp_path / name, container, codec))
    wav = meters.middle(audio.samples[0], audio.rate)
    assert abs(meters.cents(meters.frequency_hz(wav, audio.rate), 440)) < PITCH_CENTS
    assert abs(meters.level_db(wav) - meters.level_db(sounds.tone(440, 0.5, audio.rate))) < LEVEL_DB
    # A bare aac stream cannot say how much of it is the encoder's padding.
    assert audio.length == 48_000 or (container == "adts" and 48_000 <= audio.length <= 48_000 + 3 * 1_024)


@pytest.mark.parametrize("odd", sounds.UNUSABLE.values(), ids=sounds.UNUSABLE)
def test_unusable_file_gets_one_line_that_names_it_and_says_what_to_do(tmp_path, odd):
    path = odd(tmp_path)
    line = refusal(path)
    assert "\n" not in line and path.name in line and ";" in line


def test_refusals_say_what_is_wrong(tmp_path):
    said = {name: refusal(make(tmp_path)) for name, make in sounds.UNUSABLE.items()}
    assert "0 bytes" in said["zero_bytes"] and "no samples" in said["zero_samples"]
    assert "50 ms" in said["fifty_ms"] and "100 ms" in said["fifty_ms"]
    assert "silent" in said["silent"] and "5 channels" in said["five_channels"]
    assert "3 samples" in said["with_nan"] and "0.250 s" in said["with_nan"]
    assert "libsndfile" in said["text_as_wav"] and "ffmpeg" in said["text_as_wav"]


@pytest.mark.parametrize("odd", sounds.UNUSUAL.values(), ids=sounds.UNUSUAL)
def test_unusual_rates_are_read_as_they_are(tmp_path, odd):
    path = odd(tmp_path)
    audio = load(path)
    check_convertible(audio, str(path))
    assert audio.rate in (8_000, 192_000) and audio.duration_s in (2.0, 1.0)


def test_a_narrow_band_is_said(tmp_path, caplog):
    check_convertible(load(sounds.eight_khz(tmp_path)), "eight_khz.wav")
    assert "4000 Hz" in caplog.text
    caplog.clear()
    check_convertible(load(sounds.studio_192_khz(tmp_path)), "studio")
    assert not caplog.records


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda folder: folder / "missing.wav", "does not exist"),
        (lambda folder: folder, "a folder"),
        (lambda folder: folder / ("x" * 300 + ".wav"), "too long"),
        (lambda folder: folder / "nul\0.wav", "null"),
        (lambda folder: folder / "two\nlines.wav", "does not exist"),
    ],
)
def test_a_path_that_is_no_file_gets_one_line(tmp_path, make, word):
    line = refusal(make(tmp_path))
    assert word in line and "\n" not in line and ";" in line


def test_a_file_without_permission_gets_one_line(tmp_path, monkeypatch):
    path = sounds.silent(tmp_path)

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert "Permission denied" in refusal(path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "m4a", "aac"])
def test_noise_that_calls_itself_audio_is_refused(tmp_path, suffix):
    path = tmp_path / f"noise.{suffix}"
    path.write_bytes(np.random.default_rng(0).bytes(30_000))
    assert path.name in refusal(path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "m4a"])
def test_a_file_that_ends_too_early_is_refused(tmp_path, suffix):
    path = tmp_path / f"whole.{suffix}"
    encoded(path, "ipod", "aac") if suffix == "m4a" else sounds.write(path, sounds.voice_like(2, RATE), RATE)
    half = tmp_path / f"half.{suffix}"
    half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert half.name in refusal(half)


def test_an_mp3_that_ends_too_early_is_read_with_a_warning(tmp_path, caplog):
    whole = encoded(tmp_path / "whole.mp3", "mp3", "libmp3lame").read_bytes()
    (tmp_path / "half.mp3").write_bytes(whole[: len(whole) // 2])
    assert 0.3 < load(tmp_path / "half.mp3").duration_s < 0.6
    assert "cut off" in caplog.text


def test_tags_behind_an_mp3_do_no_harm(tmp_path):
    path = encoded(tmp_path / "a.mp3", "mp3", "libmp3lame")
    untagged = path.read_bytes()
    path.write_bytes(untagged + b"TAG" + b" " * 125)
    assert load(path).length == 48_000
    path.write_bytes(untagged + b"not a tag that anybody knows " * 100)
    assert 48_000 <= load(path).length < 48_000 + 1_152


def test_a_wav_from_a_pipe_has_no_known_length_and_is_read(tmp_path):
    path = sounds.write(tmp_path / "pipe.wav", sounds.tone(440, 0.5, RATE), RATE)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[4:8] = content[at : at + 4] = b"\xff" * 4
    path.write_bytes(content)
    assert load(path).duration_s == 0.5


def test_a_video_without_sound_says_so(tmp_path):
    path = tmp_path / "silent_film.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        file.mux(stream.encode(None))
    assert "holds no sound" in refusal(path)


def test_six_channels_of_a_film_are_refused(tmp_path):
    path = tmp_path / "film.mka"
    with av.open(str(path), "w", format="matroska") as file:
        stream = file.add_stream("flac", rate=RATE)
        stream.layout = "5.1"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 6 * 4_096), np.int16), format="s16", layout="5.1")
        frame.sample_rate, frame.pts = RATE, 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    assert "6 channels" in refusal(path)


def test_a_name_with_a_colon_is_no_address(tmp_path, monkeypatch):
    encoded(tmp_path / "live.mp3", "mp3", "libmp3lame").rename(tmp_path / "song: live.mp3")
    monkeypatch.chdir(tmp_path)
    assert load("song: live.mp3").length == 48_000


def test_mono_is_the_mean_and_leaves_the_stereo_alone():
    left, right = sounds.tone(440, 0.1, RATE), sounds.tone(660, 0.1, RATE)
    stereo = Audio(np.stack([left, right]), RATE)
    stereo.samples.flags.writeable = False
    assert np.allclose(stereo.mono().samples, (left + right) / 2, atol=1e-7)
    assert stereo.mono().channels == 1 and stereo.mono().mono().rate == RATE


def test_one_channel_may_be_given_flat():
    audio = Audio(np.zeros(100, np.float64), 100)
    assert audio.samples.shape == (1, 100) and audio.samples.dtype == np.float32 and audio.duration_s == 1


@pytest.mark.parametrize("samples", [[-0.5, 0.25], [0.25, 0.5], [[0.1, 0.2], [-0.5, 0]]])
def test_the_peak_is_the_largest_magnitude_on_either_side_of_zero(samples):
    assert Audio(samples, RATE).peak == 0.5 and Audio(np.zeros((2, 0)), RATE).peak == 0


@pytest.mark.parametrize(("shape", "rate"), [((1, 2, 3), RATE), ((1, 3), 0)])
def test_audio_of_no_sense_is_refused(shape, rate):
    with pytest.raises(AudioError):
        Audio(np.zeros(shape, np.float32), rate)


def test_loading_an_ordinary_file_warns_of_nothing(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        load(encoded(tmp_path / "a.aac", "adts", "aac"))
    assert not caplog.records


@pytest.mark.parametrize("suffix", ["flac", "mp3", "m4a"])
def test_a_file_is_read_as_mono_at_the_rate_that_is_wanted(tmp_path, suffix):
    both = np.stack([sounds.tone(440, 1, RATE), sounds.tone(660, 1, RATE, peak=0.1)])
    path = save(Audio(both, RATE), tmp_path / f"a.{suffix}")
    audio, expected = load(path, mono_rate=16_000), resample(load(path).mono(), 16_000)
    assert (audio.rate, audio.channels, audio.length) == (16_000, 1, expected.length)
    # What an encoder pads behind the end is cut off after the filter and not before it, which hears it a little.
    assert np.abs(audio.samples - expected.samples)[:, :-256].max() < 1e-5


def test_a_narrow_band_is_warned_of_when_it_is_read_wider(tmp_path, caplog):
    load(sounds.write(tmp_path / "a.wav", sounds.tone(440, 0.5, 8_000), 8_000), mono_rate=16_000)
    assert "nothing above 4000 Hz" in caplog.text
