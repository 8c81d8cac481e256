"""A cover is planned before it is made: the right steps, names that are safe, and no work for a lost cause."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny import sounds

from ultimate_rvc.audio.effects import pitch_shift, postprocess
from ultimate_rvc.audio.file import Audio, load
from ultimate_rvc.audio.mix import Stem, mix
from ultimate_rvc.covers.cover import CoverRequest, make_cover
from ultimate_rvc.covers.names import LONGEST_NAME_BYTES, cover_name, safe_name
from ultimate_rvc.covers.track import TrackRequest, convert_track
from ultimate_rvc.errors import (
    AudioError,
    DownloadError,
    InputError,
    OptionError,
    OutputError,
    UrvcError,
    VoiceNotFound,
)
from ultimate_rvc.options import (
    ConversionOptions,
    EffectOptions,
    MixOptions,
    OptimizationConfig,
    PitchOptions,
    SeparationOptions,
)
from ultimate_rvc.progress import Progress

RATE_HZ = 40_000
# Half a step of 16 bits, the coarsest wav that is written, and the rounding of its dither.
WAV_STEP = 1 / 2**15


@dataclass
class Singer:
    """A converter that sings a fixed tone and remembers what it was asked."""

    error: BaseException | None = None
    asked: list[Any] = field(default_factory=list)
    optimization: OptimizationConfig = field(default_factory=OptimizationConfig)

    @property
    def song(self) -> Audio:
        return Audio(sounds.tone(330, 1, RATE_HZ), RATE_HZ)

    def load_voice(self, checkpoint: Path, index: Path | None) -> None:
        self.asked.append((checkpoint.name, index and index.name))

    def check(self, options: Any) -> None:
        pass

    def ingredients(self, checkpoint: Path, options: Any) -> Any:
        return SimpleNamespace(settings={}, weights=())

    def convert(self, audio: Audio, options: Any) -> Any:
        self.asked.append(options)
        if self.error:
            raise self.error
        return SimpleNamespace(audio=self.song, used={"device": "none"}, costs=())

    def open(self, _: Callable) -> "Singer":
        return self


def _never(_: Callable) -> Any:
    raise AssertionError("the engine was opened for a request that cannot succeed")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one voice, a song and its music."""
    for variable, name in (("AUDIO", "audio"), ("MODELS", "models"), ("VOICE_MODELS", "voices")):
        monkeypatch.setenv(f"URVC_{variable}_DIR", str(tmp_path / name))
    (tmp_path / "voices" / "Anna").mkdir(parents=True)
    (tmp_path / "voices" / "Anna" / "anna.pth").touch()
    sounds.write(tmp_path / "song.wav", sounds.tone(440, 1, 44_100), 44_100)
    music = np.stack([sounds.tone(hz, 1.5, 44_100) for hz in (220, 277)])
    sounds.write(tmp_path / "music.wav", music, 44_100)
    return tmp_path


def _request(home: Path, **changes: Any) -> CoverRequest:
    mix_options = MixOptions(output_format="wav", **changes.pop("mix", {}))
    return replace(
        CoverRequest("Anna", source=str(home / "song.wav"), separation=SeparationOptions("none"), mix=mix_options),
        **changes,
    )


