"""Vocoders in tiles of time give the samples that the whole gives, and no convolution passes a device's limit."""

import pytest
import torch
from tiny.scores import made_up_score
from tiny.voices import write_voice

from ultimate_rvc.rvc.synth.generators import tiles
from ultimate_rvc.rvc.synth.noise import SeededNoise
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer

VOICES = {
    "nsf_40k": {"rate": 40_000},
    "nsf_48k": {"rate": 48_000},
    "nsf_24k": {"rate": 24_000},
    "mrf_32k": {"rate": 32_000, "vocoder": "MRF HiFi-GAN"},
    "plain_32k": {"rate": 32_000, "pitch": False},
}
FRAMES = 150
# What other block sizes of the same convolutions round differently: -120 dB of full scale.
ROUNDING = 1e-6


@pytest.fixture(params=VOICES, ids=str)
def voice(request, tmp_path):
    return load_synthesizer(write_voice(tmp_path, **VOICES[request.param]))


def sing(voice) -> torch.Tensor:
    score = made_up_score(voice.feature_channels, FRAMES, batch=2, speakers=1)
    features, _, coarse, f0, speaker = score.inferred
    with torch.inference_mode():
        return voice(features, coarse, f0, speaker, SeededNoise(3, [0, 70]))


@pytest.mark.parametrize("frames", [32, 50, 149])
def test_tiles_give_what_the_whole_gives(voice, frames, monkeypatch):
    whole = sing(voice)
    monkeypatch.setattr(tiles, "CPU_TILE_FRAMES", frames)
    assert (sing(voice) - whole).abs().max() < ROUNDING


def test_less_context_than_the_reach_is_heard(voice, monkeypatch):
    whole = sing(voice)
    monkeypatch.setattr(tiles, "CPU_TILE_FRAMES", 32)
    voice.dec.reach = voice.dec.reach // 3
    assert (sing(voice) - whole).abs().max() > ROUNDING


def test_no_convolution_is_longer_than_the_device_computes(voice, monkeypatch):
    limit, lengths = 60 * voice.hop_samples, []
    monkeypatch.setattr(tiles, "conv_limit", lambda device: limit)
    frames = tiles.tile_frames(torch.device("mps"), voice.hop_samples, voice.dec.reach)
    monkeypatch.setattr(tiles, "CPU_TILE_FRAMES", frames)
    voice.dec.rows = None  # a CPU's own way has no limit
    for module in voice.dec.modules():
        if isinstance(module, torch.nn.Conv1d | torch.nn.ConvTranspose1d):
            module.register_forward_hook(lambda _, given, out: lengths.append(max(given[0].shape[-1], out.shape[-1])))
    sing(voice)
    assert 0 < max(lengths) <= limit
