"""Full-size models with random weights, in the files and folders that people have: for timing, not for listening.

    FOLDER/voice_models/NAME/NAME.pth              a voice, half precision, weight norm as trainers leave it
    FOLDER/voice_models/NAME/added_IVFn_Flat_nprobe_1_NAME_v2.index
    FOLDER/models/rvc/embedders/contentvec/        HuBERT base with final_proj: pytorch_model.bin and config.json
    FOLDER/models/rvc/predictors/rmvpe.pt          the pitch network in half precision; it hears one note

Each layer keeps the size of its signal, and the voice's last one is set so that it sings at a rms of about 0.1.
"""

import json
import logging
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

UPSAMPLING = {
    24_000: ([10, 6, 2, 2], [20, 12, 4, 4]),
    32_000: ([10, 8, 2, 2], [20, 16, 4, 4]),
    40_000: ([10, 10, 2, 2], [16, 16, 4, 4]),
    48_000: ([12, 10, 2, 2], [24, 20, 4, 4]),
}
FEATURES = {"v1": 256, "v2": 768}
LOUDNESS = 0.1
# Weight norm in trained voices, by the keys' beginnings: all of the flow's WaveNets, and in the vocoder these.
NORMED = {
    "HiFi-GAN": r"dec\.(ups|resblocks)\.",
    "MRF HiFi-GAN": r"dec\.(conv_pre|conv_post|upsamples|mrfs)\b",
    "RefineGAN": r"dec\.(pre_conv|mel_conv|conv_post|downsample_blocks|upsample_conv_blocks\.\d+\.blocks)\b",
}
# Relative to a layer that keeps the size of its input: the second halves of residual blocks add little.
GAINS = {r"convs?2\b": 0.4, r"emb_(phone|pitch)": 0.1, r"\.post\.": 0.3, r"enc_p\.proj": 0.5, r"noise_convs": 3.0}
# The note that a random pitch network hears: where it lies among the 360 bins of 20 cents (220 Hz is bin 163), how
# wide its hill is, and how much of the music it answers to.
NOTE_BIN, NOTE_WIDTH_BINS, NOTE_RESPONSE = 163, 3.0, 0.2


@dataclass(frozen=True)
class RandomVoice:
    """Which voice is made, and how many vectors its index holds (0: no index)."""

    name: str = "random"
    rate_hz: int = 40_000
    version: str = "v2"
    vocoder: str = "HiFi-GAN"
    has_pitch: bool = True
    index_vectors: int = 50_000
    seed: int = 0


def write_models(folder: Path, voice: RandomVoice, *, rmvpe: bool = True) -> list[Path]:
    """Writes a voice, its index, an encoder and, if wanted, a pitch network; returns the files."""
    import torch

    torch.manual_seed(voice.seed)
    home = folder / "voice_models" / voice.name
    home.mkdir(parents=True, exist_ok=True)
    written = [write_voice(home / f"{voice.name}.pth", voice)]
    if voice.index_vectors:
        written.append(write_index(home, voice))
    written.append(write_encoder(folder / "models" / "rvc" / "embedders" / "contentvec"))
    if rmvpe:
        written.append(write_rmvpe(folder / "models" / "rvc" / "predictors" / "rmvpe.pt"))
    return written


def write_voice(path: Path, voice: RandomVoice) -> Path:
    """A voice of full size, loud enough to be heard."""
    import torch

    from ultimate_rvc.rvc.synth.checkpoint import load_checkpoint
    from ultimate_rvc.rvc.synth.synthesizer import Synthesizer

    torch.save(_fields(voice, {}), path)  # the loader's checks of everything but the weights
    weights = {key: _random(key, value) for key, value in Synthesizer(load_checkpoint(path)).state_dict().items()}
    last = "dec.conv_post.weight"
    for _ in range(2):  # the level is nearly, not quite, in proportion
        torch.save(_fields(voice, _normed(weights, voice.vocoder)), path)
        weights[last] = weights[last] * (LOUDNESS / loudness(path))
    torch.save(_fields(voice, _normed(weights, voice.vocoder)), path)
    logger.info("%s sings at rms %.3f", path.name, loudness(path))
    return path


