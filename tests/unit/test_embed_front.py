"""The front end in tiles gives what transformers' own gives at once, in bounded memory and half precision."""

import pytest
import torch
from tiny.encoders import KERNELS, STRIDES
from torch import nn
from transformers import HubertConfig
from transformers.models.hubert.modeling_hubert import HubertFeatureEncoder

from ultimate_rvc.errors import AudioError
from ultimate_rvc.rvc.embed import front

# Moments merged from tiles differ from moments of the whole in the last bits of float32; features are of size 1.
TILE_TOLERANCE = 2e-5
# float16 has 11 bits, and seven layers lose a few of them.
HALF_TOLERANCE = 2e-2


def extractor(norm: str, bias: bool = False) -> nn.Module:
    torch.manual_seed(0)
    config = HubertConfig(
        conv_dim=(8,) * 7, conv_kernel=KERNELS, conv_stride=STRIDES, feat_extract_norm=norm, conv_bias=bias
    )
    made = HubertFeatureEncoder(config).eval().requires_grad_(False)
    for norms in (module for module in made.modules() if isinstance(module, nn.GroupNorm)):
        nn.init.normal_(norms.weight), nn.init.normal_(norms.bias)
    return made


def wav(rows: int = 2, samples: int = 10_123) -> torch.Tensor:
    ramp = torch.linspace(0, 1, samples)  # louder towards the end: every tile has moments of its own
    return ramp * torch.randn(rows, samples, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=[1, 7, 1000], ids="{} frames a tile".format)
def tiles(request, monkeypatch):
    monkeypatch.setattr(front, "TILE_FRAMES", request.param)
    monkeypatch.setattr(front, "conv_limit", lambda device: 64 * request.param + 1)
    monkeypatch.setattr(front, "BLOCK_CHANNELS", 3)


@pytest.mark.parametrize(("norm", "bias"), [("group", False), ("group", True), ("layer", True)])
def test_tiles_equal_the_whole(tiles, norm, bias):
    whole = extractor(norm, bias)
    assert (front.features_in_tiles(whole, wav()) - whole(wav())).abs().max() < TILE_TOLERANCE


def test_an_offset_does_not_cancel_the_moments(tiles):
    whole = extractor("group")
    moved = 0.01 * wav().double() + 5
    exact = whole.double()(moved).float()
    assert (front.features_in_tiles(whole.float(), moved.float()) - exact).abs().max() < 1e-2 * exact.abs().max()


def test_no_layer_ever_sees_more_than_a_tile(monkeypatch):
    monkeypatch.setattr(front, "TILE_FRAMES", 5)
    monkeypatch.setattr(front, "conv_limit", lambda device: 300)
    steps, convolve = [], torch.conv1d

    def counted(*args, **kwargs):
        made = convolve(*args, **kwargs)
        steps.append(made.shape[-1])
        return made

    monkeypatch.setattr(front.F, "conv1d", counted)
    front.features_in_tiles(extractor("group"), wav(1, 40_000))
    assert len(steps) > 100 and max(steps) <= (5 * 320 + 400) // 5


def test_half_precision_begins_behind_the_norm():
    whole, loud = extractor("group"), 30 * wav(1, 200_000)
    exact, normed = front.features_in_tiles(whole, loud), front._normed_over_time(whole.conv_layers[0], loud)
    with torch.autocast("cpu", torch.float16):
        half = front.features_in_tiles(whole, loud)
        assert torch.equal(front._normed_over_time(whole.conv_layers[0], loud), normed)
    assert half.dtype == torch.float16
    assert (half.float() - exact).abs().max() < HALF_TOLERANCE * exact.abs().max()


def test_less_than_a_frame_is_an_error():
    with pytest.raises(AudioError, match="399 samples are too few"):
        front.features_in_tiles(extractor("group"), torch.zeros(1, 399))
