"""The judge's melody: what a singer who is off by a known amount is told."""

import numpy as np
import pytest
from tiny.pitch import melody

from starter.judge.melody import agreed, every_frame, follow, nearest_octave

FRAMES = 400
CENT = 2 ** (1 / 1_200)
# Rounding of 1200·log2 in float64.
EXACT_CENTS = 1e-6
# Harvest with StoneMask on clean harmonics.
TRACKED_CENTS = 5.0


def _line() -> np.ndarray:
    f0 = np.linspace(150.0, 300.0, FRAMES)
    f0[100:150] = 0
    return f0


def test_a_melody_follows_itself() -> None:
    found = follow(_line(), _line())
    assert (found.median_cents, found.gross, found.far, found.voicing) == (0, 0, 0, 0)
    assert found.frames == FRAMES - 50


def test_thirty_cents_sharp_are_thirty_cents_and_no_gross_error() -> None:
    found = follow(_line() * CENT**30, _line())
    assert found.median_cents == pytest.approx(30, abs=EXACT_CENTS)
    assert (found.gross, found.far) == (0, 0)


def test_a_transposed_melody_is_held_against_the_transposed_one() -> None:
    assert follow(_line() * 2, _line(), 12).median_cents == pytest.approx(0, abs=EXACT_CENTS)
    assert follow(_line() * 2, _line()).gross == 1


def test_octave_errors_and_voicing_are_counted_apart() -> None:
    found = _line()
    found[:70] *= 0.5
    found[300:340] = 0
    result = follow(found, _line())
    assert result.gross == pytest.approx(70 / 310) and result.voicing == pytest.approx(40 / FRAMES)


def test_without_a_common_voiced_frame_there_is_no_error_to_tell() -> None:
    result = follow(np.zeros(FRAMES), _line())
    assert np.isnan(result.median_cents) and result.frames == 0 and result.voicing == pytest.approx(350 / FRAMES)


def test_a_curve_by_hand_is_read_at_every_frame() -> None:
    curve = np.array([[0.0, 0.0], [0.1, 200.0], [0.2, 210.0]])
    f0 = every_frame(curve, 60)
    assert f0[0] == 0 and f0[20] == 200 and f0[40] == 210 and f0[50] == 0


def test_octaves_bring_a_melody_nearest_to_the_target() -> None:
    assert [nearest_octave(hz, 220.0) for hz in (110.0, 130.0, 200.0, 500.0, np.nan)] == [12, 12, 0, -12, 0]


def test_the_tracker_hears_a_known_melody() -> None:
    pytest.importorskip("pyworld", reason="the judge's tracker is WORLD's")
    from starter.judge.melody import track

    sung = melody(1.6)
    true = np.repeat(sung.f0.numpy(), 2)  # every 10 ms → every 5 ms
    result = follow(track(sung.wav.numpy()), true)
    assert result.median_cents < TRACKED_CENTS and result.gross < 0.01 and result.voicing < 0.15


def test_a_second_tracker_keeps_what_it_agrees_with_and_drops_the_rest() -> None:
    hz, seconds = 220.0, 1.0
    times = np.arange(round(seconds * 16_000)) / 16_000
    wav = sum(np.sin(2 * np.pi * hz * k * times) / k for k in range(1, 12)).astype(np.float32) * 0.1
    f0 = np.full(201, hz)
    f0[:60] = 2 * hz
    sure = agreed(wav, f0)
    assert not sure[:60].any() and (sure[70:190] == hz).all()
