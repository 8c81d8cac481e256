"""Filter, cuts, loudness and retrieval against what was recorded from the pipeline that people use today."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny.lines import LineConfig
from tiny.signals import ENVELOPE_RATES, long_signal, other_voice

from ultimate_rvc.options import SpanOptions
from ultimate_rvc.rvc.infer.envelope import match_envelope
from ultimate_rvc.rvc.infer.faiss_file import parse_index
from ultimate_rvc.rvc.infer.highpass import DeviceHighpass, HostHighpass
from ultimate_rvc.rvc.infer.retrieval import IndexRetriever
from ultimate_rvc.rvc.infer.spans import UpstreamCuts, padding, plan_like_upstream, reflect_pad

GOLDEN = Path(__file__).parent / "golden"
# The promise for the filter, of full scale; float32 gives about 1e-6.
HIGHPASS_ATOL = 1e-5
# Interpolation in float32 at positions of up to a few frames; of the sample's own size.
ENVELOPE_RTOL, ENVELOPE_ATOL = 1e-4, 1e-6
# float32 sums over 24 dimensions in another order.
SCORE_RTOL, FEATURE_ATOL = 1e-5, 2e-6


def golden(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"signals_{name}.npz") as arrays:
        return dict(arrays)


def clip() -> np.ndarray:
    return golden("clip")["samples"] / 32_768


@pytest.mark.parametrize("highpass", [DeviceHighpass("cpu"), HostHighpass()], ids=["device", "host"])
def test_the_filtered_clip(highpass):
    recorded, out = golden("highpass"), highpass(torch.from_numpy(clip()).float()).numpy()
    step = -(-len(out) // len(recorded["sparse"]))
    for part, expected in ((out[:300], "first"), (out[::step], "sparse"), (out[-300:], "last")):
        assert np.abs(part - recorded[expected]).max() < HIGHPASS_ATOL


def test_the_slices_are_the_same_samples():
    recorded, config = golden("spans"), LineConfig()
    options = SpanOptions(config.x_pad, config.x_query, config.x_center, config.x_max)
    wav = HostHighpass()(torch.from_numpy(long_signal(clip())))
    cuts = UpstreamCuts().cut_points(wav, options)
    windows = plan_like_upstream(cuts, len(wav), 100)
    padded = reflect_pad(wav, *padding(windows, len(wav))).numpy()
    assert len(windows) == 6
    assert [w.samples for w in windows] == recorded["lengths"].tolist()
    assert [w.frames for w in windows] == recorded["frames"].tolist()
    assert padded[[w.start_sample for w in windows]].tolist() == recorded["first"].tolist()
    assert padded[[w.start_sample + w.samples - 1 for w in windows]].tolist() == recorded["last"].tolist()


@pytest.mark.parametrize("rate", ENVELOPE_RATES)
def test_the_matched_loudness(rate):
    expected = golden("envelope")[f"rate_{rate}"]
    target, target_hz = other_voice(clip())
    out = match_envelope(torch.from_numpy(clip()).float(), 16_000, torch.from_numpy(target), target_hz, rate).numpy()
    step = -(-len(out) // len(expected))
    assert np.allclose(out[::step], expected, rtol=ENVELOPE_RTOL, atol=ENVELOPE_ATOL)


def test_the_neighbours_and_their_scores():
    recorded = golden("retrieval")
    scores, ids = IndexRetriever(parse_index(recorded["index"], name="recorded"), "cpu").search(recorded["queries"], 8)
    assert np.array_equal(ids, recorded["ids"])
    assert np.allclose(scores, recorded["scores"], rtol=SCORE_RTOL)


@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_the_retrieved_features(rate):
    recorded = golden("retrieval")
    queries = torch.from_numpy(recorded["queries"])[None]
    mixed = IndexRetriever(parse_index(recorded["index"], name="recorded"), "cpu")(queries)
    blended = rate * mixed + (1 - rate) * queries
    assert np.allclose(blended[0].numpy(), recorded[f"mixed_{rate}"], atol=FEATURE_ATOL)
