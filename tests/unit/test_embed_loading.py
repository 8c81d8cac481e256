"""An encoder's folder is read strictly, in every spelling that people have, and never runs code."""

import json

import pytest
import torch
from tiny.encoders import encoder_weights, save_weights, write_encoder

from ultimate_rvc.errors import CheckpointError, WeightsNotFound
from ultimate_rvc.rvc.embed.hubert import embedder_for, load_encoder

SMALL = {"hidden": 48, "layers": 10}


def features(folder, version="v2"):
    wav = 0.1 * torch.randn(1, 4000, generator=torch.Generator().manual_seed(0))
    return embedder_for(load_encoder(folder, "cpu"), version)(wav)


def rewrite(folder, change):
    """The folder's weights with a change made to them."""
    weights = encoder_weights(**SMALL)
    change(weights)
    save_weights(folder, weights)
    return folder


@pytest.fixture
def folder(tmp_path):
    return write_encoder(tmp_path / "encoder", **SMALL)


@pytest.mark.parametrize(
    "spelling",
    [{"layout": "parametrized"}, {"fmt": "safetensors"}, {"prefix": "hubert."}],
    ids=lambda spelling: next(iter(spelling.values())),
)
def test_every_spelling_gives_the_same_features(folder, tmp_path, spelling):
    other = write_encoder(tmp_path / "other", **SMALL, **spelling)
    assert torch.equal(features(folder), features(other))


def test_a_loaded_encoder_is_ready_for_inference(folder):
    model = load_encoder(folder, "cpu")
    assert not model.training and not any(value.requires_grad for value in model.parameters())
    assert "encoder.pos_conv_embed.conv.weight" in model.state_dict()


@pytest.mark.parametrize("key", ["masked_spec_embed", "label_embs_concat", "quantizer.codevectors", "lm_head.weight"])
def test_what_training_leaves_behind_is_ignored(folder, key):
    before = features(folder)
    rewrite(folder, lambda weights: weights.update({key: torch.ones(3)}))
    assert torch.equal(features(folder), before)


def without_projection(weights):
    del weights["final_proj.weight"], weights["final_proj.bias"]


def test_an_encoder_without_projection_serves_v2_voices_alone(folder):
    before = features(folder)
    rewrite(folder, without_projection)
    assert torch.equal(features(folder), before)
    with pytest.raises(CheckpointError, match="no final_proj, which v1 voices need"):
        features(folder, "v1")


def test_half_a_projection_is_an_error(folder):
    with pytest.raises(CheckpointError, match=r"1 missing: final_proj\.bias"):
        load_encoder(rewrite(folder, lambda weights: weights.pop("final_proj.bias")), "cpu")


@pytest.mark.parametrize("name", ["config.json", "pytorch_model.bin"])
def test_a_folder_without_its_files_says_so(folder, name):
    (folder / name).unlink()
    with pytest.raises(WeightsNotFound, match=name):
        load_encoder(folder, "cpu")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model_type": "wavlm"}, "describes a 'wavlm' model"),
        ({"conv_stride": [5, 2, 2, 2, 2, 2, 4]}, "frames every 640 samples"),
        ({"hidden_size": "many"}, "not a HuBERT configuration"),
        ({"conv_stride": [5, 2]}, "not a HuBERT configuration"),
        ({"num_attention_heads": 5}, "not a HuBERT configuration.*5 heads"),
        ({"num_conv_pos_embedding_groups": 5}, "not a HuBERT configuration"),
        ({"hidden_act": "mish"}, "'mish' is not supported"),
        ({"feat_extract_norm": "batch"}, "must be one of group, layer"),
        ({"conv_pos_batch_norm": True}, "batch norms and adapters"),
    ],
    ids=lambda case: case if isinstance(case, str) else "-".join(case),
)
def test_a_configuration_that_does_not_serve_is_an_error(folder, change, told):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError, match=told):
        load_encoder(folder, "cpu")


def test_a_configuration_that_is_no_json_is_an_error(folder):
    (folder / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="not a HuBERT configuration"):
        load_encoder(folder, "cpu")
