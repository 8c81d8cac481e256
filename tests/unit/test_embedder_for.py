"""Each voice gets the layer that it was trained on, no more layers than that are run, and nothing leaves the device."""

import pytest
import torch
from tiny.encoders import write_encoder
from tiny.residency import OnDevice
from transformers import HubertConfig, HubertModel

from ultimate_rvc.errors import CheckpointError
from ultimate_rvc.rvc.embed.hubert import embedder_for, load_encoder

LAYER_TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_encoder(write_encoder(tmp_path_factory.mktemp("encoder"), hidden=48), "cpu")


@pytest.fixture
def wav():
    return 0.1 * torch.randn(2, 5000, generator=torch.Generator().manual_seed(0))


def hidden_states(model, wav):
    """What goes into the first layer, and what comes out of each."""
    states = []
    hooks = [model.encoder.layers[0].register_forward_pre_hook(lambda _, given: states.append(given[0]))]
    hooks += [layer.register_forward_hook(lambda *told: states.append(told[2])) for layer in model.encoder.layers]
    with torch.no_grad():
        model(wav)
    for hook in hooks:
        hook.remove()
    return states


def test_v1_voices_hear_layer_9_projected(encoder, wav):
    wanted = encoder.final_proj(hidden_states(encoder, wav)[9])
    assert (embedder_for(encoder, "v1")(wav) - wanted).abs().max() < LAYER_TOLERANCE


def test_v2_voices_hear_the_last_layer(encoder, wav):
    assert (embedder_for(encoder, "v2")(wav) - hidden_states(encoder, wav)[-1]).abs().max() < LAYER_TOLERANCE


def stable_norm_model():
    torch.manual_seed(0)
    config = HubertConfig(
        hidden_size=48, num_hidden_layers=10, num_attention_heads=4, intermediate_size=16, conv_dim=(8,) * 7,
        do_stable_layer_norm=True, feat_extract_norm="layer", num_conv_pos_embeddings=16,
    )  # fmt: skip
    model = HubertModel(config).eval()
    model.final_proj = torch.nn.Identity()
    torch.nn.init.normal_(model.encoder.layer_norm.weight)
    return model


def test_layer_9_of_a_pre_norm_encoder_lacks_the_last_norm(wav):
    model = stable_norm_model()
    states = hidden_states(model, wav)[9]
    wanted = states if isinstance(states, torch.Tensor) else states[0]
    assert (embedder_for(model, "v1")(wav) - wanted).abs().max() < LAYER_TOLERANCE


def test_layers_behind_the_ninth_are_not_run(encoder, wav):
    ran = []
    hooks = [
        layer.register_forward_hook(lambda *_, i=i: ran.append(i)) for i, layer in enumerate(encoder.encoder.layers, 1)
    ]
    embedder_for(encoder, "v1")(wav)
    for hook in hooks:
        hook.remove()
    assert ran == list(range(1, 10))


def test_the_callers_model_keeps_its_layers(encoder):
    before = set(encoder.state_dict())
    embedder_for(encoder, "v1")
    assert set(encoder.state_dict()) == before and len(encoder.encoder.layers) == 10


@pytest.mark.parametrize("layers", [4, 9])
def test_v1_takes_all_layers_of_an_encoder_that_has_no_more_than_nine(tmp_path, wav, layers):
    shallow = load_encoder(write_encoder(tmp_path, hidden=48, layers=layers), "cpu")
    by_rule, last = embedder_for(shallow, "v1"), embedder_for(shallow, "v1", strict_parity=True)
    assert torch.allclose(by_rule(wav), last(wav), atol=1e-5)


class Loud(HubertModel):
    """A HubertModel whose own forward does more than transformers'."""

    def forward(self, *args, **kwargs):
        output = super().forward(*args, **kwargs)
        return {"last_hidden_state": 2 * output["last_hidden_state"]}


def test_a_model_with_a_forward_of_its_own_is_called_as_it_is(wav):
    torch.manual_seed(0)
    model = Loud(HubertConfig(hidden_size=48, num_hidden_layers=1, num_attention_heads=4, conv_dim=(8,) * 7)).eval()
    with torch.no_grad():
        wanted = model(wav[:1])["last_hidden_state"]
    assert torch.equal(embedder_for(model, "v2")(wav[:1]), wanted)


class Counting:
    """A foreign encoder that takes one row at a time."""

    final_proj = staticmethod(lambda hidden: -hidden)

    def __call__(self, wav):
        assert wav.shape[0] == 1
        return {"last_hidden_state": wav[:, : (wav.shape[1] - 80) // 320, None]}


def test_a_foreign_encoder_is_given_one_row_at_a_time(wav):
    v2, v1 = embedder_for(Counting(), "v2")(wav), embedder_for(Counting(), "v1")(wav)
    assert torch.equal(v2[..., 0], wav[:, :15]) and torch.equal(v1, -v2)


def test_a_foreign_encoder_without_projection_cannot_serve_v1():
    with pytest.raises(CheckpointError, match="final_proj"):
        embedder_for(lambda wav: {"last_hidden_state": wav}, "v1")


@pytest.mark.parametrize(("version", "strict_parity"), [("v1", False), ("v1", True), ("v2", False)])
def test_nothing_leaves_the_device(tmp_path, version, strict_parity):
    model = load_encoder(write_encoder(tmp_path, hidden=48), "meta")
    with OnDevice("meta"):
        features = embedder_for(model, version, strict_parity=strict_parity)(torch.empty(2, 200_000, device="meta"))
    assert features.shape[:2] == (2, (200_000 - 80) // 320)
