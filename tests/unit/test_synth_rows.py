"""The CPU's own ways of computing a vocoder: what torch's plain layers give, within what each of them promises."""

import pytest
import torch
from tiny.scores import made_up_score
from tiny.voices import write_voice
from torch import nn

from ultimate_rvc import device
from ultimate_rvc.errors import DeviceError
from ultimate_rvc.options import SPEEDUPS, OptimizationConfig
from ultimate_rvc.rvc.synth.generators import bilinear, quantized, rows
from ultimate_rvc.rvc.synth.generators.bilinear import BilinearConv, scheme_for
from ultimate_rvc.rvc.synth.generators.quantized import QuantizedConv
from ultimate_rvc.rvc.synth.noise import SeededNoise
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer

VOICES = {
    "nsf_40k": {"rate": 40_000},
    "nsf_24k": {"rate": 24_000},
    "mrf_32k": {"rate": 32_000, "vocoder": "MRF HiFi-GAN"},
    "plain_48k": {"rate": 48_000, "pitch": False},
}
FRAMES = 90
# float32 keeps seven digits; a sum of a few hundred products of numbers near one loses one of them.
ROUNDING = 1e-5
# -114 dB of full scale: a whole vocoder of tiny layers, each computed in another order.
VOCODER_ROUNDING = 2e-6
# What a named precision promises of a voice, in dB of signal to noise; DESIGN's limit for reduced precision is 35.
LEAST_SNR_DB = {"bf16": 40, "int8": 35}
PLAIN = tuple(SPEEDUPS)


def only(*speedups: str) -> OptimizationConfig:
    return OptimizationConfig(without=tuple(name for name in SPEEDUPS if name not in speedups))


def sing(voice, kept: slice | None = None) -> torch.Tensor:
    score = made_up_score(voice.feature_channels, FRAMES, batch=2, speakers=1)
    features, _, coarse, f0, speaker = score.inferred
    with torch.inference_mode():
        return voice(features, coarse, f0, speaker, SeededNoise(3, [0, 70]), kept=kept)


