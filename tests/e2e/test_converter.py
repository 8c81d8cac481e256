"""`Converter`: the library call that keeps its models loaded."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import home as homes
from tiny.voices import write_voice

import ultimate_rvc
from ultimate_rvc import Audio, Converter
from ultimate_rvc.audio.file import load, save
from ultimate_rvc.cli.main import main
from ultimate_rvc.errors import AudioError, DeviceError, OptionError, OutputError, UrvcError, VoiceNotFound
from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.progress import Progress
from ultimate_rvc.rvc.infer import infer
from ultimate_rvc.rvc.infer.pipeline import Pipeline

# Half a step of 16 bits, the coarsest wav that is written, and the rounding of its dither.
WAV_STEP = 1 / 2**15
OTHER = "Other"


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """How often each kind of weights was read from disk."""
    counts: Counter = Counter()

    def counted(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def load_one(*args: Any, **kwargs: Any) -> Any:
            counts[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, load_one)

    counted(infer, "load_synthesizer")
    counted(infer, "load_encoder")
    counted(Pipeline, "_load_index")
    return counts


@pytest.fixture
def converter(home: Path) -> Iterator[Converter]:
    with Converter(homes.VOICE) as one:
        yield one


@pytest.fixture
def other(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A second voice of another sound."""
    write_voice(home / "models_of_mine", OTHER, seed=7)
    folder = home / "models_of_mine" / OTHER
    return str(folder)


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = "import sys, ultimate_rvc; print(*[name for name in sys.modules if 'rvc' in name or name == 'numpy'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ultimate_rvc"]


def test_the_package_offers_its_public_names() -> None:
    assert set(ultimate_rvc.__all__) <= set(dir(ultimate_rvc))
    assert ultimate_rvc.UrvcError is UrvcError
    with pytest.raises(AttributeError, match="Converter"):
        ultimate_rvc.Convertor  # noqa: B018


def test_a_file_becomes_a_file(home: Path, converter: Converter) -> None:
    made = converter.convert("song.wav", home / "new" / "out.wav", n_semitones=2)
    assert made.path == home / "new" / "out.wav" and made.used["index"] == "added_tiny.index at 0.3"
    np.testing.assert_allclose(load(made.path).samples, made.audio.samples, atol=WAV_STEP)
    assert made.audio.channels == 1 and made.audio.duration_s == pytest.approx(homes.SONG_S)


def test_the_command_line_gives_the_same_file(home: Path, converter: Converter) -> None:
    words = ["--n-semitones", "3", "--index-rate", "0.6", "--quiet"]
    assert main(["generate", "convert-voice", "song.wav", str(home), homes.VOICE, *words]) == 0
    converter.convert("song.wav", home / "ours.wav", n_semitones=3, index_rate=0.6)
    assert (home / "ours.wav").read_bytes() == (home / f"song ({homes.VOICE} Ver).wav").read_bytes()


def test_samples_in_memory_are_taken_and_left_alone(converter: Converter) -> None:
    song = load("song.wav")
    before = song.samples.copy()
    expected = converter.convert(song).audio
    for source in ((song.samples, song.rate), (song.samples[0].astype(np.float64), song.rate)):
        made = converter.convert(source)
        assert made.path is None
        np.testing.assert_array_equal(made.audio.samples, expected.samples)
    np.testing.assert_array_equal(song.samples, before)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ((np.zeros(48_000, np.int16), 48_000), "divide by 32768"),
        ((np.ones((48_000, 2)), 48_000), "channels come first"),
        ((np.ones((6, 48_000)), 48_000), "6 channels"),
        ((np.full(48_000, np.nan), 48_000), "not finite"),
        ((np.ones(48_000), 0), "above 0"),
        ((np.ones(48_000), "48000"), "is no source"),
        ((np.zeros(48_000), 48_000), "silent"),
        ((np.ones(0), 48_000), "no samples"),
        (np.ones(48_000), "a ndarray is no source"),
        (b"song.wav", "a bytes is no source"),
        ("missing.wav", "does not exist"),
    ],
)
def test_what_is_no_sound_is_refused(converter: Converter, source: Any, reason: str) -> None:
    with pytest.raises(AudioError, match=reason):
        converter.convert(source)


def test_the_second_call_loads_nothing(home: Path, converter: Converter, loads: Counter) -> None:
    converter.convert("song.wav")
    assert loads == {"load_synthesizer": 1, "load_encoder": 1, "_load_index": 1}
    converter.convert("song.wav", home / "again.flac", n_semitones=5)
    converter.cover(vocals="song.wav", instrumentals="music.wav")
    assert loads == {"load_synthesizer": 1, "load_encoder": 1, "_load_index": 1}


