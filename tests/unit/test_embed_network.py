"""The network is transformers' HubertModel: the same weights in the same files give the same features."""

import json

import pytest
import torch
from tiny.encoders import encoder_config, save_weights
from transformers import HubertConfig, HubertModel

from ultimate_rvc.rvc.embed.hubert import embedder_for, load_encoder
from ultimate_rvc.rvc.embed.network import HubertSizes

# Features are of size 1 to 4; sums of a few hundred terms, perhaps in another order.
FEATURE_TOLERANCE = 1e-5
KINDS = {
    "base": {},
    "large": {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True},
    "odd positions": {"num_conv_pos_embeddings": 15},
    "no norm before the projection": {"feat_proj_layer_norm": False},
    "other activations": {"hidden_act": "relu", "feat_extract_activation": "silu"},
}


@pytest.fixture(params=KINDS)
def theirs(request):
    torch.manual_seed(0)
    settings = encoder_config(hidden=48, layers=3) | KINDS[request.param]
    model = HubertModel(HubertConfig(**settings)).eval()
    # As transformers makes them, norms leave alone what they norm.
    for name, weight in model.named_parameters():
        if "layer_norm" in name:
            torch.nn.init.normal_(weight, mean=1, std=0.2)
    return model


@pytest.fixture
def ours(theirs, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(theirs.config.to_dict()))
    save_weights(tmp_path, theirs.state_dict())
    return load_encoder(tmp_path, "cpu")


@pytest.mark.parametrize("samples", [400, 5000, 5320])
def test_the_whole_equals_transformers(theirs, ours, samples):
    wav = 0.1 * torch.randn(2, samples, generator=torch.Generator().manual_seed(samples))
    with torch.no_grad():
        wanted, got = (model(wav)["last_hidden_state"] for model in (theirs, ours))
    assert (got - wanted).abs().max() < FEATURE_TOLERANCE


def test_either_serves_as_embedder(theirs, ours):
    wav = 0.1 * torch.randn(1, 5000, generator=torch.Generator().manual_seed(0))
    assert (embedder_for(ours, "v2")(wav) - embedder_for(theirs, "v2")(wav)).abs().max() < FEATURE_TOLERANCE


def test_what_a_file_leaves_out_is_transformers_default():
    standard = HubertConfig().to_dict()
    assert HubertSizes() == HubertSizes.of({**standard, "conv_dim": list(standard["conv_dim"])})
