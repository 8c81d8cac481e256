"""What every separator promises, held against each one that is installed."""

from collections.abc import Iterator
from ctypes.util import find_library
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tiny import bands, separation_models, sounds

from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.covers.separators import package
from ultimate_rvc.covers.separators.classical import Classical
from ultimate_rvc.covers.separators.models import ModelSeparator
from ultimate_rvc.covers.separators.tasks import SPLIT_VOCALS, TAKE_VOCALS, Task
from ultimate_rvc.covers.stems import Separator, StemName

# Float sums of float32 samples: the last bit of full scale.
SUM_TOLERANCE = 2e-7
# A track at a tenth of its loudness, in float32: what rounding inside a network may change, relative to its peak.
LOUDNESS_TOLERANCE = 1e-3
# MDX silences the three lowest bins (below 32 Hz), and the one at the Nyquist frequency is not the model's to give.
LOST_SHARE = 0.05
MODELS: dict[str, tuple[Task, str]] = {
    "mdx": (TAKE_VOCALS, separation_models.MDX),
    "mdx karaoke": (SPLIT_VOCALS, separation_models.MDX_KARAOKE),
    "vr": (TAKE_VOCALS, separation_models.VR),
    "demucs": (TAKE_VOCALS, separation_models.DEMUCS),
    "roformer": (TAKE_VOCALS, separation_models.ROFORMER),
}
# (channels, rate in Hz, samples): no round numbers, nor the rate of the models.
LAYOUTS = [(1, 44_100, 70_001), (2, 44_100, 52_345), (2, 48_000, 60_011), (1, 22_050, 40_003), (2, 44_100, 700)]


@pytest.fixture(scope="session")
def models_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with random weights, written once."""
    home = tmp_path_factory.mktemp("separation")
    separation_models.write_models(home / "audio_separator")
    return home


@pytest.fixture(params=["classical", *MODELS])
def separator(request: pytest.FixtureRequest) -> Iterator[Separator]:
    if request.param == "classical":
        yield Classical()
        return
    if find_spec("audio_separator") is None:
        pytest.skip("audio-separator is not installed")
    if request.param == "vr" and not find_library("samplerate"):
        pytest.skip("VR models need the system's libsamplerate")
    home = _at_home(request)
    task, model = MODELS[request.param]
    yield ModelSeparator(task, model, package.Settings("cpu"))
    assert not list(home.glob("temp/*")), "temporary files were left"


def _at_home(request: pytest.FixtureRequest) -> Path:
    home, patch = request.getfixturevalue("models_home"), request.getfixturevalue("monkeypatch")
    patch.setenv("URVC_MODELS_DIR", str(home))
    patch.setenv("URVC_TEMP_DIR", str(home / "temp"))
    return home


@cache
def _song(channels: int, rate: int, samples: int) -> Audio:
    voice = sounds.voice_like(samples / rate + 0.1, rate)[:samples]
    return Audio(bands.song(voice, rate, channels=channels).mix, rate)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_stems_are_as_long_and_wide_as_the_song_at_its_rate(separator: Separator, layout: tuple[int, int, int]) -> None:
    song = _song(*layout)
    stems = separator.separate(song)
    assert tuple(stems) == separator.gives
    assert all(stem.samples.shape == song.samples.shape and stem.rate == song.rate for stem in stems.values())
    assert all(stem.samples.dtype == np.float32 and np.isfinite(stem.samples).all() for stem in stems.values())


def test_stems_add_up_to_the_song(separator: Separator) -> None:
    song = _song(2, 44_100, 50_000)
    total = sum(stem.samples for stem in separator.separate(song).values())
    assert np.abs(total - song.samples).max() <= SUM_TOLERANCE


def test_twice_is_the_same_and_the_song_is_not_touched(separator: Separator) -> None:
    song = _song(2, 44_100, 50_000)
    before = song.samples.copy()
    song.samples.flags.writeable = False
    once, again = separator.separate(song), separator.separate(song)
    assert np.array_equal(song.samples, before)
    assert all(np.array_equal(once[name].samples, again[name].samples) for name in once)


@pytest.mark.parametrize("channels", [1, 2])
def test_silence_gives_silence(separator: Separator, channels: int) -> None:
    silence = Audio(np.zeros((channels, 30_000), np.float32), 44_100)
    assert not any(stem.peak for stem in separator.separate(silence).values())


def test_a_quiet_song_has_the_same_stems_but_quieter(separator: Separator) -> None:
    song = _song(2, 44_100, 50_000)
    quiet = separator.separate(Audio(0.1 * song.samples, song.rate))
    for name, stem in separator.separate(song).items():
        assert np.abs(10 * quiet[name].samples - stem.samples).max() <= LOUDNESS_TOLERANCE * stem.peak


def test_the_fingerprint_stays_and_says_what_the_result_depends_on(separator: Separator) -> None:
    assert separator.fingerprint() == separator.fingerprint() != separator.name


def test_progress_begins_and_ends(separator: Separator) -> None:
    told = []
    separator.separate(_song(1, 44_100, 50_000), told.append)
    assert told[0].done == 0 and told[-1].done == told[-1].total > 0 and len({step.stage for step in told}) == 1


@pytest.mark.skipif(find_spec("audio_separator") is None, reason="audio-separator is not installed")
def test_a_model_that_lets_everything_through_gives_the_song_back(request: pytest.FixtureRequest) -> None:
    """Level, alignment and layout survive the way through the package."""
    _at_home(request)
    song = _song(2, 44_100, 80_000)
    quiet = Audio(0.3 * song.samples, song.rate)
    everything = ModelSeparator(TAKE_VOCALS, separation_models.MDX_ALL, package.Settings("cpu"))
    rest = everything.separate(quiet)[StemName.INSTRUMENTALS]
    assert rest.peak < LOST_SHARE * quiet.peak
