"""Loudness follows librosa's and torch's definitions, peaks are limited, silence stays silent."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ultimate_rvc.rvc.infer import envelope
from ultimate_rvc.rvc.infer.envelope import Leveller, limit_peak, loudness, match_envelope, open_frames, silence_gate

RATE = 16_000
# float32 sums of half a second of squares, against librosa's.
LOUDNESS_RTOL = 1e-5


def noise(seconds, rate=RATE, seed=0):
    return torch.randn(round(seconds * rate), generator=torch.Generator().manual_seed(seed)) / 8


@pytest.mark.parametrize("seconds", [0.01, 0.5, 0.75, 3.0, 3.2])
def test_loudness_is_librosas(seconds):
    import librosa

    wav = noise(seconds)
    expected = librosa.feature.rms(y=wav.numpy(), frame_length=RATE // 2 * 2, hop_length=RATE // 2)[0]
    assert np.allclose(loudness(wav, RATE).numpy(), expected, rtol=LOUDNESS_RTOL)


@pytest.mark.parametrize("block", [1 << 20, 1_000])
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9])
def test_the_envelope_is_drawn_as_torch_interpolates(rate, block, monkeypatch):
    monkeypatch.setattr(envelope, "BLOCK_SAMPLES", block)
    source, target = noise(2.6), noise(2.57, 40_000, seed=1) * torch.linspace(0, 1, round(2.57 * 40_000))
    wanted, own = (
        F.interpolate(loudness(wav, hz)[None, None], size=len(target), mode="linear")[0, 0]
        for wav, hz in ((source, RATE), (target, 40_000))
    )
    expected = target * wanted ** (1 - rate) * own.clamp_min(1e-6) ** (rate - 1)
    assert torch.allclose(match_envelope(source, RATE, target, 40_000, rate), expected, atol=1e-6, rtol=1e-4)


def test_rate_one_changes_nothing():
    target = noise(1)
    assert torch.equal(match_envelope(noise(1, seed=1), RATE, target, RATE, 1.0), target)


def test_a_quiet_voice_takes_the_sources_loudness():
    source = noise(4)
    out = match_envelope(source, RATE, source / 50, RATE, 0.0)
    assert torch.allclose(out, source, rtol=1e-4, atol=1e-6)


def test_a_peak_is_scaled_to_the_ceiling():
    wav = torch.tensor([0.2, -2.0, 1.0])
    assert torch.allclose(limit_peak(wav, 0.99), wav * 0.99 / 2)
    assert wav[1] == -2


@pytest.mark.parametrize("wav", [torch.tensor([0.5, -0.99]), torch.zeros(4), torch.zeros(0)])
def test_below_the_ceiling_nothing_changes(wav):
    assert torch.equal(limit_peak(wav, 0.99), wav)


def gate(source, samples, rate):
    return silence_gate(open_frames(source), 0, samples, rate)


@pytest.mark.parametrize("rate", [RATE, 40_000, 44_100, 22_050])
def test_silence_gives_silence(rate):
    assert not gate(torch.zeros(RATE), rate, rate).any()
    assert not gate(torch.full((800,), 5e-5), rate // 20, rate).any()


@pytest.mark.parametrize("rate", [40_000, 44_100, 22_050])
@pytest.mark.parametrize("level", [0.0, 9e-5])
def test_a_gap_is_silent_inside_and_untouched_outside(rate, level):
    source = noise(2.0)
    source[12_800:17_600] = level * torch.sign(source[12_800:17_600])  # 0.8 … 1.1 s
    gain = gate(source, 2 * rate, rate)
    seconds = (torch.arange(2 * rate) + 0.5) / rate
    assert (gain[(seconds > 0.85) & (seconds < 1.05)] == 0).all()
    assert (gain[(seconds < 0.82) | (seconds > 1.08)] == 1).all()
    assert gain.diff().abs().max() < 2 / (rate / 100)


@pytest.mark.parametrize(("gap_ms", "gated"), [(90, False), (120, True)])
def test_a_stop_consonants_closure_is_left_alone(gap_ms, gated):
    source = noise(1.0)
    source[8_000 : 8_000 + 16 * gap_ms] = 0
    assert bool((gate(source, 48_000, 48_000) < 1).any()) == gated


def test_a_tail_above_the_threshold_keeps_every_sample():
    fading = torch.exp(-torch.arange(RATE) / 2_000) * torch.sin(torch.arange(RATE) / 3)
    assert (gate(fading, 40_000, 40_000)[: int(0.9 * 40_000)] == 1).all()


def test_pieces_get_the_same_gain():
    source = noise(1.5)
    source[4_000:12_000] = 0
    frames, places = open_frames(source), range(0, 60_000, 777)
    whole = silence_gate(frames, 0, 60_000, 40_000)
    pieces = torch.cat([silence_gate(frames, at, min(777, 60_000 - at), 40_000) for at in places])
    assert torch.allclose(pieces, whole, atol=1e-4)
    assert torch.equal(pieces == 0, whole == 0)


@pytest.mark.parametrize("block", [1, 160, 25_000, 70_001])
@pytest.mark.parametrize("seconds", [0.3, 2.6])
def test_a_target_in_pieces_is_levelled_like_the_whole(seconds, block):
    rate = 40_000 if block > 1 else 400  # sample by sample takes its time
    source, target = noise(seconds), noise(seconds, rate, seed=1)
    target[len(target) // 3 : len(target) // 2] = 0
    leveller = Leveller(loudness(source, RATE), len(target), rate, 0.3)
    out, waiting = torch.zeros_like(target), 0
    for start in range(0, len(target), block):
        piece = target[start : start + block]
        if piece.any():  # silence between pieces is not handed in
            leveller.take(start, piece)
        for at, part in leveller.ready():
            out[at : at + len(part)] = part
            waiting = start + len(piece) - at - len(part)
    assert waiting <= 2 * rate
    for at, part in leveller.rest():
        out[at : at + len(part)] = part
    assert torch.allclose(out, match_envelope(source, RATE, target, rate, 0.3), atol=1e-6, rtol=1e-4)
