"""Spans tile the signal, windows contain their spans and their context, and joins leave no seam."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ultimate_rvc.errors import AudioError
from ultimate_rvc.options import SpanOptions
from ultimate_rvc.rvc.infer import spans
from ultimate_rvc.rvc.infer.spans import QuietCuts, Span, UpstreamCuts

RATE, HOP = 16_000, 160
SMALL = SpanOptions(x_pad=1, x_query=1, x_center=4, x_max=5)


def noise(samples, seed=0, peak=0.1):
    return torch.rand(samples, generator=torch.Generator().manual_seed(seed)).sub(0.5).mul(2 * peak)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40 * RATE), st.integers(2, 9), st.integers(1, 5), st.integers(0, 5), st.sampled_from([None, 50]))
def test_spans_tile_the_signal_and_windows_hold_them(length, center, query, seed, step):
    options = SpanOptions(x_pad=1, x_query=query, x_center=center, x_max=center + 3)
    wav = noise(length, seed)
    total, pad = -(-length // HOP), 100
    cuts = QuietCuts().cut_points(wav, options)
    windows = spans.plan(cuts, total, pad, step_frames=step)
    assert [w.span.start for w in windows] == [0, *cuts] and [w.span.end for w in windows] == [*cuts, total]
    assert all(w.span.frames > 0 for w in windows)
    assert all(w.frames % 2 == 0 for w in windows)
    if step and len(windows) > 1:
        assert all(w.frames % step == 0 and w.frames - w.span.frames < step + 2 * pad for w in windows)
    else:
        assert len({w.frames for w in windows}) == 1
    left, right = spans.padding(windows, length)
    for window in windows:
        inside = window.locate(window.span)
        assert inside.start >= pad and window.frames - inside.stop >= pad
        assert (window.samples - 80) // 320 == window.frames // 2
        assert window.start_sample + window.samples <= left + length + right
    parts = len(windows)
    for i, cut in enumerate(cuts, 1):
        assert cut % 2 == 0 and abs(cut - (length // HOP) * i / parts) <= min(query * 100, total // parts // 4) + 1


@pytest.mark.parametrize("cutter", [QuietCuts(), UpstreamCuts()])
@pytest.mark.parametrize("length", [1, 159, 3 * RATE, 5 * RATE - HOP])
def test_a_short_signal_is_one_span(cutter, length):
    assert cutter.cut_points(noise(length), SMALL) == []


def test_cuts_lie_in_the_pauses():
    wav = noise(12 * RATE, peak=0.3)
    for pause_s in (3.55, 8.3):
        wav[int(pause_s * RATE) : int((pause_s + 0.1) * RATE)] *= 0.01
    cuts = QuietCuts().cut_points(wav, SMALL)
    assert [355 < cuts[0] < 365, 830 < cuts[1] < 840] == [True, True]


def test_equally_quiet_places_are_cut_evenly():
    assert QuietCuts().cut_points(torch.zeros(12 * RATE), SMALL) == [400, 800]


def test_a_held_note_is_cut_in_its_dip_not_at_a_zero_crossing():
    time = torch.arange(8 * RATE) / RATE
    dip = 1 - 0.9 * torch.exp(-(((time - 4.3) / 0.05) ** 2))
    note = 0.5 * torch.sin(2 * torch.pi * 100 * time) * dip
    assert abs(QuietCuts().cut_points(note, SMALL)[0] - 430) <= 2


def slow_upstream_cuts(wav, options):
    padded = np.pad(wav, (80, 80), mode="reflect")
    sums = np.zeros(len(wav))
    for place in range(HOP):
        sums += padded[place : place + len(wav)]
    found, radius = [], options.x_query * RATE
    for center in range(options.x_center * RATE, len(wav), options.x_center * RATE):
        found.append((center - radius + np.abs(sums[center - radius : center + radius]).argmin()) // HOP)
    return found


@pytest.mark.parametrize("kind", ["noise", "silence", "decay", "tone", "constant"])
def test_upstreams_cuts_are_found_by_slow_addition_too(kind):
    place = np.arange(14 * RATE + 77)
    wav = {
        "noise": noise(len(place)).numpy().astype(np.float64),
        "silence": np.zeros(len(place)),
        "decay": np.exp(-place / 500.0) * np.sin(place / 7.0),
        "tone": np.sin(2 * np.pi * 100 * place / RATE),
        "constant": np.full(len(place), 0.1),
    }[kind]
    assert UpstreamCuts().cut_points(torch.from_numpy(wav), SMALL) == slow_upstream_cuts(wav, SMALL)


def test_upstreams_windows_are_its_slices():
    length, pad = 10 * RATE + 50, RATE
    padded, pitch = np.arange(length + 2 * pad), np.arange((length + 2 * pad) // HOP)
    windows = spans.plan_like_upstream([390, 810], length, 100)
    start, slices = 0, []
    for cut in (390 * HOP, 810 * HOP):
        slices.append((padded[start : cut + 2 * pad + HOP], pitch[start // HOP : (cut + 2 * pad) // HOP]))
        start = cut
    slices.append((padded[start:], pitch[start // HOP :]))
    for window, (audio, contour) in zip(windows, slices, strict=True):
        assert np.array_equal(padded[window.start_sample : window.start_sample + window.samples], audio)
        assert np.array_equal(pitch[window.start : window.start + window.frames], contour)
    assert spans.padding(windows, length) == (pad, pad)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 30), st.integers(0, 70), st.integers(0, 70))
def test_reflection_is_numpys(length, left, right):
    wav = torch.arange(length, dtype=torch.float32)
    expected = np.pad(wav.numpy(), (left, right), mode="reflect")
    assert np.array_equal(spans.reflect_pad(wav, left, right).numpy(), expected)


def test_one_sample_is_repeated_and_none_is_an_error():
    assert spans.reflect_pad(torch.tensor([0.5]), 2, 3).tolist() == [0.5] * 6
    with pytest.raises(AudioError, match="no samples"):
        spans.reflect_pad(torch.zeros(0), 2, 3)


def test_gather_takes_rows():
    assert spans.gather(torch.arange(10), [0, 3, 6], 4).tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 6))
def test_an_identity_voice_returns_its_input_sample_for_sample(lengths, overlap):
    borders = np.cumsum(lengths).tolist()
    parts, hop = spans.divide(borders[:-1], borders[-1]), 7
    wav = torch.randn(borders[-1] * hop, generator=torch.Generator().manual_seed(1))
    covered = [part.widened(overlap, borders[-1]) for part in parts]
    pieces = (wav[c.start * hop : c.end * hop] for c in covered)
    joined = list(spans.join(pieces, parts, hop_samples=hop, overlap_frames=overlap))
    assert torch.equal(torch.cat(joined), wav) and len(joined) == len(parts)


def test_a_join_fades_evenly_from_one_piece_to_the_next():
    parts = [Span(0, 10), Span(10, 20)]
    joined = torch.cat([*spans.join([torch.zeros(120), torch.ones(120)], parts, hop_samples=10, overlap_frames=2)])
    fade = joined[80:120]
    assert (joined[:80] == 0).all() and (joined[120:] == 1).all()
    assert (fade.diff() > 0).all() and torch.allclose(fade + fade.flip(0), torch.ones(40), atol=1e-6)


def test_a_wrong_number_of_pieces_is_noticed():
    with pytest.raises(ValueError):
        list(spans.join([torch.zeros(10)], [Span(0, 1), Span(1, 2)], hop_samples=10, overlap_frames=0))


def test_pieces_of_any_length_are_concatenated():
    assert spans.concatenate(iter([torch.ones(3), torch.zeros(2)])).tolist() == [1, 1, 1, 0, 0]
