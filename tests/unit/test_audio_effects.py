"""Effects: each does what it is named for, keeps the length, and does nothing when it is off."""

from dataclasses import replace

import numpy as np
import pedalboard
import pytest
from tiny import meters, sounds

from ultimate_rvc.audio import deesser
from ultimate_rvc.audio.deesser import deessed
from ultimate_rvc.audio.effects import pitch_shift, postprocess, reduce_noise
from ultimate_rvc.audio.file import Audio
from ultimate_rvc.audio.shift import steady_ratio
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import EffectOptions

RATE = 44_100
# Freeverb doubles the dry signal: half of it is the voice's own level.
DRY = EffectOptions(wet_level=0, dry_level=0.5)
# The high-pass at 50 Hz still takes a hundredth of a decibel at 1 kHz.
LEVEL_DB = 0.05
# The compressor's level follows the wave itself, so a tone is turned down a little less than its peak.
COMPRESSED_DB = 1.0
PITCH_CENTS = 5.5
# The nearest ratio that keeps time, within nine semitones and within an octave.
STEADY_CENTS, STEADY_OCTAVE_CENTS = 4.0, 7.0
# Below this, two drums are heard as one.
IN_TIME_S = 0.010
# What a click in another place of the engine's hop differs by.
DRIFT_S = 0.005
# An s begins and ends inside the window that it is found by.
SIBILANT_DB = 0.3
# What the de-esser may change below 4 kHz: less than anybody hears.
BELOW_DB = 0.1


def tone(hz: float, peak: float = 0.1, seconds: float = 2.0) -> Audio:
    audio = Audio(sounds.tone(hz, seconds, RATE, peak=peak), RATE)
    audio.samples.flags.writeable = False
    return audio


def gain_db(after: Audio, before: Audio) -> float:
    return meters.level_db(meters.middle(after.samples, RATE)) - meters.level_db(meters.middle(before.samples, RATE))


def test_a_quiet_tone_passes_the_dry_chain_unchanged():
    assert abs(gain_db(postprocess(tone(1_000), DRY), tone(1_000))) < LEVEL_DB


def test_rumble_is_taken_away():
    # A first-order filter falls by the ratio of the frequencies.
    assert gain_db(postprocess(tone(5), DRY), tone(5)) == pytest.approx(-20, abs=0.5)


def test_loud_parts_are_compressed_four_to_one_above_fifteen_decibels():
    loud = tone(1_000, peak=10 ** (-3 / 20))
    assert gain_db(postprocess(loud, DRY), loud) == pytest.approx((-3 + 15) * (1 / 4 - 1), abs=COMPRESSED_DB)


def test_reverb_sounds_on_where_the_voice_has_ended_and_dry_does_not():
    voice = Audio(np.concatenate([sounds.tone(440, 1, RATE), sounds.silence(0.5, RATE)]), RATE)
    after = slice(RATE + 2_000, RATE + 6_000)
    assert meters.level_db(postprocess(voice, EffectOptions()).samples[:, after]) > -60
    # The high-pass rings for a few milliseconds only.
    assert meters.level_db(postprocess(voice, DRY).samples[:, after]) < -120


def test_seconds_follow_each_other_without_a_seam():
    voice = Audio(np.stack([sounds.voice_like(2.5, RATE, 1), sounds.voice_like(2.5, RATE, 2)]), RATE)
    options = EffectOptions()
    chain = pedalboard.Pedalboard(
        [
            pedalboard.HighpassFilter(50),
            pedalboard.Compressor(-15, 4),
            pedalboard.Reverb(room_size=0.15, damping=0.7, wet_level=0.2, dry_level=0.8),
        ]
    )
    assert np.abs(postprocess(voice, options).samples - chain(voice.samples, RATE)).max() < 1e-6