def _files(folder: Path) -> set[str]:
    """What people see: the cache is not for them."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in files if path.parts[0] != "cache"}


def test_a_cover_is_converted_effected_and_saved_with_what_lies_between(home: Path) -> None:
    singer = Singer()
    result = make_cover(_request(home), singer.open)
    assert result.path == home / "audio" / "output" / "song (Anna Ver).wav"
    assert _files(home / "audio") == {
        "output/song (Anna Ver).wav",
        "intermediate/song/Converted vocals (Anna Ver).wav",
        "intermediate/song/Effected vocals (Anna Ver).wav",
    }
    assert set(result.intermediates.values()) == set((home / "audio" / "intermediate" / "song").iterdir())
    assert singer.asked[0] == ("anna.pth", None)
    expected = mix([Stem(postprocess(singer.song, EffectOptions()))], 44_100)
    np.testing.assert_allclose(load(result.path).samples, expected.samples, atol=WAV_STEP)


def test_instrumentals_are_shifted_by_semitones_and_mixed_at_their_gain(home: Path) -> None:
    singing = ConversionOptions(PitchOptions(n_octaves=1, n_semitones=-2))
    music = home / "music.wav"
    request = _request(home, singing=singing, instrumentals=music, mix={"main_gain": -3, "inst_gain": -9})
    result = make_cover(request, Singer().open)
    vocals = postprocess(Singer().song, EffectOptions())
    expected = mix([Stem(vocals, -3), Stem(pitch_shift(load(music), -2), -9)], 44_100)
    made = load(result.path)
    assert made.channels == 2 and made.duration_s == pytest.approx(1.5)
    np.testing.assert_allclose(made.samples, expected.samples, atol=WAV_STEP)
    assert result.intermediates["Shifted instrumentals"].name == "Shifted instrumentals (-2).wav"


def test_octaves_alone_leave_the_instrumentals_as_they_are(home: Path) -> None:
    singing = ConversionOptions(PitchOptions(n_octaves=1))
    result = make_cover(_request(home, singing=singing, instrumentals=home / "music.wav"), Singer().open)
    assert "Shifted instrumentals" not in result.intermediates


def test_with_stems_the_source_only_names_the_song(home: Path) -> None:
    stems = {"vocals": home / "song.wav", "instrumentals": home / "music.wav"}
    for source, song in (("Mr. Bright", "Mr. Bright"), ("https://youtu.be/x.mp3", "x"), (None, "song")):
        result = make_cover(_request(home, source=source, **stems), Singer().open)
        assert result.path.name == f"{song} (Anna Ver).wav"


def test_an_earlier_cover_of_the_same_name_is_replaced(home: Path) -> None:
    path = make_cover(_request(home), Singer().open).path
    path.write_bytes(b"old")
    assert make_cover(_request(home), Singer().open).path == path
    assert load(path).duration_s == pytest.approx(1)


def test_every_stage_that_starts_also_ends(home: Path) -> None:
    seen: list[Progress] = []
    make_cover(_request(home, instrumentals=home / "music.wav"), Singer().open, seen.append)
    starts, ends = ([p.stage for p in seen if p.done == n] for n in (0, 1))
    assert starts == ends == ["read song", "read instrumentals", "load voice", "effects", "mix and save"]


NOT_THERE = Path("/nowhere/at/all.wav")
LOST_CAUSES: dict[str, tuple[dict[str, Any], type[UrvcError], str]] = {
    "voice": ({"voice": "Nobody"}, VoiceNotFound, "Anna"),
    "source": ({"source": str(NOT_THERE)}, AudioError, "no such file"),
    "web": ({"source": "https://youtu.be/x"}, DownloadError, "forbids downloads"),
    "folder": ({"source": "/"}, OptionError, "holds neither a song nor its vocals"),
    "vocals": ({"vocals": NOT_THERE}, AudioError, "no such file"),
    "instrumentals": ({"instrumentals": NOT_THERE}, AudioError, "no such file"),
    "curve": ({"singing": ConversionOptions(PitchOptions(f0_file=NOT_THERE))}, InputError, "no such file"),
    "nothing": ({"source": None}, OptionError, "nothing to sing"),
    "name": ({"mix": {"output_name": ".."}}, OptionError, "cannot name a file"),
}


@pytest.mark.parametrize("cause", LOST_CAUSES)
def test_a_lost_cause_fails_before_the_engine_is_opened(home: Path, cause: str) -> None:
    changes, kind, words = LOST_CAUSES[cause]
    with pytest.raises(kind, match=words) as caught:
        make_cover(_request(home, **dict(changes)), _never)
    assert "\n" not in str(caught.value)
    assert not (home / "audio").exists()


# Music may rest, and may be short.
UNUSABLE_AS = [(role, name) for role in ("vocals", "instrumentals") for name in sounds.UNUSABLE]
UNUSABLE_AS = [pair for pair in UNUSABLE_AS if pair not in {("instrumentals", "silent"), ("instrumentals", "fifty_ms")}]


@pytest.mark.parametrize(("role", "name"), UNUSABLE_AS)
def test_unusable_audio_fails_before_the_engine_is_opened(home: Path, role: str, name: str) -> None:
    with pytest.raises(AudioError):
        make_cover(_request(home, **{role: sounds.UNUSABLE[name](home)}), _never)


def test_an_output_folder_that_cannot_be_written_is_found_first(home: Path) -> None:
    (home / "audio").touch()
    with pytest.raises(OutputError, match="cannot write into"):
        make_cover(_request(home), _never)


def test_a_full_disk_is_found_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10_000))
    singer = Singer()
    with pytest.raises(OutputError, match="MB free"):
        make_cover(_request(home), singer.open)
    assert _files(home / "audio") == set() and singer.asked == []


def test_a_cover_is_never_written_over_its_own_source(home: Path) -> None:
    source = home / "audio" / "output" / "mine.wav"
    source.parent.mkdir(parents=True)
    shutil.copy(home / "song.wav", source)
    before = source.read_bytes()
    with pytest.raises(OptionError, match="is an input"):
        make_cover(_request(home, source=str(source), mix={"output_name": "mine"}), _never)
    assert source.read_bytes() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("the device is gone")])
def test_when_the_engine_stops_nothing_is_left(home: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        make_cover(_request(home), Singer(error).open)
    assert _files(home / "audio") == set()


def test_when_the_last_step_fails_the_conversion_is_not_lost(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ultimate_rvc.covers.song.save_mix", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        make_cover(_request(home), Singer().open)
    kept = load(home / "audio" / "intermediate" / "song" / "Converted vocals (Anna Ver).wav")
    np.testing.assert_allclose(kept.samples, Singer().song.samples, atol=WAV_STEP)
    assert not (home / "audio" / "output").exists()


@pytest.mark.parametrize("gain", ["backup_gain", "inst_gain"])
def test_a_gain_without_its_stem_is_said(home: Path, caplog: pytest.LogCaptureFixture, gain: str) -> None:
    make_cover(_request(home, mix={gain: 3}), Singer().open)
    assert f"{gain} has no effect" in caplog.text


def test_a_track_is_converted_and_nothing_else(home: Path) -> None:
    result = convert_track(TrackRequest(home / "song.wav", home / "new" / "folder", "Anna"), Singer().open)
    assert result.path == home / "new" / "folder" / "song (Anna Ver).wav"
    made = load(result.path)
    assert made.rate == RATE_HZ
    np.testing.assert_allclose(made.samples, Singer().song.samples, atol=WAV_STEP)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ('AC/DC: "Thunder" <live>?', "AC_DC_ _Thunder_ _live__"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..hidden", "hidden"),
        ("a\0b\nc", "a_b_c"),
        ("日本の歌 🎵", "日本の歌 🎵"),
        ("  spaces  ", "spaces"),
    ],
)
def test_a_title_becomes_a_safe_name(title: str, name: str) -> None:
    assert safe_name(title) == name


@pytest.mark.parametrize("title", ["", " ", "..", "..."])
def test_a_title_of_which_nothing_is_left_is_an_error(title: str) -> None:
    with pytest.raises(OptionError, match="cannot name a file"):
        safe_name(title)


@pytest.mark.parametrize("letter", ["x", "ö", "🎵"])
def test_a_long_title_is_cut_and_keeps_its_voice(letter: str) -> None:
    name = cover_name(letter * 300, "Anna")
    assert len(name.encode()) <= LONGEST_NAME_BYTES
    assert name.startswith(letter) and name.endswith(f"{letter} (Anna Ver)")


def test_an_output_name_may_bring_its_suffix(home: Path) -> None:
    result = make_cover(_request(home, mix={"output_name": "My/Cover.wav"}), Singer().open)
    assert result.path == home / "audio" / "output" / "My_Cover.wav"