def test_another_voice_shares_what_is_not_its_own(converter: Converter, other: str, loads: Counter) -> None:
    first = converter.convert("song.wav").audio.samples
    with converter.use(other) as second:
        sung = second.convert("song.wav").audio.samples
    again = converter.convert("song.wav").audio.samples
    assert loads == {"load_synthesizer": 2, "load_encoder": 1, "_load_index": 1}
    assert np.abs(sung - first).max() > 0.01
    np.testing.assert_array_equal(again, first)


def test_the_last_one_to_close_puts_the_weights_away(home: Path, other: str) -> None:
    first = Converter(homes.VOICE)
    second = first.use(other)
    second.convert("song.wav")
    first.close()
    with second.engine.lent() as engine:
        assert engine.net_g is not None
    with pytest.raises(OptionError, match="closed"):
        first.convert("song.wav")
    second.close()
    second.close()
    assert engine.net_g is None and engine.hubert_model is None
    for call in (second.convert, second.cover, second.use):
        with pytest.raises(OptionError, match="closed"):
            call("song.wav")


def test_a_cover_goes_where_it_is_asked_to(home: Path, converter: Converter) -> None:
    made = converter.cover(
        vocals="song.wav", target=home / "mine.flac", instrumentals="music.wav", inst_gain=-6, output_sr=48_000
    )
    assert made.path == home / "mine.flac" and load(made.path).rate == 48_000
    assert not [name for name in homes.written(home) if name.startswith("output")]


def test_a_cover_without_a_target_lies_where_the_command_line_puts_it(home: Path, converter: Converter) -> None:
    made = converter.cover("song.wav", output_format="wav", separator="none")
    assert made.path == home / "audio" / "output" / f"song ({homes.VOICE} Ver).wav"
    ours = made.path.read_bytes()
    words = ["--source", "song.wav", "--separator", "none", "--model", homes.VOICE, "--output-format", "wav", "--quiet"]
    assert main(["generate", "song-cover", *words]) == 0
    assert made.path.read_bytes() == ours


def test_a_call_goes_before_the_constructor_and_that_before_the_preset(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "mine.yaml").write_text("n_semitones: 1\nindex_rate: 0.1\nprotect_rate: 0.2\nbatch_size: 3\n")
    monkeypatch.setenv("URVC_CONFIG", str(home / "mine.yaml"))
    monkeypatch.setenv("RVC_BATCH_SIZE", "5")
    seen = []
    monkeypatch.setattr(
        infer.VoiceConverter, "convert", lambda self, audio, options: seen.append(options) or _nothing()
    )
    with Converter(homes.VOICE, index_rate=0.5, n_semitones=2) as converter:
        converter.convert("song.wav", n_semitones=3)
        converter.convert("song.wav")
        assert converter.engine.optimization.batch_size == 5
    with Converter(homes.VOICE, batch_size=7) as converter:
        assert converter.engine.optimization.batch_size == 7
    monkeypatch.delenv("RVC_BATCH_SIZE")
    with Converter(homes.VOICE) as converter:
        assert converter.engine.optimization.batch_size == 3
    found = [(one.pitch.n_semitones, one.voice.index_rate, one.voice.protect_rate) for one in seen]
    assert found == [(3, 0.5, 0.2), (2, 0.5, 0.2)]


def _nothing() -> infer.Converted:
    return infer.Converted(Audio(np.zeros(1, np.float32), 40_000), {})


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"n_semitone": 1}, "did you mean 'n_semitones'"),
        ({"indexrate": 1}, "did you mean 'index_rate'"),
        ({"n_semitones": "two"}, "whole number"),
        ({"n_semitones": 99}, "between -48 and 48"),
        ({"split": 1}, "true or false"),
        ({"f0_method": "magic"}, "choose from"),
    ],
)
def test_options_are_checked_wherever_they_are_given(
    converter: Converter, options: dict[str, Any], reason: str
) -> None:
    calls: list[Callable[..., Any]] = [lambda **given: converter.convert("song.wav", **given)]
    calls += [lambda **given: converter.cover("song.wav", **given), lambda **given: Converter(homes.VOICE, **given)]
    for call in calls:
        with pytest.raises(OptionError, match=reason):
            call(**options)