def test_two_calls_give_the_same():
    voice = Audio(sounds.voice_like(1, RATE), RATE)
    first, second = (postprocess(voice, EffectOptions()).samples for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("semitones", [-12, -5, 1, 7, 12])
def test_a_shift_is_as_many_cents_as_was_asked_for(semitones):
    shifted = pitch_shift(tone(440, seconds=1.5), semitones)
    hz = meters.frequency_hz(meters.middle(shifted.samples[0], RATE), RATE)
    assert abs(meters.cents(hz, 440) - 100 * semitones) < PITCH_CENTS
    assert abs(gain_db(shifted, tone(440, seconds=1.5))) < 0.1


@pytest.mark.parametrize("semitones", [-12, -3, 4, 12])
def test_a_shift_keeps_length_and_time_and_starts_without_a_click(semitones):
    wav = sounds.silence(1.5, RATE)
    wav[RATE // 2 : RATE] = sounds.tone(440, 0.5, RATE) * np.hanning(RATE // 2)
    shifted = pitch_shift(Audio(wav, RATE), semitones)
    assert shifted.length == len(wav)
    centre = np.average(np.arange(len(wav)), weights=shifted.samples[0] ** 2)
    assert abs(centre - 0.75 * RATE) < 0.005 * RATE
    assert meters.level_db(shifted.samples[:, : RATE // 4]) < -80


def clicks(seconds: float, rate: int, at_s: list[float]) -> np.ndarray:
    """Short tones that begin at once."""
    wav = sounds.silence(seconds, rate)
    click = sounds.tone(800, 0.05, rate) * np.exp(-np.arange(round(0.05 * rate)) / (0.007 * rate))
    for start in at_s:
        wav[round(start * rate) :][: len(click)] += click.astype(np.float32)
    return wav


def onset_s(wav: np.ndarray, rate: int, near_s: float) -> float:
    """When the click near this time rises to half of its height."""
    first = round((near_s - 0.2) * rate)
    height = np.convolve(np.abs(wav[first : first + round(0.4 * rate)]), np.hanning(rate // 500), mode="same")
    return (first + int(np.argmax(height > 0.5 * height.max()))) / rate


@pytest.mark.parametrize(("semitones", "rate"), [(-3, 44_100), (4, 44_100), (-1, 48_000), (7, 44_100), (-12, 22_050)])
def test_a_shifted_song_stays_in_time_to_its_end(semitones, rate):
    """One click near each end: the engine alone would move the second by up to 70 ms in 40 s."""
    at_s = [1.0, 39.0]
    wav = clicks(40, rate, at_s)
    shifted = pitch_shift(Audio(wav, rate), semitones).samples[0]
    moved_s = [onset_s(shifted, rate, moment) - onset_s(wav, rate, moment) for moment in at_s]
    assert abs(moved_s[1] - moved_s[0]) < DRIFT_S and max(map(abs, moved_s)) < IN_TIME_S


@pytest.mark.parametrize("semitones", [-12, -10, -7, -3, -1, 0.5, 2, 5, 9, 12])
def test_what_keeps_time_is_in_tune(semitones):
    off_cents = 1_200 * np.log2(steady_ratio(2 ** (semitones / 12))) - 100 * semitones
    assert abs(off_cents) < (STEADY_CENTS if abs(semitones) <= 9 else STEADY_OCTAVE_CENTS)


def test_a_shift_keeps_the_middle_in_the_middle():
    voice = sounds.voice_like(1, RATE)
    shifted = pitch_shift(Audio(np.stack([voice, voice]), RATE), 3)
    assert np.array_equal(shifted.samples[0], shifted.samples[1])


@pytest.mark.parametrize("length", [1, 100, 5_000])
def test_a_shift_of_hardly_anything_keeps_the_length(length):
    assert pitch_shift(Audio(np.full(length, 0.1), RATE), 5).samples.shape == (1, length)


def test_no_shift_gives_the_audio_itself():
    audio = tone(440)
    assert pitch_shift(audio, 0) is audio and reduce_noise(audio, 0) is audio


@pytest.mark.parametrize(("strength", "less_db"), [(0.3, 2), (0.7, 6), (1.0, 12)])
def test_noise_goes_and_short_notes_stay(strength, less_db):
    notes, note, rest = sounds.silence(3, RATE), slice(RATE, RATE + RATE // 5), slice(RATE // 4, RATE // 2)
    notes[note] = sounds.tone(600, 0.2, RATE)
    noisy = Audio(notes + sounds.white_noise(3, RATE, peak=0.01), RATE)
    cleaned = reduce_noise(noisy, strength)
    assert meters.level_db(cleaned.samples[:, rest]) < meters.level_db(noisy.samples[:, rest]) - less_db
    assert meters.level_db(cleaned.samples[:, note]) == pytest.approx(meters.level_db(notes[note]), abs=4)
    assert cleaned.samples.shape == noisy.samples.shape


def test_silence_stays_silence():
    nothing = Audio(np.zeros((2, RATE)), RATE)
    for result in (postprocess(nothing, EffectOptions()), pitch_shift(nothing, 5), reduce_noise(nothing, 1)):
        assert result.samples.shape == (2, RATE) and np.abs(result.samples).max() < 1e-6


@pytest.mark.parametrize("call", [lambda a: pitch_shift(a, 49), lambda a: reduce_noise(a, 1.5)])
def test_values_out_of_range_are_refused(call):
    with pytest.raises(OptionError):
        call(tone(440))


def sibilant(seconds: float = 0.3) -> np.ndarray:
    """Noise between 5 and 10 kHz, as loud as a vowel."""
    from scipy.signal import butter, sosfiltfilt

    band = butter(6, (5_000, 10_000), "bandpass", fs=RATE, output="sos")
    return 0.2 * sosfiltfilt(band, np.random.default_rng(0).standard_normal(round(seconds * RATE)))


def band_db(wav: np.ndarray, low_hz: float, high_hz: float) -> float:
    spectrum = np.abs(np.fft.rfft(wav * np.hanning(len(wav)))) ** 2
    hz = np.fft.rfftfreq(len(wav), 1 / RATE)
    return 10 * np.log10(spectrum[(low_hz < hz) & (hz < high_hz)].sum())


@pytest.mark.parametrize("depth_db", [3, 6, 12])
def test_the_deesser_takes_its_depth_from_an_s_and_nothing_from_a_vowel(depth_db):
    wav, where = sounds.voice_like(6, RATE, peak=0.3), slice(3 * RATE, 3 * RATE + RATE // 5)
    wav[where] = sibilant(0.2)[: RATE // 5] + 0.02 * wav[where]
    quieter = deessed(Audio(wav, RATE), depth_db).samples[0]
    assert band_db(quieter[where], 5_000, 10_000) - band_db(wav[where], 5_000, 10_000) == pytest.approx(
        -depth_db, abs=SIBILANT_DB
    )
    assert abs(band_db(quieter[where], 100, 4_000) - band_db(wav[where], 100, 4_000)) < BELOW_DB
    vowel = slice(RATE // 4, RATE)
    assert np.array_equal(quieter[vowel], wav[vowel])


def test_a_quiet_s_is_found_like_a_loud_one():
    loud = Audio(sibilant(), RATE)
    quiet = Audio(0.05 * loud.samples, RATE)
    assert np.abs(deessed(quiet, 6).samples - 0.05 * deessed(loud, 6).samples).max() < 1e-6


def test_the_deesser_shows_no_seam_between_its_blocks(monkeypatch):
    voice = Audio(np.tile(np.concatenate([sibilant(0.4), sounds.voice_like(0.7, RATE)]), 8), RATE)
    whole = deessed(voice, 9)
    monkeypatch.setattr(deesser, "BLOCK_S", 1)
    assert np.abs(whole.samples - deessed(voice, 9).samples).max() < 1e-6


@pytest.mark.parametrize("length", [1, 50, 2_000])
def test_the_deesser_keeps_any_length(length):
    assert deessed(Audio(np.full((2, length), 0.1), RATE), 6).samples.shape == (2, length)


def test_the_chain_uses_the_deesser():
    s = Audio(np.pad(sibilant(), RATE // 4), RATE)
    before, after = (
        postprocess(s, replace(DRY, compressor=False, deess=depth)).samples[0][RATE // 3 : RATE // 2]
        for depth in (0, 6)
    )
    assert band_db(after, 5_000, 10_000) - band_db(before, 5_000, 10_000) == pytest.approx(-6, abs=SIBILANT_DB)


def test_without_compressor_loud_parts_keep_their_level():
    loud = tone(1_000, peak=0.7)
    assert abs(gain_db(postprocess(loud, replace(DRY, compressor=False)), loud)) < LEVEL_DB


@pytest.mark.parametrize(("ratio", "threshold_db"), [(2, -15), (4, -25), (20, -10)])
def test_the_compressor_does_as_it_is_told(ratio, threshold_db):
    loud = tone(1_000, peak=10 ** (-3 / 20))
    options = replace(DRY, compressor_ratio=ratio, compressor_threshold=threshold_db)
    expected = (-3 - threshold_db) * (1 / ratio - 1)
    assert gain_db(postprocess(loud, options), loud) == pytest.approx(expected, abs=COMPRESSED_DB)


def test_a_slower_attack_lets_more_of_the_beginning_through():
    loud = tone(1_000, peak=0.7)
    fast, slow = (postprocess(loud, replace(DRY, compressor_attack=ms)).samples[0] for ms in (1, 50))
    beginning = slice(0, RATE // 50)
    assert meters.level_db(slow[beginning]) > meters.level_db(fast[beginning]) + 3


def test_a_slower_release_stays_down_for_longer():
    wav = np.concatenate([sounds.tone(1_000, 1, RATE, peak=0.7), sounds.tone(1_000, 1, RATE, peak=0.05)])
    short, long = (postprocess(Audio(wav, RATE), replace(DRY, compressor_release=ms)).samples[0] for ms in (20, 500))
    behind = slice(RATE + RATE // 100, RATE + RATE // 20)
    assert meters.level_db(short[behind]) > meters.level_db(long[behind]) + 3


def test_a_width_spreads_the_reflections_of_a_mono_voice_and_leaves_the_voice_in_the_middle():
    voice = Audio(np.concatenate([sounds.tone(440, 1, RATE), sounds.silence(0.5, RATE)]), RATE)
    assert postprocess(voice, EffectOptions()).channels == 1
    narrow, wide = (postprocess(voice, EffectOptions(reverb_width=width)).samples for width in (0, 1))
    tail = slice(RATE + 2_000, RATE + 6_000)
    assert len(wide) == 2 and np.allclose(narrow[0], narrow[1], atol=1e-6)
    assert np.corrcoef(wide[:, tail])[0, 1] < 0.9
    dry = postprocess(voice, replace(DRY, reverb_width=1.0)).samples
    assert np.array_equal(dry[0], dry[1])


def test_effects_leave_their_input_as_it_is():
    voice = Audio(sibilant(1), RATE)
    voice.samples.flags.writeable = False
    before = voice.samples.copy()
    postprocess(voice, EffectOptions(deess=6, reverb_width=1.0))
    assert np.array_equal(before, voice.samples)
