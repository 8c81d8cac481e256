"""Mixing: decibels add up, nothing is cut or clipped."""

import numpy as np
import pytest
from tiny import meters, sounds

from ultimate_rvc.audio.file import Audio, load, read_metadata
from ultimate_rvc.audio.limiter import CEILING_DB
from ultimate_rvc.audio.mix import PEAK_LIMIT, Stem, mix, save_mix
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import MixOptions

RATE = 44_100
# Rounding of float32 sums.
LEVEL_DB = 0.001
# Its wave between the samples stays below the ceiling too.
FITTING_PEAK = 0.8
# Four times oversampling sees the top of a wave at most this far from where it is.
OVERSHOOT_DB = 0.5
# Samples: the look-ahead of 5 ms and the detector's own delay; nine of the releases, after which 0.01 % is left.
REACH_BEFORE, REACH_BEHIND = RATE // 100, 9 * RATE // 10
# Below the noise of 16 bits.
DISTORTION_DB = -90.0


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


def test_without_limiter_a_mix_that_is_too_loud_is_turned_down_as_a_whole_and_said(caplog):
    caplog.set_level("INFO")
    stems = [Stem(tone(440, 0.9)), Stem(tone(660, 0.9))]
    mixed = mix(stems, RATE, limiter=False)
    plain = stems[0].audio.samples + stems[1].audio.samples
    assert PEAK_LIMIT - 1e-6 < mixed.peak <= np.float32(PEAK_LIMIT)
    assert np.allclose(mixed.samples * (plain.max() / mixed.samples.max()), plain, atol=1e-5)
    assert f"{20 * np.log10(np.abs(plain).max() / PEAK_LIMIT):.1f} dB" in caplog.text


@pytest.mark.parametrize("limiter", [True, False])
def test_a_mix_that_fits_is_left_alone(limiter):
    quiet = Audio(sounds.voice_like(2.3, RATE, peak=FITTING_PEAK), RATE)
    assert np.array_equal(mix([Stem(quiet)], RATE, limiter=limiter).samples, quiet.samples)


@pytest.mark.parametrize("rate", [16_000, 44_100, 192_000])
def test_the_limiter_keeps_true_peaks_below_the_ceiling(rate):
    loud = Audio(np.stack([sounds.voice_like(2, rate, 1), sounds.white_noise(2, rate, peak=0.5)]), rate)
    mixed = mix([Stem(loud, 9)], rate)
    assert mixed.samples.shape == loud.samples.shape and mixed.peak <= np.float32(PEAK_LIMIT)
    assert meters.true_peak_db(mixed.samples) < CEILING_DB + OVERSHOOT_DB


def test_the_limiter_touches_nothing_but_the_loud_moment():
    song, burst = sounds.voice_like(4, RATE, peak=0.3), sounds.silence(4, RATE)
    loud = slice(2 * RATE, 2 * RATE + RATE // 10)
    burst[loud] = sounds.tone(440, 0.1, RATE, peak=1.5)
    mixed = mix([Stem(Audio(song, RATE)), Stem(Audio(burst, RATE))], RATE).samples[0]
    before, after = slice(0, loud.start - REACH_BEFORE), slice(loud.stop + REACH_BEHIND, None)
    assert np.array_equal(mixed[before], song[before])
    assert np.abs(mixed[after] - song[after]).max() < 1e-3
    assert np.abs(mixed[loud]).max() > 0.85


@pytest.mark.parametrize("hz", [60, 440, 3_000])
def test_what_is_limited_is_not_distorted(hz):
    limited = mix([Stem(tone(hz, 1.5, seconds=3))], RATE).samples[0][RATE : 2 * RATE]
    spectrum = np.abs(np.fft.rfft(limited * np.hanning(RATE))) ** 2
    others = np.delete(spectrum, np.arange(hz - 4, hz + 5))
    assert 10 * np.log10(others.sum() / spectrum.sum()) < DISTORTION_DB


def test_the_limiter_keeps_the_voice_in_the_middle():
    sides = np.stack([sounds.tone(440, 1, RATE, peak=1.5), sounds.tone(440, 1, RATE, peak=0.3)])
    mixed = meters.middle(mix([Stem(Audio(sides, RATE))], RATE).samples, RATE)
    assert meters.level_db(mixed[0]) - meters.level_db(mixed[1]) == pytest.approx(20 * np.log10(5), abs=LEVEL_DB)


@pytest.mark.parametrize(("gain_db", "level"), [(3, "INFO"), (20, "WARNING")])
def test_what_the_limiter_does_is_said(caplog, gain_db, level):
    caplog.set_level("INFO")
    mix([Stem(tone(440, 0.9), gain_db)], RATE)
    over_db = 20 * np.log10(0.9) + gain_db - CEILING_DB
    assert [record.levelname for record in caplog.records] == [level] and f"{over_db:.1f} dB" in caplog.text


@pytest.mark.parametrize("length", [1, 100, RATE - 1, RATE, RATE + 1])
def test_the_limiter_keeps_any_length(length):
    wav = np.full(length, 2.0)
    assert mix([Stem(Audio(wav, RATE))], RATE).samples.shape == (1, length)


def test_stems_are_unchanged():
    audio = tone(440, 0.9)
    audio.samples.flags.writeable = False
    before = audio.samples.copy()
    mix([Stem(audio, 6), Stem(audio)], RATE)
    assert np.array_equal(audio.samples, before)


def test_no_stems_are_refused():
    with pytest.raises(OptionError):
        mix([], RATE)


def test_a_mix_is_saved_as_its_options_say(tmp_path):
    options = MixOptions(output_sr=48_000, output_format="mp3", bitrate=64, limiter=False)
    path = save_mix([Stem(tone(440, 0.9, seconds=2), 6)], tmp_path / "a.mp3", options, {"title": "A"})
    assert path.stat().st_size * 8 / 2_000 == pytest.approx(64, rel=0.1)
    assert load(path).rate == 48_000 and read_metadata(path)["title"] == "A"