def snr_db(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float(10 * torch.log10(exact.square().mean() / (found - exact).square().mean()))


def has(precision: str) -> bool:
    try:
        device.check_precision("cpu", precision)
    except DeviceError:
        return False
    return True


@pytest.fixture(params=VOICES, ids=str)
def path(request, tmp_path):
    return write_voice(tmp_path, **VOICES[request.param])


@pytest.mark.parametrize("way", ["channels-last", "fast-convolution", "tiles", "all"])
def test_every_way_gives_the_plain_samples(path, way, monkeypatch) -> None:
    monkeypatch.setattr(bilinear, "LEAST_TAPS_TIMES_CHANNELS", 1)
    monkeypatch.setattr(rows, "TILE_BYTES", 1 << 13)  # several tiles in every stage
    plain = sing(load_synthesizer(path, optimization=only()))
    fast = load_synthesizer(path, optimization=OptimizationConfig() if way == "all" else only(way))
    assert (fast.dec.rows is None) == (way == "tiles")
    error = (sing(fast) - plain).abs().max()
    assert error < VOCODER_ROUNDING
    assert way == "tiles" or error > 0  # another order of sums: it was really used


def test_a_stages_tiles_need_their_context(tmp_path, monkeypatch) -> None:
    path = write_voice(tmp_path)
    plain = sing(load_synthesizer(path, optimization=only()))
    monkeypatch.setattr(rows, "TILE_BYTES", 1 << 13)
    fast = load_synthesizer(path)
    for stage in fast.dec.rows.stages:
        stage.reach //= 3
    assert (sing(fast) - plain).abs().max() > VOCODER_ROUNDING


@pytest.mark.parametrize("kept", [slice(0, 5), slice(40, 60), slice(80, 90)], ids=str)
@pytest.mark.parametrize("vocoder", ["HiFi-GAN", "MRF HiFi-GAN", "RefineGAN"])
def test_kept_frames_are_those_of_the_whole(tmp_path, vocoder, kept) -> None:
    voice = load_synthesizer(write_voice(tmp_path, vocoder=vocoder, rate=24_000))
    hop = voice.hop_samples
    whole = sing(voice)[:, kept.start * hop : kept.stop * hop]
    assert (sing(voice, kept) - whole).abs().max() < VOCODER_ROUNDING


def test_only_what_is_heard_is_computed_for_kept_frames(tmp_path) -> None:
    voice, seen = load_synthesizer(write_voice(tmp_path)), []
    voice.flow.register_forward_hook(lambda _, given, out: seen.append(given[0].shape[-1]))
    score = made_up_score(voice.feature_channels, 400, batch=1, speakers=1)
    features, _, coarse, f0, speaker = score.inferred
    voice(features, coarse, f0, speaker, SeededNoise(3, [0]), kept=slice(200, 210))
    assert seen == [10 + 2 * (voice.dec.reach + 24)]


def test_autocast_keeps_to_the_plain_layers(tmp_path) -> None:
    voice = load_synthesizer(write_voice(tmp_path))
    voice.dec.rows = None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plain = sing(voice)
        fast = sing(load_synthesizer(write_voice(tmp_path)))
    assert torch.equal(fast, plain)


@pytest.mark.parametrize("taps", [3, 5, 7, 11, 15])
@pytest.mark.parametrize("dilation", [1, 3, 5])
@pytest.mark.parametrize("steps", [1, 2, 29, 200])
def test_fewer_products_give_the_same_convolution(taps: int, dilation: int, steps: int) -> None:
    torch.manual_seed(taps)
    conv = nn.Conv1d(6, 10, taps, dilation=dilation, padding=dilation * (taps // 2))
    x = torch.randn(steps, 6)
    found = BilinearConv(conv)(x, 0.1, 0.5)
    exact = nn.functional.leaky_relu(conv.double()(nn.functional.leaky_relu(x, 0.1).double().T[None]), 0.5)[0].T
    assert found.shape == exact.shape and (found - exact).abs().max() < ROUNDING


@pytest.mark.parametrize(("taps", "saved"), [(3, 2.2), (7, 3.8), (11, 5.1)])
def test_products_are_saved(taps: int, saved: float) -> None:
    products, outputs = scheme_for(taps).outputs.T.shape
    assert taps * outputs / products > saved


def test_what_gains_nothing_is_computed_directly() -> None:
    worth = {(c, k) for c in (32, 64, 128, 256) for k in (1, 3, 7, 11) if bilinear.is_worth_it(nn.Conv1d(c, c, k))}
    assert worth == {(64, 7), (64, 11), *((c, k) for c in (128, 256) for k in (3, 7, 11))}


@pytest.mark.parametrize("precision", LEAST_SNR_DB)
def test_reduced_precision_stays_within_its_promise(path, precision, monkeypatch) -> None:
    if not has(precision):
        pytest.skip(f"this processor has no {precision}")
    monkeypatch.setattr(quantized, "LEAST_TAPS_TIMES_CHANNELS", 1)
    plain = sing(load_synthesizer(path))
    reduced = sing(load_synthesizer(path, optimization=OptimizationConfig(precision=precision)))
    assert LEAST_SNR_DB[precision] < snr_db(reduced, plain) < 100


def test_refinegan_says_that_it_stays_in_full_precision(tmp_path, caplog) -> None:
    path = write_voice(tmp_path, vocoder="RefineGAN", rate=24_000)
    load_synthesizer(path)
    assert not caplog.records
    load_synthesizer(path, optimization=OptimizationConfig(precision="bf16"))
    assert "RefineGAN sings in fp32; precision bf16" in caplog.text


@pytest.mark.skipif(not has("int8"), reason="this processor has no int8")
@pytest.mark.parametrize("dilation", [1, 3])
def test_bytes_are_exact_where_everything_fits_into_them(dilation: int) -> None:
    """Whole numbers from -127 to 127 as input, -1, 0 and 1 as weights: also at the edges, where zeros are heard."""
    torch.manual_seed(0)
    conv = nn.Conv1d(8, 4, 7, dilation=dilation, padding=3 * dilation)
    conv.weight.data = torch.randint(-1, 2, conv.weight.shape).float()
    x = torch.randint(-127, 128, (40, 8)).float()
    x[0, :2] = torch.tensor([-127.0, 127.0])
    exact = conv(x.T[None])[0].T
    assert (QuantizedConv(conv)(x) - exact).abs().max() < 1e-3


@pytest.mark.skipif(not has("int8"), reason="this processor has no int8")
def test_silence_stays_silent_in_bytes() -> None:
    conv = nn.Conv1d(8, 8, 7, padding=3, bias=False)
    assert not QuantizedConv(conv)(torch.zeros(20, 8)).any()


@pytest.mark.parametrize("precision", ["bf16", "int8"])
@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_a_gpu_refuses_the_cpus_precisions(kind: str, precision: str) -> None:
    with pytest.raises(DeviceError, match=f"{precision} is for the CPU; on {kind} there are fp32 and fp16"):
        device.check_precision(kind, precision)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_a_processor_without_it_refuses_a_precision(precision: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(device, "_processor_has", lambda feature: False)
    with pytest.raises(DeviceError, match=f"no fast {precision} arithmetic; use precision fp32"):
        load_synthesizer(write_voice(tmp_path), optimization=OptimizationConfig(precision=precision))
