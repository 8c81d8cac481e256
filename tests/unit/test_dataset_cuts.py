"""Where slices lie: every way to cut keeps its promises for any recording."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import sounds
from tiny.recordings import rehearsal

from ultimate_rvc.options_training import DatasetOptions
from ultimate_rvc.rvc.train.data.cuts import SHORTEST_S, cuts_of
from ultimate_rvc.rvc.train.data.silences import sounding_spans

RATE = 32_000
# The last piece of a span is a window and an overlap long at most.
LONGEST_S = 3.3


def loud(samples: int) -> np.ndarray:
    return sounds.white_noise(samples / RATE, RATE, peak=0.3)


@st.composite
def recordings(draw: st.DrawFn) -> np.ndarray:
    """Stretches of noise and of silence, of any lengths."""
    stretches = draw(st.lists(st.tuples(st.floats(0.01, 6), st.booleans()), min_size=1, max_size=8))
    parts = [
        loud(round(seconds * RATE)) if sounding else sounds.silence(seconds, RATE) for seconds, sounding in stretches
    ]
    return np.concatenate(parts)


@settings(max_examples=40, deadline=None)
@given(recordings())
def test_spans_are_in_order_and_hold_all_that_sounds(wav: np.ndarray) -> None:
    spans = sounding_spans(wav, RATE)
    borders = [border for span in spans for border in span]
    assert borders == sorted(borders) and all(start < stop <= len(wav) for start, stop in spans)
    outside = np.ones(len(wav), bool)
    for start, stop in spans:
        outside[start:stop] = False
    # What sounds for less than a hop does not make its frame loud.
    assert np.count_nonzero(wav[outside]) < 0.01 * RATE * (len(spans) + 1)


@settings(max_examples=40, deadline=None)
@given(recordings())
def test_automatic_slices_tile_the_spans_and_are_short(wav: np.ndarray) -> None:
    cuts = cuts_of(wav, DatasetOptions(RATE))
    assert all(SHORTEST_S * RATE <= cut.stop - cut.start <= LONGEST_S * RATE for cut in cuts)
    covered = np.zeros(len(wav), int)
    for cut in cuts:
        covered[cut.start : cut.stop] += 1
    assert covered.max(initial=0) <= 2  # neighbours share 0.3 s, and nothing else is trained on twice
    for start, stop in sounding_spans(wav, RATE):
        assert stop - start < SHORTEST_S * RATE or covered[start:stop].all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400_000), st.floats(0.5, 5), st.floats(0, 0.4))
def test_simple_slices_are_of_one_length_and_overlap_as_told(samples: int, chunk_s: float, overlap_s: float) -> None:
    options = DatasetOptions(RATE, split_method="Simple", chunk_len=chunk_s, overlap_len=overlap_s)
    cuts = cuts_of(np.zeros(samples, np.float32), options)
    length = int(RATE * chunk_s)
    assert {cut.stop - cut.start for cut in cuts} <= {length}
    assert all(a.stop - b.start == int(RATE * overlap_s) for a, b in pairwise(cuts))
    assert all(cut.stop <= samples for cut in cuts)
    assert samples - (cuts[-1].stop if cuts else 0) < length


def test_skip_takes_the_whole_as_one() -> None:
    wav = rehearsal(RATE)
    (cut,) = cuts_of(wav, DatasetOptions(RATE, split_method="Skip"))
    assert (cut.number, cut.start, cut.stop) == (0, 0, len(wav))


@pytest.mark.parametrize("rest_s, pieces", [(0.3, 1), (0.6, 2), (1.5, 2)])
def test_a_rest_of_less_than_400_ms_is_no_place_to_cut(rest_s: float, pieces: int) -> None:
    wav = np.concatenate((loud(3 * RATE), sounds.silence(rest_s, RATE), loud(3 * RATE)))
    assert len(sounding_spans(wav, RATE)) == pieces


def test_half_a_second_stays_at_both_sides_of_a_long_rest() -> None:
    wav = np.concatenate((loud(3 * RATE), sounds.silence(4, RATE), loud(3 * RATE)))
    (_, left), (right, _) = sounding_spans(wav, RATE)
    assert right - left > 2.9 * RATE and 0 <= left - 3 * RATE <= 0.5 * RATE and 0 < 7 * RATE - right <= 0.53 * RATE