def _fields(voice: RandomVoice, weights: "dict[str, Tensor]") -> dict:
    """What a trainer writes."""
    rates, kernels = UPSAMPLING[voice.rate_hz]
    blocks = ["1", [3, 7, 11], [[1, 3, 5]] * 3, rates, 512, kernels]
    config = [1025, 32, 192, 192, 768, 2, 6, 3, 0, *blocks, 109 if weights else 1, 256, voice.rate_hz]
    named = {"f0": int(voice.has_pitch), "version": voice.version, "sr": f"{voice.rate_hz // 1000}k", "info": "0epoch"}
    return {"weight": {k: w.half() for k, w in weights.items()}, "config": config, "vocoder": voice.vocoder} | named


def loudness(path: Path) -> float:
    """rms of one sung second."""
    import torch

    from ultimate_rvc.rvc.synth.noise import SeededNoise
    from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer

    voice = load_synthesizer(path)
    coarse, f0 = torch.full((1, 100), 60), torch.full((1, 100), 220.0)
    features, speaker = torch.randn(1, 100, voice.feature_channels), torch.zeros(1).long()
    with torch.inference_mode():
        return float(voice(features, coarse, f0, speaker, SeededNoise(0, [0])).square().mean().sqrt())


def _random(key: str, like: "Tensor") -> "Tensor":
    import torch

    if key.endswith("gamma"):
        return torch.ones_like(like)
    if like.ndim == 1 or key.endswith(("bias", "emb_rel_v")):
        return torch.randn_like(like) / 100
    gain = next((gain for part, gain in GAINS.items() if re.search(part, key)), 1.0)
    # An upsampler's outputs each meet only every stride-th of its taps, and its inputs come first.
    inputs = 2 * like.shape[0] if re.search(r"\bup(sample)?s\.", key) else math.prod(like.shape[1:])
    return torch.randn_like(like) * gain / math.sqrt(inputs)


def _normed(weights: "dict[str, Tensor]", vocoder: str) -> "dict[str, Tensor]":
    """The weights with magnitude and direction apart where trainers keep them so."""
    pattern = re.compile(rf"(flow\.flows\.\d+\.enc\.|{NORMED[vocoder]}).*weight$")
    split = {}
    for key, weight in weights.items():
        if pattern.match(key) and weight.ndim == 3:
            split[key + "_g"] = weight.flatten(1).norm(dim=1)[:, None, None]
            split[key + "_v"] = weight
        else:
            split[key] = weight
    return split


def write_index(folder: Path, voice: RandomVoice) -> Path:
    """A FAISS index as RVC's training writes it: the smaller of 16·√N and N/39 lists, nprobe 1."""
    from ultimate_rvc.benchmark.random_indexes import build, clouds, lists_for

    count = voice.index_vectors
    name = f"added_IVF{lists_for(count)}_Flat_nprobe_1_{voice.name}_{voice.version}.index"
    return build(clouds(count, voice.seed, width=FEATURES[voice.version]), folder / name)


def write_encoder(folder: Path) -> Path:
    """HuBERT base with the projection that v1 voices need, in the spelling that transformers reads too."""
    import torch
    from torch.nn.utils.parametrizations import weight_norm

    from ultimate_rvc.rvc.embed.network import Hubert, HubertSizes

    folder.mkdir(parents=True, exist_ok=True)
    model, sizes = Hubert(HubertSizes()), asdict(HubertSizes())
    weight_norm(model.encoder.pos_conv_embed.conv, dim=2)
    about = {"model_type": "hubert", "architectures": ["HubertModelWithFinalProj"], **sizes}
    (folder / "config.json").write_text(json.dumps(about, indent=2), encoding="utf-8")
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return folder / "pytorch_model.bin"


def write_rmvpe(path: Path) -> Path:
    """The pitch network with torch's first values, but for a last layer that hears a note near 220 Hz.

    Left to chance, all 360 bins would be nearly as loud, and rounding would decide which note is heard.
    """
    import torch

    from ultimate_rvc.rvc.pitch.rmvpe import RmvpeNetwork, Sizes

    path.parent.mkdir(parents=True, exist_ok=True)
    weights = RmvpeNetwork(Sizes()).state_dict()
    bins = torch.arange(len(weights["fc.1.bias"]))
    weights["fc.1.bias"] = 8 * torch.exp(-0.5 * ((bins - NOTE_BIN) / NOTE_WIDTH_BINS) ** 2) - 6
    weights["fc.1.weight"] = weights["fc.1.weight"] * NOTE_RESPONSE
    torch.save({key: value.half() if value.is_floating_point() else value for key, value in weights.items()}, path)
    return path
