"""An encoder's folder is read strictly, in every spelling that people have, and never runs code."""

import json
import pickle

import pytest
import torch
from tiny.encoders import encoder_weights, save_weights, write_encoder

from ultimate_rvc.errors import CheckpointError, UnsafePickleError, WeightsNotFound
from ultimate_rvc.rvc.embed import hubert
from ultimate_rvc.rvc.embed.hubert import embedder_for, load_encoder

SMALL = {"hidden": 48, "layers": 10}
# Weights of size 0.1 rounded to float16 move features of size 1 by this much through ten layers.
HALF_TOLERANCE = 5e-2


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


def test_half_precision_is_widened(folder, tmp_path):
    other = write_encoder(tmp_path / "other", **SMALL, half=True)
    assert {value.dtype for value in load_encoder(other, "cpu").parameters()} == {torch.float32}
    assert 0 < (features(folder) - features(other)).abs().max() < HALF_TOLERANCE


def test_a_loaded_encoder_is_ready_for_inference(folder):
    model = load_encoder(folder, "cpu")
    assert type(model) is hubert.HubertWithFinalProj
    assert not model.training and not any(value.requires_grad for value in model.parameters())
    assert model.config._attn_implementation == "sdpa"
    assert "encoder.pos_conv_embed.conv.weight" in model.state_dict()


@pytest.mark.parametrize("key", ["masked_spec_embed", "label_embs_concat", "quantizer.codevectors", "lm_head.weight"])
def test_what_training_leaves_behind_is_ignored(folder, key):
    before = features(folder)
    rewrite(folder, lambda weights: weights.update({key: torch.ones(3)}))
    assert torch.equal(features(folder), before)


def test_missing_surplus_and_misshapen_keys_are_listed(folder):
    def change(weights):
        del weights["encoder.layer_norm.bias"]
        weights["encoder.adapter"] = torch.ones(1)
        weights["feature_projection.projection.bias"] = torch.ones(2)

    with pytest.raises(CheckpointError) as caught:
        load_encoder(rewrite(folder, change), "cpu")
    told = str(caught.value)
    for part in (
        "1 missing: encoder.layer_norm.bias",
        "1 surplus: encoder.adapter",
        "1 misshapen: feature_projection.projection.bias (2,) for (48,)",
        str(folder),
    ):
        assert part in told
    assert "\n" not in told


def test_long_lists_are_cut(folder):
    with pytest.raises(CheckpointError, match=r"\d+ missing: .* and \d+ more") as caught:
        load_encoder(rewrite(folder, dict.clear), "cpu")
    assert len(str(caught.value)) < 600


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


class Runs:
    """A pickle that wants to call something."""

    def __reduce__(self):
        return exec, ("raise SystemExit",)


def test_a_pickle_that_wants_to_run_code_is_refused(folder):
    torch.save({"weight": Runs()}, folder / "pytorch_model.bin")
    with pytest.raises(UnsafePickleError, match="wants to run code"):
        load_encoder(folder, "cpu")


A_LIST = pickle.dumps([1], protocol=2)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", A_LIST, b"PK\x03\x04 cut off"])
def test_what_is_no_file_of_weights_is_an_error_in_one_line(folder, content):
    (folder / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(CheckpointError, match="fetch it again") as caught:
        load_encoder(folder, "cpu")
    assert "\n" not in str(caught.value)


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
        ({"num_attention_heads": 5}, "not a HuBERT configuration"),
    ],
    ids=["another model", "another frame rate", "a wrong value", "a wrong combination", "heads that do not divide"],
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
