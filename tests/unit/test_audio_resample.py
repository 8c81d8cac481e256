"""Resampling: a tone stays a tone, the length follows one rule, nothing is added."""

import numpy as np
import pytest
from tiny import meters, sounds

from ultimate_rvc.audio.file import Audio
from ultimate_rvc.audio.resample import resample, resampled_length, resampled_mono

PITCH_CENTS = 0.5
# The soxr VHQ passband is flat to 0.01 dB below 0.9 of the lower Nyquist; edges are left out.
LEVEL_DB = 0.01
# Above the new Nyquist nothing may be left; 16-bit files end at -98 dB.
STOP_DB = -100.0


@pytest.mark.parametrize("rates", [(44_100, 16_000), (16_000, 48_000), (8_000, 192_000), (40_000, 44_100)])
def test_a_tone_keeps_its_pitch_level_and_place(rates):
    old, new = rates
    wav = resample(Audio(sounds.tone(440, 1, old), old), new).samples[0]
    assert abs(meters.cents(meters.frequency_hz(meters.middle(wav, new), new), 440)) < PITCH_CENTS
    same = sounds.tone(440, 1, new)
    assert abs(meters.level_db(meters.middle(wav, new)) - meters.level_db(meters.middle(same, new))) < LEVEL_DB
    assert meters.level_db(meters.middle(wav - same, new)) < STOP_DB


def test_treble_is_kept_up_to_nine_tenths_of_what_the_new_rate_can_hold():
    before, after = sounds.tone(7_200, 1, 44_100), resample(Audio(sounds.tone(7_200, 1, 44_100), 44_100), 16_000)
    kept_db = meters.level_db(meters.middle(after.samples, 16_000)) - meters.level_db(meters.middle(before, 44_100))
    assert abs(kept_db) < LEVEL_DB


def test_what_the_new_rate_cannot_hold_is_gone():
    wav = resample(Audio(sounds.tone(9_000, 1, 44_100), 44_100), 16_000).samples[0]
    assert meters.level_db(meters.middle(wav, 16_000)) < STOP_DB


@pytest.mark.parametrize("length", [1, 2, 3, 999, 44_101])
@pytest.mark.parametrize("rates", [(44_100, 16_000), (48_000, 24_000), (16_000, 44_100), (8_000, 192_000)])
def test_length_is_rounded_halves_up(length, rates):
    old, new = rates
    exact = length * new / old
    resampled = resample(Audio(np.ones((2, length)), old), new)
    assert resampled.samples.shape == (2, int(np.floor(exact + 0.5))) and resampled.rate == new
    assert resampled_length(length, old, new) == resampled.length


def test_its_own_rate_gives_the_audio_itself():
    audio = Audio(sounds.tone(440, 0.1, 44_100), 44_100)
    assert resample(audio, 44_100) is audio


def test_channels_are_kept_apart_and_the_input_unchanged():
    audio = Audio(np.stack([sounds.tone(440, 0.5, 44_100), sounds.silence(0.5, 44_100)]), 44_100)
    audio.samples.flags.writeable = False
    assert np.abs(resample(audio, 16_000).samples[1]).max() == 0


@pytest.mark.parametrize("rates", [(44_100, 16_000), (16_000, 16_000), (8_000, 16_000)])
@pytest.mark.parametrize("length", [1, 999, 44_101])
@pytest.mark.parametrize("block", [7, 1_000, 1 << 18])
def test_mono_in_blocks_is_mono_of_the_whole_to_the_bit(rates, length, block):
    wav = np.random.default_rng(0).uniform(-0.5, 0.5, (2, length)).astype(np.float32)
    whole = resample(Audio(wav, rates[0]).mono(), rates[1]).samples
    blocks = (wav[:, start : start + block] for start in range(0, length, block))
    assert np.array_equal(np.concatenate([*resampled_mono(blocks, *rates)], axis=1), whole)
