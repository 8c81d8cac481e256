"""Tiny voices in the real checkpoint format, the same numbers on every machine.

A weight depends on the seed, its own key and its shape alone, so that a recorder which imports another project and a
test which imports this one build the same voice. Keys and shapes are written out here a second time on purpose: they
are what the loader is held against. Rates, hops, strides and feature widths are the real ones; channels are few.
RefineGAN's widths are fixed by its structure (512 at four stages), so only its rates are chosen to be cheap.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import torch

FEATURES = {"v1": 256, "v2": 768}
UPSAMPLING = {
    24_000: ((10, 6, 2, 2), (20, 12, 4, 4)),
    32_000: ((10, 8, 2, 2), (20, 16, 4, 4)),
    40_000: ((10, 10, 2, 2), (16, 16, 4, 4)),
    48_000: ((12, 10, 2, 2), (24, 20, 4, 4)),
}
WEIGHT_NORM_KEYS = {
    "g_v": ("weight_g", "weight_v"),
    "parametrizations": ("parametrizations.weight.original0", "parametrizations.weight.original1"),
}
LATENT, HIDDEN, FILTER, HEADS, LAYERS = 8, 16, 32, 2, 2
RELATIVE_POSITIONS = 21
KERNELS = (3, 7, 11)
DILATIONS = ((1, 3, 5),) * 3
# Gain of the last convolution: an output that is neither silence nor a saturated tanh.
LOUDNESS = {"HiFi-GAN": 0.5, "MRF HiFi-GAN": 0.4, "RefineGAN": 1.3}


@dataclass(frozen=True)
class Size:
    """How large a voice is; the real ones are `Size(192, 192, 768, 2, 6, 512, 256)`."""

    latent: int = LATENT
    hidden: int = HIDDEN
    filter: int = FILTER
    heads: int = HEADS
    layers: int = LAYERS
    upsample: int = 32
    speaker: int = 16


def tiny_checkpoint(
    version: str = "v2",
    pitch: bool = True,
    vocoder: str = "HiFi-GAN",
    rate: int = 40_000,
    speakers: int = 1,
    weight_norm_layout: str = "g_v",
    half: bool = False,
    seed: int = 0,
) -> dict:
    """What torch.load gives for a voice: weight, config (18 values), f0, version, sr, info and, if unusual, vocoder."""
    size = Size(upsample=512, speaker=256) if vocoder == "RefineGAN" else Size()
    config = voice_config(size, rate, vocoder, speakers)
    shapes = dict(voice_shapes(config, FEATURES[version], pitch, vocoder))
    g, v = WEIGHT_NORM_KEYS[weight_norm_layout]
    weights = {}
    for key, shape in shapes.items():
        value = torch.from_numpy(_value(key, shape, seed, LOUDNESS[vocoder]))
        weights[key.replace("weight_g", g).replace("weight_v", v)] = value.half() if half else value
    fields = {"weight": weights, "config": config, "f0": int(pitch), "version": version, "sr": f"{rate // 1000}k"}
    return fields | {"info": "7epoch"} | ({} if vocoder == "HiFi-GAN" else {"vocoder": vocoder})


def write_voice(folder: Path, name: str = "tiny", **options) -> Path:
    """Writes `folder/name/name.pth` with `tiny_checkpoint(**options)` and returns its path."""
    path = folder / name / f"{name}.pth"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(tiny_checkpoint(**options), path)
    return path


def voice_config(size: Size, rate: int, vocoder: str, speakers: int) -> list:
    """The 18 values of a checkpoint's `config`."""
    rates, kernels = UPSAMPLING[rate]
    if vocoder == "RefineGAN" and size.latent == LATENT:
        rates = (2, 2, 2, rate // 100 // 8)
    assert math.prod(rates) == rate // 100
    encoder = [size.latent, size.hidden, size.filter, size.heads, size.layers, 3, 0, "1"]
    blocks = [list(KERNELS), [list(d) for d in DILATIONS], list(rates), size.upsample, list(kernels)]
    return [1025, 32, *encoder, *blocks, speakers, size.speaker, rate]


def voice_shapes(config: list, features: int, pitch: bool, vocoder: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Key and shape of every weight, weight norm as weight_g and weight_v, enc_q left out as trainers do."""
    latent, hidden, filters, heads, layers = config[2:7]
    speakers, gin = config[15:17]
    yield from _linear("enc_p.emb_phone", features, hidden)
    if pitch:
        yield "enc_p.emb_pitch.weight", (256, hidden)
    for i in range(layers):
        yield from _encoder_layer(i, hidden, filters, hidden // heads)
    yield from _conv("enc_p.proj", hidden, 2 * latent, 1)
    for i in range(0, 8, 2):
        yield from _coupling(f"flow.flows.{i}.", latent // 2, hidden, gin)
    yield "emb_g.weight", (speakers, gin)
    decoder = {"MRF HiFi-GAN": _mrf, "RefineGAN": _refinegan}.get(vocoder, _nsf if pitch else _hifigan)
    yield from decoder(config)


def _encoder_layer(i: int, hidden: int, filters: int, head: int):
    at = "enc_p.encoder."
    for name in ("emb_rel_k", "emb_rel_v"):
        yield f"{at}attn_layers.{i}.{name}", (1, RELATIVE_POSITIONS, head)
    for name in "qkvo":
        yield from _conv(f"{at}attn_layers.{i}.conv_{name}", hidden, hidden, 1)
    yield from _conv(f"{at}ffn_layers.{i}.conv_1", hidden, filters, 3)
    yield from _conv(f"{at}ffn_layers.{i}.conv_2", filters, hidden, 3)
    for norm in ("norm_layers_1", "norm_layers_2"):
        yield f"{at}{norm}.{i}.gamma", (hidden,)
        yield f"{at}{norm}.{i}.beta", (hidden,)


def _coupling(at: str, half: int, hidden: int, gin: int):
    yield from _conv(at + "pre", half, hidden, 1)
    yield from _conv(at + "post", hidden, half, 1)
    yield from _normed(at + "enc.cond_layer", gin, 2 * hidden * 3, 1)
    for i in range(3):
        yield from _normed(f"{at}enc.in_layers.{i}", hidden, 2 * hidden, 5)
        yield from _normed(f"{at}enc.res_skip_layers.{i}", hidden, hidden if i == 2 else 2 * hidden, 1)


def _stages(config: list):
    rates, first, kernels = config[12:15]
    for i, kernel in enumerate(kernels):
        yield i, first >> i, first >> (i + 1), kernel, math.prod(rates[i + 1 :])


def _hifigan(config: list):
    yield from _conv("dec.conv_pre", config[2], config[13], 7)
    yield from _conv("dec.cond", config[16], config[13], 1)
    for i, wide, narrow, kernel, _ in _stages(config):
        yield from _transposed(f"dec.ups.{i}", wide, narrow, kernel)
        for j, taps in enumerate(KERNELS):
            yield from _resblock(f"dec.resblocks.{i * len(KERNELS) + j}", narrow, taps)
    yield "dec.conv_post.weight", (1, narrow, 7)


def _nsf(config: list):
    yield from _hifigan(config)
    yield from _linear("dec.m_source.l_linear", 1, 1)
    yield from _noise_convs(config)


def _noise_convs(config: list):
    for i, _, narrow, _, stride in _stages(config):
        yield from _conv(f"dec.noise_convs.{i}", 1, narrow, 1 if stride == 1 else 2 * stride - stride % 2)


def _mrf(config: list):
    yield from _normed("dec.conv_pre", config[2], config[13], 7)
    yield from _conv("dec.cond", config[16], config[13], 1)
    yield from _linear("dec.m_source.l_linear", 9, 1)
    yield from _noise_convs(config)
    for i, wide, narrow, kernel, _ in _stages(config):
        yield from _transposed(f"dec.upsamples.{i}", wide, narrow, kernel)
        for j, taps in enumerate(KERNELS):
            for layer in range(3):
                for conv in ("conv1", "conv2"):
                    yield from _normed(f"dec.mrfs.{i}.{j}.layers.{layer}.{conv}", narrow, narrow, taps)
    yield from _normed("dec.conv_post", narrow, 1, 7)


def _refinegan(config: list):
    yield "dec.m_source.merge.0.weight", (1, 1)
    yield from _normed("dec.pre_conv", 1, 16, 7)
    yield from _normed("dec.mel_conv", config[2], 256, 7)
    yield from _conv("dec.cond", 256, 256, 1)
    for i in range(4):
        yield from _normed(f"dec.downsample_blocks.{i}", 16 << i, 32 << i, 7)
        wide = 512 >> i
        at = f"dec.upsample_conv_blocks.{i}."
        yield from _conv(at + "input_conv", wide + wide // 4, wide // 2, 7)
        for j, taps in enumerate(KERNELS):
            yield f"{at}blocks.{j}.0.weight", (wide // 2,)
            yield from _resblock(f"{at}blocks.{j}.1", wide // 2, taps)
            yield f"{at}blocks.{j}.2.weight", (wide // 2,)
    yield from (kv for kv in _normed("dec.conv_post", 32, 1, 7) if kv[0] != "dec.conv_post.bias")


def _resblock(at: str, channels: int, taps: int):
    for i in range(3):
        yield from _normed(f"{at}.convs1.{i}", channels, channels, taps)
        yield from _normed(f"{at}.convs2.{i}", channels, channels, taps)


def _linear(at: str, inputs: int, outputs: int):
    yield at + ".weight", (outputs, inputs)
    yield at + ".bias", (outputs,)


def _conv(at: str, inputs: int, outputs: int, taps: int):
    yield at + ".weight", (outputs, inputs, taps)
    yield at + ".bias", (outputs,)


def _normed(at: str, inputs: int, outputs: int, taps: int):
    yield at + ".weight_g", (outputs, 1, 1)
    yield at + ".weight_v", (outputs, inputs, taps)
    yield at + ".bias", (outputs,)


def _transposed(at: str, inputs: int, outputs: int, taps: int):
    yield at + ".weight_g", (inputs, 1, 1)
    yield at + ".weight_v", (inputs, outputs, taps)
    yield at + ".bias", (outputs,)


def _value(key: str, shape: tuple[int, ...], seed: int, loudness: float) -> np.ndarray:
    """Normal numbers, scaled by what the tensor is, so that signals keep their size from layer to layer."""
    drawn = np.random.default_rng([seed, crc32(key.encode())]).standard_normal(shape, dtype=np.float32)
    if key.endswith(("weight_g", "gamma")):
        return _gain(key, loudness) * (1 + drawn / 10)
    if key.endswith(("bias", "beta")):
        return drawn / 20
    if key.startswith("emb_g"):
        return drawn / 2
    if len(shape) == 1:  # RefineGAN's levels of noise
        return drawn / 20
    return _gain(key, loudness) * drawn / np.float32(math.sqrt(math.prod(shape[1:]) or 1))


# Relative to a layer that keeps the size of its input.
GAINS = {"convs2": 0.4, "conv2": 0.4, "ups": 1.4, "emb_phone": 0.1, "emb_pitch": 0.1, "post": 0.5, "noise_convs": 5.0}
GAINS |= {"l_linear": 3.0, "merge": 3.0, "upsamples": 1.4, "enc_p.proj": 0.7, "pre_conv": 5.0, "input_conv": 1.4}


def _gain(key: str, loudness: float) -> np.float32:
    if "conv_post" in key:
        return np.float32(loudness)
    return np.float32(next((gain for part, gain in GAINS.items() if f".{part}." in f".{key}."), 1.0))
