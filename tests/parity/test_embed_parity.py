"""The tiny encoder's features equal those that Ultimate RVC computes from the same files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny.encoders import write_encoder

from ultimate_rvc.rvc.embed import front
from ultimate_rvc.rvc.embed.hubert import embedder_for, load_encoder

GOLDEN = Path(__file__).parent / "golden" / "embed_tiny.npz"
SEED = 7  # of record_embed.py
# Features are of size 1 to 4; float32 sums of a few thousand terms in another order differ by 1e-5.
FEATURE_TOLERANCE = 5e-5


@pytest.fixture(scope="module")
def golden():
    return {name: torch.from_numpy(array) for name, array in np.load(GOLDEN).items()}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_encoder(write_encoder(tmp_path_factory.mktemp("encoder"), SEED), "cpu")


@pytest.mark.parametrize("tile_frames", [front.TILE_FRAMES, 5], ids=["one tile", "tiles"])
@pytest.mark.parametrize(
    ("name", "version", "strict_parity"),
    [
        ("upstream_v2", "v2", False),
        ("upstream_v2", "v2", True),
        ("upstream_v1", "v1", True),
        ("layer_9_projected", "v1", False),
    ],
)
def test_features_equal_the_reference(golden, encoder, monkeypatch, tile_frames, name, version, strict_parity):
    monkeypatch.setattr(front, "TILE_FRAMES", tile_frames)
    monkeypatch.setattr(front, "conv_limit", lambda device: 64 * tile_frames)
    features = embedder_for(encoder, version, strict_parity=strict_parity)(golden["wav"][None])
    assert features.shape == golden[name].shape
    assert (features - golden[name]).abs().max() < FEATURE_TOLERANCE


def test_layer_9_and_the_last_layer_tell_v1_voices_different_things(golden):
    assert (golden["upstream_v1"] - golden["layer_9_projected"]).abs().max() > 0.1


def test_the_model_itself_serves_foreign_code(golden, encoder):
    with torch.no_grad():
        hidden = encoder(golden["wav"][None])["last_hidden_state"]
        projected = encoder.final_proj(hidden)
    assert (hidden - golden["upstream_v2"]).abs().max() < FEATURE_TOLERANCE
    assert (projected - golden["upstream_v1"]).abs().max() < FEATURE_TOLERANCE
