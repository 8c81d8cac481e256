"""What was made is found again, and only that: the cache by its promises, covers by counting the stages that run."""

import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import numpy as np
import pytest
import soundfile
from tiny import sounds
from tiny.fakes import two_steps

import ultimate_rvc.covers.cache.tasks as tasks
from ultimate_rvc.audio.file import Audio, load
from ultimate_rvc.covers import cover
from ultimate_rvc.covers.cache import upkeep
from ultimate_rvc.covers.cache.contents import Fingerprints, sha256_of, write_exactly
from ultimate_rvc.covers.cache.store import MANIFEST, Cache
from ultimate_rvc.covers.cache.tasks import Task
from ultimate_rvc.covers.cover import CoverRequest, CoverResult, Stage, make_cover, make_stage
from ultimate_rvc.errors import AudioError, CheckpointError, InputError, OptionError, OutputError, VoiceNotFound
from ultimate_rvc.options import (
    ConversionOptions,
    CoverOptions,
    EffectOptions,
    MixOptions,
    OptimizationConfig,
    PitchOptions,
    VoiceOptions,
)
from ultimate_rvc.progress import Progress

RATE_HZ = 40_000
NAMES = ("vocals", "backup vocals", "instrumentals")
# Every stage of a song that is taken apart, in a new key; what is read is found again as well.
ALL = ["read song", "separate song", "separate vocals", "convert vocals", "effects"]
SHIFTED = [*ALL, "shift instrumentals", "shift backup vocals", "mix and save"]