def test_options_that_a_call_cannot_use_are_refused(converter: Converter) -> None:
    with pytest.raises(OptionError, match="fixed once the engine is open"):
        converter.convert("song.wav", device="cpu")
    with pytest.raises(OptionError, match="fixed once the engine is open"):
        converter.use(homes.VOICE, precision="bf16")
    with pytest.raises(OptionError, match="option of covers"):
        converter.convert("song.wav", room_size=0.5)


def test_defaults_of_covers_do_not_disturb_a_plain_conversion(home: Path) -> None:
    with Converter(homes.VOICE, room_size=0.5, f0_method="swift") as converter:
        assert converter.convert("song.wav").used["pitch"] == "swift"


def test_a_voice_or_device_that_is_not_there_is_said_at_once(home: Path) -> None:
    with pytest.raises(VoiceNotFound, match=homes.VOICE):
        Converter("Tiney")
    with pytest.raises(DeviceError, match="cpu"):
        Converter(homes.VOICE, device="abacus")


def test_a_lost_cause_is_known_before_anything_is_loaded(home: Path, converter: Converter, loads: Counter) -> None:
    save(load("song.wav"), home / "mine.wav")
    (home / "file").touch()
    with pytest.raises(OptionError, match="written over"):
        converter.convert(home / "mine.wav", home / "mine.wav")
    with pytest.raises(OptionError, match="written over"):
        converter.cover(home / "mine.wav", home / "mine.wav")
    with pytest.raises(OptionError, match="choose"):
        converter.convert("song.wav", home / "out.xyz")
    with pytest.raises(UrvcError):
        converter.convert("song.wav", home / "file" / "out.wav")
    with pytest.raises(UrvcError, match="no such file"):
        converter.convert("song.wav", f0_file="missing.csv")
    assert not loads


def test_progress_is_told_stage_by_stage(home: Path) -> None:
    told: list[Progress] = []
    with Converter(homes.VOICE, on_progress=told.append) as converter:
        converter.convert("song.wav", home / "out.wav")
    stages = list(dict.fromkeys(one.stage for one in told))
    assert stages == ["read", "load voice", "find pitch", "convert", "save"]
    assert all(one.done <= one.total for one in told)


class Enough(Exception):
    """What a listener raises to stop."""


@pytest.mark.parametrize("stage", ["load voice", "find pitch", "convert", "mix and save"])
def test_a_listener_that_raises_stops_the_work_and_the_next_call_is_as_ever(home: Path, stage: str) -> None:
    wanted = [stage]

    def listener(progress: Progress) -> None:
        if progress.stage in wanted and progress.done == progress.total:
            raise Enough

    with Converter(homes.VOICE, on_progress=listener) as converter:
        with pytest.raises(Enough):
            converter.cover("song.wav", home / "out.wav", separator="none")
        assert not (home / "out.wav").exists()
        assert not [name for name in homes.written(home) if name.startswith("output")]
        wanted.clear()
        stopped = converter.cover("song.wav", home / "out.wav", separator="none").path.read_bytes()
    with Converter(homes.VOICE) as fresh:
        assert fresh.cover("song.wav", home / "fresh.wav", separator="none").path.read_bytes() == stopped


def test_calls_from_many_threads_are_done_one_after_the_other(converter: Converter, other: str) -> None:
    with converter.use(other) as second:
        expected = [one.convert("song.wav").audio.samples for one in (converter, second)]
        got: list[Any] = [None] * 4

        def sing(number: int) -> None:
            got[number] = (converter, second)[number % 2].convert("song.wav").audio.samples

        threads = [threading.Thread(target=sing, args=(number,)) for number in range(len(got))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for number, samples in enumerate(got):
        np.testing.assert_array_equal(samples, expected[number % 2])


def test_every_option_of_the_engine_may_be_given_to_the_constructor(home: Path) -> None:
    with Converter(homes.VOICE, device="cpu", precision="fp32", without=("halo",), strict_parity=True) as converter:
        assert isinstance(converter.engine.optimization, OptimizationConfig)
        assert converter.engine.optimization.strict_parity and converter.engine.optimization.without == ("halo",)


def test_a_full_disk_is_said_in_one_line(home: Path, converter: Converter, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ultimate_rvc.warm.converter.shutil.copyfile", full)
    with pytest.raises(OutputError, match="No space left"):
        converter.cover("song.wav", home / "out.wav", separator="none")
    assert not [name for name in homes.written(home) if name.startswith("output")]
