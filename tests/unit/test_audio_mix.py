"""Mixing: decibels add up, nothing is cut or clipped."""

import numpy as np
import pytest
from tiny import meters, sounds

from ultimate_rvc.audio.file import Audio
from ultimate_rvc.audio.mix import PEAK_LIMIT, Stem, mix
from ultimate_rvc.errors import OptionError

RATE = 44_100
# Rounding of float32 sums.
LEVEL_DB = 0.001


def tone(hz: float, peak: float = 0.25, rate: int = RATE, seconds: float = 0.5) -> Audio:
    return Audio(sounds.tone(hz, seconds, rate, peak=peak), rate)


@pytest.mark.parametrize("gain_db", [-60, -6, 0, 6])
def test_a_gain_changes_the_level_by_itself(gain_db):
    mixed = mix([Stem(tone(440), gain_db)], RATE)
    assert abs(meters.level_db(mixed.samples) - meters.level_db(tone(440).samples) - gain_db) < LEVEL_DB


def test_twice_the_same_is_six_decibels_more():
    mixed = mix([Stem(tone(440)), Stem(tone(440))], RATE)
    assert abs(meters.level_db(mixed.samples) - meters.level_db(tone(440).samples) - 6.0206) < LEVEL_DB


def test_opposites_cancel():
    upside_down = Audio(-tone(440).samples, RATE)
    assert mix([Stem(tone(440)), Stem(upside_down)], RATE).peak == 0


def test_the_mix_is_as_long_as_the_longest_stem_and_silent_where_none_sounds():
    mixed = mix([Stem(tone(440, seconds=0.25)), Stem(Audio(sounds.silence(1, RATE), RATE))], RATE)
    assert mixed.length == RATE and mixed.samples[:, RATE // 4 :].max() == 0
    assert np.array_equal(mixed.samples[:, : RATE // 4], tone(440).samples[:, : RATE // 4])


def test_mono_goes_to_both_sides_of_stereo():
    left_only = Audio(np.stack([tone(660).samples[0], sounds.silence(0.5, RATE)]), RATE)
    mixed = mix([Stem(tone(440)), Stem(left_only)], RATE)
    assert mixed.channels == 2
    assert np.array_equal(mixed.samples[1], tone(440).samples[0])
    assert np.allclose(mixed.samples[0], tone(440).samples[0] + tone(660).samples[0], atol=1e-6)


def test_stems_of_any_rate_meet_at_the_rate_that_is_asked_for():
    mixed = mix([Stem(tone(440, rate=40_000)), Stem(tone(1_000, rate=16_000, peak=0.01))], 48_000)
    assert mixed.rate == 48_000 and mixed.length == 24_000
    assert abs(meters.cents(meters.frequency_hz(meters.middle(mixed.samples[0], 48_000, 0.1), 48_000), 440)) < 1


def test_a_mix_that_is_too_loud_is_turned_down_as_a_whole_and_said(caplog):
    caplog.set_level("INFO")
    stems = [Stem(tone(440, 0.9)), Stem(tone(660, 0.9))]
    mixed = mix(stems, RATE)
    plain = stems[0].audio.samples + stems[1].audio.samples
    assert PEAK_LIMIT - 1e-6 < mixed.peak <= np.float32(PEAK_LIMIT)
    assert np.allclose(mixed.samples * (plain.max() / mixed.samples.max()), plain, atol=1e-5)
    assert f"{20 * np.log10(np.abs(plain).max() / PEAK_LIMIT):.1f} dB" in caplog.text


def test_a_mix_that_fits_is_left_alone():
    quiet = tone(440, PEAK_LIMIT)
    assert np.array_equal(mix([Stem(quiet)], RATE).samples, quiet.samples)


def test_stems_are_unchanged():
    audio = tone(440, 0.9)
    audio.samples.flags.writeable = False
    before = audio.samples.copy()
    mix([Stem(audio, 6), Stem(audio)], RATE)
    assert np.array_equal(audio.samples, before)


def test_no_stems_are_refused():
    with pytest.raises(OptionError):
        mix([], RATE)