class Choir:
    """A converter whose voices sing tones of their own; counts its songs."""

    def __init__(self, settings: dict[str, Any] | None = None, weights: tuple[Path, ...] = ()) -> None:
        self.settings, self.weights, self.songs = settings or {}, weights, []
        self.optimization, self.voice, self.refuses = OptimizationConfig(), Path(), False

    def load_voice(self, checkpoint: Path, index: Path | None) -> None:
        self.voice = checkpoint

    def check(self, options: ConversionOptions) -> None:
        if self.refuses:
            raise CheckpointError("no such speaker")

    def ingredients(self, checkpoint: Path, options: ConversionOptions) -> Any:
        return SimpleNamespace(settings=self.settings, weights=self.weights)

    def convert(self, audio: Audio, options: ConversionOptions) -> Any:
        self.songs.append(self.voice.stem)
        heard = (self.voice.read_bytes(), options, self.settings, self.weights, audio.peak)
        hz = 200 + crc32(repr(heard).encode()) % 1_000
        return SimpleNamespace(audio=Audio(sounds.tone(hz, 1, RATE_HZ), RATE_HZ), used={"device": "none"}, costs=())

    def open(self, _: Callable) -> "Choir":
        return self


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two voices, and a song that is taken apart in two steps."""
    for variable, name in (("AUDIO", "audio"), ("MODELS", "models"), ("VOICE_MODELS", "voices")):
        monkeypatch.setenv(f"URVC_{variable}_DIR", str(tmp_path / name))
    for name in ("Anna", "Bert"):
        (tmp_path / "voices" / name).mkdir(parents=True)
        (tmp_path / "voices" / name / f"{name}.pth").write_bytes(name.encode())
        (tmp_path / "voices" / name / f"{name}.index").write_bytes(b"index")
    sounds.write(tmp_path / "song.wav", sounds.tone(440, 1, 44_100), 44_100)
    monkeypatch.setattr(cover, "steps_for", lambda *_: two_steps())
    return tmp_path


def _request(home: Path, **changes: Any) -> CoverRequest:
    singing = ConversionOptions(PitchOptions(n_semitones=2))
    request = CoverRequest("Anna", str(home / "song.wav"), singing=singing, mix=MixOptions(output_format="wav"))
    return replace(request, **changes)


def _cover(request: CoverRequest, choir: Choir | None = None) -> CoverResult:
    return make_cover(request, (choir or Choir()).open)


def _made(result: CoverResult) -> list[str]:
    return [run.stage for run in result.stages if not run.cached]


def test_every_stage_runs_once_and_the_next_time_none(home: Path) -> None:
    first = _cover(_request(home))
    assert _made(first) == SHIFTED
    before = first.path.read_bytes()
    again = _cover(_request(home))
    assert _made(again) == [] and again.path == first.path and again.path.read_bytes() == before
    assert again.used == first.used and again.intermediates == first.intermediates


SINGS_AGAIN = ["convert vocals", "effects", "mix and save"]
BACKUP_SINGS = ["listen", "convert backup vocals", "mix and save"]
CHANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "another voice": ({"voice": "Bert"}, SINGS_AGAIN),
    "another index rate": (
        {"singing": ConversionOptions(PitchOptions(n_semitones=2), voice=VoiceOptions(index_rate=0.9))},
        SINGS_AGAIN,
    ),
    "a gain": ({"mix": MixOptions(output_format="wav", main_gain=-3)}, ["mix and save"]),
    "another format": ({"mix": MixOptions(output_format="flac")}, ["mix and save"]),
    "more reverb": ({"effects": EffectOptions(wet_level=0.5)}, ["effects", "mix and save"]),
    "another octave": (
        {"singing": ConversionOptions(PitchOptions(n_semitones=2, n_octaves=1))},
        SINGS_AGAIN,
    ),
    "another key": (
        {"singing": ConversionOptions(PitchOptions(n_semitones=3))},
        ["convert vocals", "effects", "shift instrumentals", "shift backup vocals", "mix and save"],
    ),
    "a backup voice": ({"cover": CoverOptions(backup_model="Bert")}, BACKUP_SINGS),
    "the same backup voice": ({"cover": CoverOptions(convert_backup=True)}, BACKUP_SINGS),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_a_change_touches_is_repeated(home: Path, change: str) -> None:
    _cover(_request(home))
    changes, expected = CHANGES[change]
    assert _made(_cover(_request(home, **changes))) == expected


def test_a_stage_goes_so_far_and_the_next_one_takes_what_it_made(home: Path) -> None:
    request, steps = _request(home), []
    for stage in Stage:
        result = make_stage(request, stage, Choir().open)
        assert result.path.is_file()
        steps.append(_made(result))
    assert all(steps) and len({name for step in steps for name in step}) == sum(map(len, steps)), "nothing twice"
    assert steps[-1][-1] == "mix and save" and "effects" in steps[-2] and "convert vocals" in steps[-3]
    assert [path.name for path in (home / "audio" / "output").iterdir()] == [result.path.name]


def test_a_song_lies_on_a_shelf_of_its_own_and_keeps_its_title(home: Path) -> None:
    result = _cover(replace(_request(home), shelf="apart"))
    assert {path.parent.name for path in result.intermediates.values()} == {"apart"}
    assert result.path.stem == _cover(_request(home)).path.stem


def test_other_separators_settings_weights_and_engines_count(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _cover(_request(home))
    assert _made(_cover(_request(home), Choir({"precision": "int8"}))) == SINGS_AGAIN
    (home / "encoder.bin").write_bytes(b"other weights")
    assert _made(_cover(_request(home), Choir(weights=(home / "encoder.bin",)))) == SINGS_AGAIN
    monkeypatch.setattr(cover, "steps_for", lambda *_: two_steps(share=0.5))
    assert _made(_cover(_request(home))) == SHIFTED[1:]
    monkeypatch.setattr(tasks, "__version__", "99")
    assert _made(_cover(_request(home))) == SHIFTED


def test_a_voice_is_known_by_its_bytes_and_not_by_its_name(home: Path) -> None:
    _cover(_request(home))
    shutil.copytree(home / "voices" / "Anna", home / "voices" / "Copy")
    choir = Choir()
    copied = _cover(_request(home, voice="Copy"), choir)
    assert choir.songs == [] and copied.path.name == "song (Copy Ver).wav"
    (home / "voices" / "Anna" / "Anna.pth").write_bytes(b"retrained")
    assert _made(_cover(_request(home))) == SINGS_AGAIN


def test_the_same_song_under_another_name_is_not_sung_again(home: Path) -> None:
    _cover(_request(home))
    shutil.copy(home / "song.wav", home / "same.wav")
    result = _cover(_request(home, source=str(home / "same.wav")))
    assert _made(result) == ["mix and save"] and result.path.name == "same (Anna Ver).wav"
    assert {kept.songs for kept in upkeep.entries(home / "audio" / "cache")} >= {("song", "same")}


def test_with_and_without_a_cache_the_bytes_are_the_same(home: Path) -> None:
    kept = _cover(_request(home)).path.read_bytes()
    without = _request(home, cover=CoverOptions(cache=False))
    for _ in range(2):
        result = _cover(without)
        assert _made(result) == SHIFTED and result.path.read_bytes() == kept
        assert all(path.is_file() for path in result.intermediates.values())
    assert not list((home / "audio" / "cache").glob(".*"))


def test_a_backup_voice_sings_the_backup_and_needs_no_melody_of_the_main_vocals(home: Path) -> None:
    choir = Choir()
    result = _cover(_request(home, cover=CoverOptions(backup_model="Bert")), choir)
    assert choir.songs == ["Anna", "Bert"]
    assert result.intermediates["Converted backup vocals"].name == "Converted backup vocals (Bert Ver).wav"
    assert "Shifted backup vocals" not in result.intermediates


def test_silent_backup_vocals_are_mixed_in_as_they_are(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    sounds.write(home / "rest.wav", sounds.silence(1, 44_100), 44_100)
    stems = {"vocals": home / "song.wav", "backup_vocals": home / "rest.wav"}
    choir = Choir()
    _cover(_request(home, **stems, cover=CoverOptions(convert_backup=True)), choir)
    assert choir.songs == ["Anna"] and "backup vocals are silent" in caplog.text


def test_two_voices_for_the_backup_are_refused() -> None:
    with pytest.raises(OptionError, match="two voices"):
        CoverOptions(backup_model="Bert", convert_backup=True)


def test_an_unknown_backup_voice_is_found_first(home: Path) -> None:
    with pytest.raises(VoiceNotFound, match="Nobody"):
        _cover(_request(home, cover=CoverOptions(backup_model="Nobody")))
    assert not (home / "audio").exists()


def test_a_voice_that_does_not_fit_is_found_before_the_song_is_taken_apart(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, choir = two_steps(), Choir()
    monkeypatch.setattr(cover, "steps_for", lambda *_: steps)
    choir.refuses = True
    with pytest.raises(CheckpointError):
        _cover(_request(home), choir)
    assert steps[0].separator.runs == []


def test_a_songs_folder_is_sung_again_from_its_stems(home: Path) -> None:
    first = _cover(_request(home))
    folder = home / "audio" / "intermediate" / "song"
    again = _cover(_request(home, voice="Bert", source=str(folder)))
    assert again.path.name == "song (Bert Ver).wav" and not [run for run in again.stages if "separate" in run.stage]
    assert again.sung == first.sung
    assert _made(_cover(_request(home, source=str(folder)))) == ["mix and save"]


def test_stems_lie_under_readable_names_and_take_no_room_twice(home: Path) -> None:
    result = _cover(_request(home))
    names = {path.name for path in (home / "audio" / "intermediate" / "song").iterdir()}
    assert {"Vocals.wav", "Instrumentals.wav", "Main vocals.wav", "Backup vocals.wav"} < names
    assert all(path.stat().st_nlink == 2 for path in result.intermediates.values())


def test_files_of_others_in_a_songs_folder_are_left_alone(home: Path) -> None:
    folder = home / "audio" / "intermediate" / "song"
    folder.mkdir(parents=True)
    for name in ("00_song.wav", "11_Vocals_abcdef.json"):
        (folder / name).write_bytes(b"theirs")
    _cover(_request(home))
    upkeep.clear(upkeep.entries(home / "audio" / "cache"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "00_song.wav": b"theirs",
        "11_Vocals_abcdef.json": b"theirs",
    }


def _break(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "one bit": lambda entry: _break(entry / "Vocals.wav"),
    "cut off": lambda entry: os.truncate(entry / "Vocals.wav", 100),
    "gone": lambda entry: (entry / "Vocals.wav").unlink(),
    "no manifest": lambda entry: (entry / MANIFEST).unlink(),
    "half a manifest": lambda entry: os.truncate(entry / MANIFEST, 40),
    "another's manifest": lambda entry: (entry / MANIFEST).write_text(
        (entry / MANIFEST).read_text().replace(entry.name, "0" * 64)
    ),
}


def _entry_of(home: Path, stage: str) -> Path:
    return next(kept.folder for kept in upkeep.entries(home / "audio" / "cache") if kept.stage == stage)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_noticed_said_and_made_again(
    home: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    expected = _cover(_request(home)).path.read_bytes()
    DAMAGES[damage](_entry_of(home, "separate song"))
    result = _cover(_request(home, mix=MixOptions(output_format="wav", output_name="again")))
    assert _made(result) == ["separate song", "mix and save"] and result.path.read_bytes() == expected
    assert "is made again" in caplog.text
    assert upkeep.verify(home / "audio" / "cache") == []


def test_a_cover_that_was_changed_or_deleted_is_mixed_again(home: Path) -> None:
    first = _cover(_request(home)).path
    expected = first.read_bytes()
    for change in (Path.unlink, _break):
        change(first)
        result = _cover(_request(home))
        assert _made(result) == ["mix and save"] and first.read_bytes() == expected


def test_a_finished_cover_is_known_when_nothing_else_is_kept(home: Path) -> None:
    _cover(_request(home))
    kept = [entry for entry in upkeep.entries(home / "audio" / "cache") if entry.files]
    upkeep.clear(kept)
    result = _cover(_request(home))
    assert _made(result) == [] and result.intermediates == {}


def _age(home: Path, days: float) -> None:
    for manifest in (home / "audio" / "cache").glob(f"*/{MANIFEST}"):
        os.utime(manifest, (time.time() - days * 86_400,) * 2)


def test_the_least_recently_used_goes_first_when_there_is_too_much(home: Path) -> None:
    _cover(_request(home))
    _age(home, 2)
    cache = home / "audio" / "cache"
    before = upkeep.entries(cache)
    os.utime(_entry_of(home, "convert vocals") / MANIFEST)
    assert upkeep.bound(cache, 1e12) == []
    removed = upkeep.bound(cache, sum(kept.size_bytes for kept in before) / 2)
    assert removed and "convert vocals" not in {kept.stage for kept in removed}
    assert sum(kept.size_bytes for kept in upkeep.entries(cache)) <= sum(kept.size_bytes for kept in before) / 2
    # Readable names go with what they name, so that the disk gets its room back.
    linked = sum(path.stat().st_size for path in (home / "audio" / "intermediate").rglob("*.wav"))
    assert linked <= sum(kept.size_bytes for kept in upkeep.entries(cache))
    upkeep.bound(cache, 0)
    assert [kept.stage for kept in upkeep.entries(cache) if kept.files] == ["convert vocals"]


def test_a_cover_keeps_the_cache_within_its_limit(home: Path) -> None:
    _cover(_request(home))
    _age(home, 2)
    _cover(_request(home, voice="Bert", cover=CoverOptions(cache_limit_gb=0)))
    assert {kept.stage for kept in upkeep.entries(home / "audio" / "cache") if kept.files} >= {"convert vocals"}
    assert all(kept.age_s() < 3_600 for kept in upkeep.entries(home / "audio" / "cache") if kept.files)


def test_what_killed_processes_left_goes_after_a_day(tmp_path: Path) -> None:
    new, old = tmp_path / ".new.part", tmp_path / ".old.part"
    for folder in (new, old):
        folder.mkdir()
    os.utime(old, (time.time() - 2 * 86_400,) * 2)
    upkeep.bound(tmp_path, 1e9)
    assert new.exists() and not old.exists()


def _task(work: Callable[[Path], dict] | None = None) -> Task:
    def write(folder: Path) -> dict:
        (folder / "x.wav").write_bytes(b"sound")
        return {"fact": 1}

    return Task("stage", "song", {"a": 1}, {"x": "x.wav"}, work or write)


def test_work_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> dict:
        (folder / "x.wav").write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Cache(tmp_path).obtain(_task(fail))
    assert [path.name for path in tmp_path.iterdir()] == ["locks"]
    assert Cache(tmp_path).obtain(_task()).cached is False
    kept = Cache(tmp_path).obtain(_task())
    assert kept.cached and kept.facts == {"fact": 1} and kept.files["x"].path.read_bytes() == b"sound"


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        Cache(tmp_path / "file").obtain(_task())


def test_kept_sound_is_exact_and_the_same_bytes_every_day(tmp_path: Path) -> None:
    samples = np.stack([2 * sounds.white_noise(1.7, 44_100, seed) for seed in range(2)])
    for name in ("one", "two"):
        write_exactly(Audio(samples, 44_100), tmp_path / f"{name}.wav")
        time.sleep(1.1 if name == "one" else 0)
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()
    read = load(tmp_path / "one.wav")
    assert read.rate == 44_100 and np.array_equal(read.samples, samples)
    assert soundfile.info(tmp_path / "one.wav").subtype == "FLOAT"


def test_sound_that_is_too_long_for_a_wav_is_kept_as_rf64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ultimate_rvc.covers.cache.contents.LARGEST_WAV_BYTES", 1_000)
    samples = sounds.white_noise(0.5, 44_100)[None]
    write_exactly(Audio(samples, 44_100), tmp_path / "long.wav")
    assert (tmp_path / "long.wav").read_bytes()[:4] == b"RF64"
    assert np.array_equal(load(tmp_path / "long.wav").samples, samples)


def test_samples_that_are_no_numbers_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="not finite"):
        write_exactly(Audio(np.array([[0.0, np.nan]], np.float32), 44_100), tmp_path / "x.wav")


def test_fingerprints_are_remembered_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, read = tmp_path / "weights.pth", []
    file.write_bytes(b"one")
    os.utime(file, (time.time() - 100,) * 2)
    monkeypatch.setattr(
        "ultimate_rvc.covers.cache.contents.sha256_of", lambda path: read.append(path) or sha256_of(path)
    )
    hashes = Fingerprints(tmp_path / "notes")
    assert hashes.of(file) == hashes.of(file) and len(read) == 1
    file.write_bytes(b"two")  # it is new, so that it may still change within the same tick of the clock
    assert hashes.of(file) == hashes.of(file) == sha256_of(file) and len(read) == 3
    for note in (tmp_path / "notes").iterdir():
        note.write_text("[]")
    assert hashes.of(file) == sha256_of(file)
    with pytest.raises(InputError, match="cannot be read"):
        hashes.of(tmp_path / "missing")


def test_an_hour_is_not_held_while_the_voice_sings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read for one stage is gone in the next."""
    import gc
    import weakref

    alive: list[weakref.ref] = []
    loaded = load

    def noted(*words: Any, **options: Any) -> Audio:
        audio = loaded(*words, **options)
        alive.append(weakref.ref(audio))
        return audio

    class Watching(Choir):
        def convert(self, audio: Audio, options: ConversionOptions) -> Any:
            gc.collect()
            self.others = [one() for one in alive if one() is not None and one() is not audio]
            return super().convert(audio, options)

    monkeypatch.setattr("ultimate_rvc.covers.song.load", noted)
    choir = Watching()
    _cover(_request(home), choir)
    assert len(alive) > 4 and choir.others == []


def test_what_is_cached_is_told_as_progress(home: Path) -> None:
    _cover(_request(home))
    told: list[Progress] = []
    make_cover(_request(home, mix=MixOptions(output_format="wav", main_gain=1)), Choir().open, told.append)
    assert [p.stage for p in told if p.note == "cached"] == SHIFTED[:-1]
    assert all(p.done == p.total == 1 for p in told if p.note)


def test_a_process_that_waits_for_another_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from threading import Thread

    cache, started = Cache(tmp_path), []

    def slow(folder: Path) -> dict:
        started.append(1)
        time.sleep(0.3)
        (folder / "x.wav").write_bytes(b"sound")
        return {}

    caplog.set_level(logging.WARNING)
    other = Thread(target=lambda: cache.obtain(_task(slow)))
    other.start()
    while not started:
        time.sleep(0.01)
    assert Cache(tmp_path).obtain(_task(slow)).cached and len(started) == 1
    other.join()
    assert "waiting" in caplog.text
