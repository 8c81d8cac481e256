"""What seams.Synthesizer promises, for every kind of voice."""

import pytest
import torch
from tiny.noises import RecordedNoise, ReplayedNoise
from tiny.residency import OnDevice
from tiny.scores import made_up_score
from tiny.voices import FEATURES, write_voice

from ultimate_rvc.errors import OptionError
from ultimate_rvc.rvc.synth.noise import SeededNoise
from ultimate_rvc.rvc.synth.synthesizer import Synthesizer, load_synthesizer

KINDS = {
    "nsf": {"version": "v2", "rate": 40_000, "speakers": 2},
    "nsf_v1": {"version": "v1", "rate": 48_000},
    "plain": {"version": "v2", "rate": 32_000, "pitch": False},
    "mrf": {"version": "v2", "rate": 24_000, "vocoder": "MRF HiFi-GAN"},
    "refine": {"version": "v1", "rate": 24_000, "vocoder": "RefineGAN"},
}
FRAMES = 20
# The same sums, vectorised differently for another batch size.
BATCH_MAX = 1e-5


@pytest.fixture(scope="module", params=KINDS)
def voice(request, tmp_path_factory) -> Synthesizer:
    return load_synthesizer(write_voice(tmp_path_factory.mktemp("voice"), **KINDS[request.param]))


def score_for(voice: Synthesizer, **options):
    return made_up_score(FEATURES[voice.version], FRAMES, speakers=voice.speakers, **options)


def test_length_is_exact_and_samples_are_finite(voice: Synthesizer) -> None:
    wav = voice(*score_for(voice, batch=2).sung, SeededNoise(0, [0, 3]))
    assert wav.shape == (2, FRAMES * voice.hop_samples) and wav.dtype == torch.float32
    assert torch.isfinite(wav).all() and wav.abs().max() <= 1 and wav.square().mean() > 1e-4


def test_a_row_of_a_batch_sings_as_if_alone(voice: Synthesizer) -> None:
    both = score_for(voice, batch=2)
    wav = voice(*both.sung, SeededNoise(3, [0, 30]))
    alone = voice(*(part[1:] for part in both.sung), SeededNoise(3, [30]))
    assert (wav[1:] - alone).abs().max() < BATCH_MAX


def test_all_randomness_comes_by_argument(voice: Synthesizer) -> None:
    score, recorded = score_for(voice), RecordedNoise(SeededNoise(1, [0]))
    first = voice(*score.sung, recorded)
    torch.manual_seed(123)
    again = ReplayedNoise(recorded.drawn)
    assert torch.equal(voice(*score.sung, again), first) and not again.left
    assert not torch.equal(voice(*score.sung, SeededNoise(2, [0])), first)


def test_two_calls_are_equal_and_the_score_is_unchanged(voice: Synthesizer) -> None:
    score = score_for(voice)
    before = [part.clone() for part in score.sung]
    first, second = (voice(*score.sung, SeededNoise(1, [0])) for _ in range(2))
    assert torch.equal(first, second)
    assert all(torch.equal(a, b) for a, b in zip(before, score.sung, strict=True))


def test_pitch_may_be_left_out_exactly_where_it_is_not_needed(voice: Synthesizer) -> None:
    features, coarse, f0, speaker = score_for(voice).sung
    if voice.has_pitch:
        with pytest.raises(OptionError, match="sings with pitch"):
            voice(features, None, None, speaker, SeededNoise(0, [0]))
        return
    with_pitch = voice(features, coarse, f0, speaker, SeededNoise(0, [0]))
    assert torch.equal(voice(features, None, None, speaker, SeededNoise(0, [0])), with_pitch)


def test_upstreams_call_gives_upstreams_shapes(voice: Synthesizer) -> None:
    wav, mask, (z, z_p, mean, log_deviation) = voice.infer(*score_for(voice, batch=2).inferred)
    assert wav.shape == (2, 1, FRAMES * voice.hop_samples) and mask.shape == (2, 1, FRAMES)
    assert z.shape == z_p.shape == mean.shape == log_deviation.shape == (2, 8, FRAMES)
    assert mask[1].sum() == FRAMES - FRAMES // 4 and z[1, :, -1].abs().max() == 0


def test_singing_reads_nothing_back_and_knows_no_float64(voice: Synthesizer) -> None:
    score = score_for(voice)
    with OnDevice():
        voice(*score.sung, SeededNoise(0, [0]))
