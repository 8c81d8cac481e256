"""The signals that are measured, and who is measured on them."""

from pathlib import Path

import numpy as np
import pytest
from tiny import sounds

from ultimate_rvc.audio.file import load
from ultimate_rvc.benchmark import contenders, scenes
from ultimate_rvc.benchmark.contenders import ALL, NONE, REFERENCE, THEIRS
from ultimate_rvc.benchmark.scenes import RATE_HZ, STEM, VOICE, Scene
from ultimate_rvc.errors import AudioError, OptionError
from ultimate_rvc.options import PRECISIONS, SPEEDUPS, OptimizationConfig

# A stem's last phrase or rest is cut where the time is over.
SHARE_TOLERANCE = 0.12
FRAME_SAMPLES = 1_600


@pytest.fixture(scope="module")
def phrase() -> np.ndarray:
    return scenes.phrase_of(scenes.example_recording())


def _silent_share(wav: np.ndarray) -> float:
    frames = np.abs(wav[: len(wav) // FRAME_SAMPLES * FRAME_SAMPLES]).reshape(-1, FRAME_SAMPLES).max(1)
    return float((frames < 10 ** (-80 / 20)).mean())


def test_the_recording_that_comes_with_the_package_is_a_voice_with_its_licence() -> None:
    path = scenes.example_recording()
    assert 5 < load(path).duration_s < 15
    about = (path.parent / "README.md").read_text()
    assert path.name in about and "creativecommons.org/licenses/by/4.0" in about


def test_a_phrase_is_what_sounds(phrase: np.ndarray) -> None:
    assert phrase.dtype == np.float32 and phrase.ndim == 1
    assert np.abs(phrase).max() <= scenes.PEAK
    assert np.abs(phrase[:1600]).max() > 0.01 and np.abs(phrase[-1600:]).max() > 0.001


@pytest.mark.parametrize("seconds", [1.0, 9.3, 31.7])
def test_a_voice_has_the_length_that_was_asked_for_and_no_pause(phrase: np.ndarray, seconds: float) -> None:
    wav = scenes.render(Scene(VOICE, seconds), phrase)
    assert len(wav) == round(seconds * RATE_HZ) and wav.dtype == np.float32
    assert _silent_share(wav) == 0


@pytest.mark.parametrize("seconds", [5.0, 10.0, 60.0, 180.0])
def test_a_stem_is_silent_for_a_third_of_the_time(phrase: np.ndarray, seconds: float) -> None:
    wav = scenes.render(Scene(STEM, seconds), phrase)
    assert len(wav) == round(seconds * RATE_HZ)
    assert _silent_share(wav) == pytest.approx(scenes.SILENT_SHARE, abs=SHARE_TOLERANCE)


def test_what_is_no_voice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        scenes.phrase_of(sounds.write(tmp_path / "silence.wav", np.zeros(RATE_HZ, np.float32), RATE_HZ))


def test_lengths_become_voices_and_the_longest_usual_one_a_stem() -> None:
    assert contenders.scenes_for((180, 10, 3600, 10), stem=True) == [
        Scene(VOICE, 10), Scene(VOICE, 180), Scene(VOICE, 3600), Scene(STEM, 180),
    ]  # fmt: skip
    assert contenders.scenes_for((10,), stem=False) == [Scene(VOICE, 10)]


def test_every_speedup_is_measured_alone_and_left_out() -> None:
    every = {one.name: one for one in contenders.contenders("cpu", left_out=True)}
    for name in SPEEDUPS:
        alone = OptimizationConfig(**every[f"only {name}"].options)
        left_out = OptimizationConfig(**every[f"all but {name}"].options)
        assert [one for one in SPEEDUPS if alone.uses(one)] == [name]
        assert [one for one in SPEEDUPS if not left_out.uses(one)] == [name]
    assert not any(OptimizationConfig(**every[NONE].options).uses(name) for name in SPEEDUPS)
    assert all(OptimizationConfig(**every[ALL].options).uses(name) for name in SPEEDUPS)
    assert OptimizationConfig(**every[REFERENCE].options).strict_parity


def test_precisions_are_a_cpus_and_half_precision_a_cards() -> None:
    of_a_cpu, of_a_card = ({one.name for one in contenders.contenders(kind)} for kind in ("cpu", "cuda"))
    assert set(PRECISIONS) - {"fp32"} <= of_a_cpu
    assert "all on, fp32" in of_a_card and not set(PRECISIONS) & of_a_card


def test_what_errors_are_measured_against_is_in_full_precision_on_a_card_too() -> None:
    exact = next(one for one in contenders.contenders("cuda") if one.name == NONE)
    config = OptimizationConfig(**{"use_fp16": True, **exact.options})
    assert not config.use_fp16 and config.precision == "fp32"


def test_ultimate_rvc_is_there_only_when_asked_for() -> None:
    assert THEIRS not in {one.name for one in contenders.contenders("cpu")}
    assert contenders.contenders("cpu", theirs=True)[0].name == THEIRS


@pytest.mark.parametrize("spelling", ["all on", "all-on", "All On", "only channels-last", "only-channels-last"])
def test_configurations_are_chosen_by_name(spelling: str) -> None:
    chosen = contenders.chosen(contenders.contenders("cpu"), [spelling])
    assert len(chosen) == 1 and chosen[0].main


def test_an_unknown_configuration_is_an_error_that_lists_those_there_are() -> None:
    with pytest.raises(OptionError, match=r"'turbo'.*all on.*only tiles"):
        contenders.chosen(contenders.contenders("cpu"), ["all on", "turbo"])


def test_single_speedups_are_measured_where_they_belong_and_long_scenes_by_the_default_alone() -> None:
    every = contenders.contenders("cpu")
    lengths = contenders.scenes_for((10, 180, 3600), stem=True)
    cast = {scene.name: {one.name for one in contenders.cast(scene, lengths, every, named=False)} for scene in lengths}
    assert "only tiles" in cast["voice 10 s"] and "only tiles" not in cast["voice 180 s"] | cast["stem 180 s"]
    assert "only silence" in cast["stem 180 s"] and "only silence" not in cast["voice 10 s"]
    assert {REFERENCE, NONE, ALL, "bf16"} <= cast["voice 10 s"] & cast["voice 180 s"]
    assert cast["stem 180 s"] == {NONE, ALL, "only silence"}
    assert cast["voice 3600 s"] == {ALL}


def test_without_a_stem_every_speedup_is_measured_on_the_voice() -> None:
    every = contenders.contenders("cpu")
    lengths = contenders.scenes_for((10, 30), stem=False)
    assert {one.name for one in contenders.cast(lengths[0], lengths, every, named=False)} == {o.name for o in every}


def test_named_configurations_are_measured_everywhere() -> None:
    every = contenders.chosen(contenders.contenders("cpu"), ["only tiles"])
    lengths = contenders.scenes_for((10, 3600), stem=True)
    assert all(contenders.cast(scene, lengths, every, named=True) == every for scene in lengths)
