"""The judge's faults: clicks, hiss and clipping that were put there are found, and none in what has none."""

import numpy as np
import pytest
from tiny.sounds import silence, voice_like, white_noise

from starter.judge.faults import _largest_around, clicks, faults, silent_frames
from ultimate_rvc.audio.sound import Audio

RATE_HZ = 32_000
# A frame of 10 ms.
PLACE_S = 0.01
# Levels of noise are means of a few thousand samples.
LEVEL_DB = 1.0


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    return voice_like(3, RATE_HZ)


def test_a_voice_has_no_clicks(voice: np.ndarray) -> None:
    assert len(clicks(voice, RATE_HZ)) == 0


@pytest.mark.parametrize("at_s", [0.5, 1.9], ids=["within a vowel", "in a rest"])
def test_a_jump_is_a_click_where_it_is(voice: np.ndarray, at_s: float) -> None:
    torn = voice.copy()
    torn[round(at_s * RATE_HZ) :] += 0.2
    assert clicks(torn, RATE_HZ) == pytest.approx([at_s], abs=PLACE_S)


def test_loudness_does_not_matter_to_clicks(voice: np.ndarray) -> None:
    torn = voice.copy()
    torn[16_000] += 0.2
    assert len(clicks(torn, RATE_HZ)) == len(clicks(0.1 * torn, RATE_HZ)) == 1


def test_what_stands_around_a_value_is_all_but_its_own_neighbourhood() -> None:
    values = np.random.default_rng(0).uniform(size=60)
    found = _largest_around(values, 12, 3)
    around = [[j for j in range(60) if 3 <= abs(i - j) < 12] for i in range(60)]
    assert np.array_equal(found, [values[others].max() for others in around])


def test_hiss_is_measured_where_the_source_is_silent(voice: np.ndarray) -> None:
    source = Audio(np.concatenate([voice, silence(1, RATE_HZ)]), RATE_HZ)
    hissing = source.samples[0] + white_noise(4, RATE_HZ, peak=0.01)  # -44.8 dBFS
    clean = faults(source, source)
    assert faults(Audio(hissing, RATE_HZ), source).hiss_dbfs == pytest.approx(-44.8, abs=LEVEL_DB)
    assert clean.hiss_dbfs == -120 and clean.level_dbfs > -30


def test_takes_of_another_rate_are_compared_in_time(voice: np.ndarray) -> None:
    source = Audio(np.concatenate([silence(1, RATE_HZ), voice]), RATE_HZ)
    take = Audio(np.concatenate([silence(1, 16_000), voice_like(3, 16_000)]), 16_000)
    assert faults(take, source).hiss_dbfs == -120


def test_a_source_without_silence_tells_no_hiss() -> None:
    noise = Audio(white_noise(2, RATE_HZ), RATE_HZ)
    assert not silent_frames(noise).any() and np.isnan(faults(noise, noise).hiss_dbfs)


def test_samples_at_full_scale_are_counted(voice: np.ndarray) -> None:
    loud = voice.copy()
    loud[1_000:1_007] = -1
    assert faults(Audio(loud, RATE_HZ), Audio(voice, RATE_HZ)).clipped == 7
