"""A voice sings what it sings in Ultimate RVC 0.6, at each inner seam and as a whole."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny.scores import Score, made_up_score
from tiny.singers import NOISE_SEED, SINGERS, Singer
from tiny.voices import write_voice

from ultimate_rvc.rvc.synth.noise import GlobalNoise
from ultimate_rvc.rvc.synth.synthesizer import Synthesizer, load_synthesizer

GOLDEN = Path(__file__).parent / "golden"
# float32 sums in another order: the text encoder has about twenty layers of them.
ENCODER_MAX = 1e-5
# Below the last bit of 13-bit audio, and twice what the harmonics' rounded phases upstream come to in these lengths.
WAVE_MAX = 1e-4
WAVE_SNR_DB = 60

each_singer = pytest.mark.parametrize("singer", SINGERS, ids=lambda singer: singer.name)


@lru_cache
def golden(name: str) -> dict[str, torch.Tensor]:
    with np.load(GOLDEN / f"synth_{name}.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    return lru_cache(lambda singer: load_synthesizer(write_voice(folder, singer.name, **singer.voice)))


def score_of(singer: Singer) -> Score:
    return made_up_score(singer.width, singer.frames, batch=singer.batch, speakers=singer.speakers)


def snr_db(reference: torch.Tensor, ours: torch.Tensor) -> float:
    error = (ours - reference).square().mean()
    return float(10 * torch.log10(reference.square().mean() / error.clamp_min(1e-20)))


def speaker_of(voice: Synthesizer, singer: Singer) -> torch.Tensor:
    return voice.emb_g(score_of(singer).speaker)[..., None]


@each_singer
def test_mean_and_deviation_equal_upstreams(singer: Singer, voices) -> None:
    score, expected = score_of(singer), golden(singer.name)
    mean, log_deviation = voices(singer).enc_p(score.features, score.coarse, expected["mask"])
    assert (mean - expected["mean"]).abs().max() < ENCODER_MAX
    assert (log_deviation - expected["log_deviation"]).abs().max() < ENCODER_MAX


@each_singer
def test_flow_equals_upstreams(singer: Singer, voices) -> None:
    voice, expected = voices(singer), golden(singer.name)
    z = voice.flow(expected["z_p"], expected["mask"], speaker_of(voice, singer))
    assert (z - expected["z"]).abs().max() < ENCODER_MAX


@each_singer
def test_vocoder_and_its_excitation_equal_upstreams(singer: Singer, voices) -> None:
    voice, expected, f0 = voices(singer), golden(singer.name), score_of(singer).f0
    heard = {}
    if singer.pitch:
        hook = voice.dec.m_source.register_forward_hook(lambda _m, _i, out: heard.update(excitation=out))
    torch.manual_seed(NOISE_SEED)
    torch.randn(expected["z"].shape)  # the latent's draw comes first
    noise = GlobalNoise()
    excitation = voice.dec.excitation(f0, noise)
    wav = voice.dec(expected["z"] * expected["mask"], excitation, speaker_of(voice, singer), noise)
    assert (wav - expected["wav"]).abs().max() < WAVE_MAX
    if singer.pitch:
        hook.remove()
        assert (heard["excitation"] - expected["excitation"]).abs().max() < WAVE_MAX


@each_singer
def test_whole_voice_equals_upstreams(singer: Singer, voices) -> None:
    expected = golden(singer.name)
    torch.manual_seed(NOISE_SEED)
    wav, mask, (z, z_p, _, _) = voices(singer).infer(*score_of(singer).inferred)
    assert wav.shape == expected["wav"].shape and torch.equal(mask, expected["mask"])
    assert (z - expected["z"]).abs().max() < WAVE_MAX and (z_p - expected["z_p"]).abs().max() < WAVE_MAX
    assert (wav - expected["wav"]).abs().max() < WAVE_MAX
    assert snr_db(expected["wav"], wav) > WAVE_SNR_DB


@each_singer
def test_recorded_voices_neither_whisper_nor_clip(singer: Singer) -> None:
    loudness = golden(singer.name)["wav"]
    assert 0.05 < loudness.square().mean().sqrt() < 0.5 and loudness.abs().max() < 0.999


def test_the_manifest_says_where_each_recording_came_from() -> None:
    manifest = json.loads((GOLDEN / "MANIFEST.json").read_text())
    recorded = {name for name in manifest if name.startswith("synth_")}
    assert recorded == {f"synth_{singer.name}.npz" for singer in SINGERS}
