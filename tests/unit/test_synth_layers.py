"""Attention against its definition, decimation against physics, and how far a vocoder hears."""

import math

import pytest
import torch
from tiny.scores import made_up_score
from tiny.voices import write_voice

from ultimate_rvc.rvc.synth import encoders
from ultimate_rvc.rvc.synth.encoders import WINDOW_FRAMES, RelativeAttention
from ultimate_rvc.rvc.synth.generators.blocks import excitation_conv, upsampler
from ultimate_rvc.rvc.synth.generators.refinegan import Decimator
from ultimate_rvc.rvc.synth.noise import SeededNoise
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer

# float32 sums over 60 frames in another order.
ATTENTION_MAX = 1e-5
HEADS, HIDDEN = 2, 12


def attention() -> RelativeAttention:
    torch.manual_seed(0)
    layer = RelativeAttention(HIDDEN, HEADS)
    for table in (layer.emb_rel_k, layer.emb_rel_v):
        torch.nn.init.normal_(table)
    return layer.requires_grad_(False)


def attention_by_definition(layer: RelativeAttention, x: torch.Tensor) -> torch.Tensor:
    """Shaw et al.'s equations 3 and 4, a pair of frames at a time."""
    frames, width = x.shape[-1], HIDDEN // HEADS
    query, key, value = (conv(x)[0].view(HEADS, width, frames) for conv in (layer.conv_q, layer.conv_k, layer.conv_v))
    out = torch.zeros(HEADS, width, frames)
    far = torch.zeros(width)
    for head in range(HEADS):
        for i in range(frames):
            near = [abs(j - i) <= WINDOW_FRAMES for j in range(frames)]
            keys, values = (
                [table[0, j - i + WINDOW_FRAMES] if near[j] else far for j in range(frames)]
                for table in (layer.emb_rel_k, layer.emb_rel_v)
            )
            scores = [query[head, :, i] @ (key[head, :, j] + keys[j]) / math.sqrt(width) for j in range(frames)]
            weights = torch.softmax(torch.stack(scores), 0)
            out[head, :, i] = sum(w * (value[head, :, j] + values[j]) for j, w in enumerate(weights))
    return layer.conv_o(out.view(1, HIDDEN, frames))


@pytest.mark.parametrize("frames", [1, 7, 35])
def test_attention_is_what_the_paper_defines(frames: int) -> None:
    layer, x = attention(), torch.randn(1, HIDDEN, frames)
    error = layer(x, torch.ones(1, 1, frames)) - attention_by_definition(layer, x)
    assert error.abs().max() < ATTENTION_MAX


@pytest.mark.parametrize("rows", [1, 13])
def test_blocks_of_rows_change_nothing(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x, keep = attention(), torch.randn(2, HIDDEN, 60), torch.ones(2, 1, 60)
    keep[1, :, 40:] = 0
    whole = layer(x, keep)
    monkeypatch.setattr(encoders, "CPU_SCORES_AT_ONCE", rows * 2 * HEADS * 60)
    assert (layer(x, keep) - whole).abs().max() < ATTENTION_MAX


def test_hidden_frames_are_not_heard() -> None:
    layer, x, keep = attention(), torch.randn(1, HIDDEN, 60), torch.ones(1, 1, 60)
    keep[..., 40:] = 0
    changed = torch.cat([x[..., :40], torch.randn(1, HIDDEN, 20)], -1)
    assert torch.equal(layer(x, keep)[..., :40], layer(changed, keep)[..., :40])


@pytest.mark.parametrize("rate", [2, 5, 10, 50])
def test_decimation_keeps_what_fits_and_removes_what_folds(rate: int) -> None:
    samples = torch.arange(400 * rate)
    kept, folded = 0.35 / rate, 0.55 / rate  # cycles per sample; the new Nyquist frequency is 0.5 / rate
    tones = torch.stack([torch.sin(2 * torch.pi * f * samples) for f in (kept, folded)])[None]  # [1, 2, T]
    out = Decimator(rate)(tones)[0, :, 80:-80]
    assert out.shape[-1] == 400 - 160
    assert (out[0] - tones[0, 0, ::rate][80:-80]).abs().max() < 1e-3
    assert out[1].abs().max() < 1e-3


@pytest.mark.parametrize(("rate", "taps"), [(10, 16), (2, 4), (12, 24), (3, 6), (5, 10)])
def test_upsampling_is_exact_in_length(rate: int, taps: int) -> None:
    assert upsampler(2, 1, rate, taps)(torch.zeros(1, 2, 17)).shape == (1, 1, 17 * rate)


@pytest.mark.parametrize("stride", [1, 2, 3, 40])
def test_the_excitation_arrives_at_each_stages_rate(stride: int) -> None:
    assert excitation_conv(4, stride)(torch.zeros(1, 1, 17 * stride)).shape == (1, 4, 17)


@pytest.mark.parametrize(("vocoder", "pitch"), [("HiFi-GAN", True), ("HiFi-GAN", False), ("MRF HiFi-GAN", True)])
def test_a_vocoder_hears_no_further_than_it_says(tmp_path, vocoder: str, pitch: bool) -> None:
    voice = load_synthesizer(write_voice(tmp_path, vocoder=vocoder, pitch=pitch, rate=24_000))
    z, excitation = torch.randn(1, 8, 80), torch.randn(1, 1, 80 * 240)
    speaker = torch.randn(1, 16, 1)
    changed = torch.cat([z[..., :40], z[..., 40:] + 1], -1)
    other = voice.dec.render(changed, excitation, speaker) - voice.dec.render(z, excitation, speaker)
    assert other[..., : 20 * 240].abs().max() == 0
    assert other[..., 39 * 240 : 40 * 240].abs().max() > 0


def test_layers_stay_close_in_half_precision(tmp_path) -> None:
    voice, score = load_synthesizer(write_voice(tmp_path)), made_up_score(768, 50)
    full = voice(*score.sung, SeededNoise(0, [0]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = voice(*score.sung, SeededNoise(0, [0]))
    assert half.dtype == torch.float32
    error_db = 10 * torch.log10((half - full).square().mean() / full.square().mean())
    assert error_db < -20  # bfloat16 has 8 bits; a lost phase would be at 0 dB
