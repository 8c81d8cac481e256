"""The front end as products of matrices gives what transformers' own gives, for every kind of HuBERT and precision."""

import pytest
import torch
from tiny.encoders import write_encoder
from tiny.lines import LineConfig
from torch import nn
from transformers import HubertConfig
from transformers.models.hubert.modeling_hubert import HubertFeatureEncoder

from ultimate_rvc.errors import AudioError
from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.rvc.embed import products
from ultimate_rvc.rvc.embed.hubert import embedder_for, load_encoder
from ultimate_rvc.rvc.infer.pipeline import Pipeline

# float32 sums in another order, and a norm within the weights; features are of size 1.
PRODUCT_TOLERANCE = 2e-5
# Where the signal is a thousand times smaller than its offset, float32 itself has lost three digits.
OFFSET_TOLERANCE = 1e-2
# bf16 has 8 bits; ten layers of made-up weights lose a few of them.
BF16_SNR_DB = 30.0


def extractor(norm: str = "group", bias: bool = False, **other) -> nn.Module:
    torch.manual_seed(0)
    config = HubertConfig(conv_dim=(8,) * 7, feat_extract_norm=norm, conv_bias=bias, **other)
    made = HubertFeatureEncoder(config).eval().requires_grad_(False)
    for module in made.modules():
        if isinstance(module, (nn.GroupNorm, nn.LayerNorm)):
            nn.init.normal_(module.weight), nn.init.normal_(module.bias)
        if isinstance(module, nn.Conv1d) and bias:
            nn.init.normal_(module.bias)
    return made


def wav(rows: int = 2, samples: int = 10_123) -> torch.Tensor:
    ramp = torch.linspace(0, 1, samples)  # louder towards the end: every tile has moments of its own
    return ramp * torch.randn(rows, samples, generator=torch.Generator().manual_seed(1))


def difference(whole: nn.Module, signal: torch.Tensor) -> float:
    return float((products.FrontInProducts(whole)(signal) - whole(signal).transpose(1, 2)).abs().max())


@pytest.mark.parametrize("frames", [1, 7, 1000], ids="{} frames a tile".format)
@pytest.mark.parametrize(("norm", "bias"), [("group", False), ("group", True), ("layer", True), ("layer", False)])
def test_products_equal_the_convolutions(norm, bias, frames, monkeypatch):
    monkeypatch.setattr(products, "TILE_FRAMES", frames)
    assert difference(extractor(norm, bias), wav()) < PRODUCT_TOLERANCE


@pytest.mark.parametrize("kernels", [(10, 3, 3, 3, 3, 2, 2), (10, 4, 5, 3, 2, 2, 2)], ids=["HuBERT's", "wider"])
def test_a_kernel_may_be_any_number_of_strides_long(kernels):
    assert difference(extractor(conv_kernel=kernels), wav(1)) < PRODUCT_TOLERANCE


def test_another_activation_is_kept():
    assert difference(extractor(feat_extract_activation="relu"), wav()) < PRODUCT_TOLERANCE


def test_an_offset_does_not_cancel_the_moments():
    whole, moved = extractor(), 0.01 * wav().double() + 5
    exact = whole.double()(moved).transpose(1, 2).float()
    error = products.FrontInProducts(whole.float())(moved.float()) - exact
    assert error.abs().max() < OFFSET_TOLERANCE * exact.abs().max()


def test_no_layer_ever_sees_more_than_a_tile(monkeypatch):
    monkeypatch.setattr(products, "TILE_FRAMES", 5)
    whole, steps = extractor(), []
    for layer in whole.conv_layers:
        layer.activation.register_forward_hook(lambda _, __, made: steps.append(len(made)))
    products.FrontInProducts(whole)(wav(1, 40_000))
    assert len(steps) > 100 and max(steps) <= (5 * 320 + 400) // 5


def test_half_precision_begins_behind_the_front_end():
    front, loud = products.FrontInProducts(extractor()), 30 * wav()
    with torch.autocast("cpu", torch.float16):
        assert torch.equal(front(loud), front(loud).float()) and front(loud).dtype == torch.float32


def test_less_than_a_frame_is_an_error():
    with pytest.raises(AudioError, match="399 samples are too few"):
        products.FrontInProducts(extractor())(torch.zeros(1, 399))


@pytest.mark.parametrize(("options", "used"), [({}, True), ({"fast": False}, False), ({"strict_parity": True}, False)])
def test_products_are_taken_on_the_cpu_unless_they_are_switched_off(tmp_path, options, used):
    model = load_encoder(write_encoder(tmp_path, hidden=48), "cpu")
    assert isinstance(embedder_for(model, "v2", **options).front, products.FrontInProducts) == used


def test_other_devices_keep_their_convolutions(tmp_path):
    model = load_encoder(write_encoder(tmp_path, hidden=48), "meta")
    assert not isinstance(embedder_for(model, "v2").front, products.FrontInProducts)


def test_a_line_has_one_embedder_for_each_model_and_takes_the_switch(tmp_path):
    model = load_encoder(write_encoder(tmp_path, hidden=48), "cpu")
    line, slow = (Pipeline(40_000, LineConfig(), OptimizationConfig(without=w)) for w in ((), ("encoder",)))
    assert isinstance(line._embedder(model, "v2").front, products.FrontInProducts)
    assert line._embedder(model, "v2") is line._embedder(model, "v2")
    assert not isinstance(slow._embedder(model, "v2").front, products.FrontInProducts)


def snr_db(exact, found):
    return float(20 * torch.log10(exact.norm() / (exact - found).norm()))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_bf16_is_near_and_gives_float32(tmp_path, version):
    model = load_encoder(write_encoder(tmp_path, hidden=48), "cpu")
    exact, half = (embedder_for(model, version, bf16=bf16)(wav()) for bf16 in (False, True))
    assert half.dtype == torch.float32 and not torch.equal(exact, half)
    assert snr_db(exact, half) > BF16_SNR_DB


@pytest.mark.parametrize("norm", ["group", "layer"])
def test_bf16_reaches_the_front_end(norm):
    whole = extractor(norm, bias=True)
    exact, half = (products.FrontInProducts(whole, dtype)(wav()) for dtype in (torch.float32, torch.bfloat16))
    assert half.dtype == torch.float32 and not torch.equal(exact, half)
    assert snr_db(exact, half) > BF16_SNR_DB


@pytest.mark.parametrize(
    ("precision", "has_bf16", "in_bf16"),
    [("fp32", True, False), ("bf16", True, True), ("int8", True, True), ("int8", False, False)],
)
def test_the_line_s_precision_reaches_the_encoder(tmp_path, monkeypatch, precision, has_bf16, in_bf16):
    monkeypatch.setattr("ultimate_rvc.device.computes_fast", lambda name: has_bf16)
    model = load_encoder(write_encoder(tmp_path, hidden=48), "cpu")
    line = Pipeline(40_000, LineConfig(), OptimizationConfig(precision=precision))
    assert (line._embedder(model, "v2").encoder.dtype == torch.bfloat16) is in_bf16
