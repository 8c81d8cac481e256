"""What is done to a melody after it was found."""

import math

import pytest
import torch
from tiny import pitch as tiny

from ultimate_rvc.errors import OptionError
from ultimate_rvc.rvc.pitch import contour

CPU = torch.device("cpu")
HZ_TOLERANCE = 1e-3


def hz(*values):
    return torch.tensor(values, dtype=torch.float32)


def test_an_octave_up_doubles_f0_and_leaves_rests_alone():
    assert torch.allclose(contour.shift(hz(0, 110, 220), 12), hz(0, 220, 440))


def test_a_shift_may_be_a_number_on_the_device():
    assert torch.allclose(contour.shift(hz(220), torch.tensor(-12.0)), hz(110))


def test_quantised_pitch_runs_from_1_to_255():
    assert contour.quantise(hz(0, 1, 49, 50, 1100, 1101, 5000)).tolist() == [1, 1, 1, 1, 255, 255, 255]


def test_quantised_pitch_is_even_in_mel():
    mel = torch.linspace(1127 * math.log1p(50 / 700), 1127 * math.log1p(1100 / 700), 255, dtype=torch.float64)
    assert contour.quantise((700 * torch.expm1(mel / 1127)).float()).tolist() == list(range(1, 256))


def test_the_median_of_three_is_the_middle_one():
    assert contour.median_of([hz(100, 300), hz(110, 310), hz(400, 320)]).tolist() == [110, 310]


def test_a_frame_is_voiced_when_at_least_half_of_the_estimates_are():
    estimates = [hz(0, 0, 0, 100), hz(0, 0, 101, 101), hz(0, 103, 103, 103)]
    assert contour.median_of(estimates).tolist() == [0, 0, 102, 101]
    assert contour.median_of([hz(0, 0), hz(0, 200)]).tolist() == [0, 200]


def test_two_estimates_an_octave_apart_are_not_averaged():
    assert contour.median_of([hz(440, 441), hz(220, 439)]).tolist() == [220, 440]


def test_the_median_of_one_is_itself():
    f0 = tiny.melody(1.0).f0
    assert torch.equal(contour.median_of([f0]), f0)


def test_autotune_lands_on_notes_and_keeps_rests():
    tuned = contour.autotune(hz(0, 445, 130, 61.0), 1.0)
    assert torch.allclose(tuned, hz(0, 440, 130.8128, 61.7354), atol=HZ_TOLERANCE)


def test_autotune_at_half_strength_goes_half_the_way_in_cents():
    sharp = 440 * 2 ** (40 / 1200)
    assert torch.allclose(contour.autotune(hz(sharp), 0.5), hz(440 * 2 ** (20 / 1200)), atol=HZ_TOLERANCE)


def test_autotune_without_strength_changes_nothing():
    f0 = tiny.melody(1.0).f0
    assert torch.allclose(contour.autotune(f0, 0.0), f0)


def test_upstreams_autotune_bends_rests_too():
    assert contour.upstream_autotune(hz(0), 1.0).item() == 49


@pytest.mark.parametrize(
    "note_hz, target_hz, semitones", [(110, 220, 12), (220, 155, -6), (100, 1200, 12), (800, 50, -12)]
)
def test_the_proposed_shift_brings_the_median_to_the_target_within_an_octave(note_hz, target_hz, semitones):
    assert contour.proposed_shift(hz(0, note_hz, 0, note_hz, 0), target_hz).item() == semitones


@pytest.mark.parametrize("silent", [hz(), hz(0, 0), hz(0, 300, 0)])
def test_no_shift_is_proposed_without_a_melody(silent):
    assert contour.proposed_shift(silent, 155.0).item() == 0


def test_the_proposed_shift_takes_the_median_of_bridged_gaps():
    """Bridged: 100 100 150 200 200; without bridging the median would be the same of 100 and 200."""
    f0 = hz(0, 100, 0, 200, 0)
    assert contour._bridged(f0).tolist() == [100, 100, 150, 200, 200]


def write(folder, text, name="curve.csv"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_curve_is_linear_between_points_and_unvoiced_outside(tmp_path):
    f0 = contour.read_curve(write(tmp_path, "0.02,100\n0.06,140\n"), 10, CPU)
    assert torch.allclose(f0, hz(0, 0, 100, 110, 120, 130, 140, 0, 0, 0), atol=HZ_TOLERANCE)


def test_a_curve_does_not_glide_into_a_rest(tmp_path):
    f0 = contour.read_curve(write(tmp_path, "0,200\n0.04,0\n0.08,300\n"), 9, CPU)
    assert f0.tolist() == [200, 200, 200, 0, 0, 0, 0, 300, 300]


@pytest.mark.parametrize(
    "text", ["time,f0\n0,100\n0.01,100", "0 100\n\n0.01\t100\n", "0; 100\n0.01; 100", "\ufeff0,100\n0.01,100\n"]
)
def test_a_curve_may_have_a_header_spaces_or_semicolons(tmp_path, text):
    assert contour.read_curve(write(tmp_path, text), 2, CPU).tolist() == [100, 100]


@pytest.mark.parametrize("line", ["0.5", "0.5,high", "0.5,100,0.9", "0.5,-3", "0.5,nan", "-1,100", "0.001,100"])
def test_a_bad_line_of_a_curve_is_named(tmp_path, line):
    path = write(tmp_path, f"time,f0\n0.01,100\n{line}\n")
    with pytest.raises(OptionError, match=r"line 3 of .*curve\.csv"):
        contour.read_curve(path, 10, CPU)


@pytest.mark.parametrize("text", ["", "time,f0\n"])
def test_a_curve_without_points_is_an_error(tmp_path, text):
    with pytest.raises(OptionError, match="holds no pitch curve"):
        contour.read_curve(write(tmp_path, text), 10, CPU)


def test_a_curve_that_is_no_text_is_an_error(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(OptionError, match="cannot be read"):
        contour.read_curve(path, 10, CPU)
    with pytest.raises(OptionError, match="cannot be read"):
        contour.read_curve(tmp_path / "absent.csv", 10, CPU)
