"""Full-size models with random weights, in the files and folders that people have: for timing, not for listening.

    python -m benchmarks.random_models DIR [--name random] [--rate 40000] [--version v2] [--index 50000]

    DIR/voice_models/NAME/NAME.pth                             a voice, half precision, weight norm as trainers leave it
    DIR/voice_models/NAME/added_IVFn_Flat_nprobe_1_NAME_v2.index
    DIR/models/rvc/embedders/contentvec/{pytorch_model.bin,config.json}    HuBERT base with final_proj
    DIR/models/rvc/predictors/rmvpe.pt                         with --rmvpe alone, for 'auto' would choose it

Each layer keeps the size of its signal, and the voice's last one is set so that it sings at a rms of about 0.1.
"""

import argparse
import logging
import math
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ultimate_rvc.rvc.synth.checkpoint import FEATURES_OF_VERSION, VOCODERS, load_checkpoint
from ultimate_rvc.rvc.synth.noise import SeededNoise
from ultimate_rvc.rvc.synth.synthesizer import Synthesizer, load_synthesizer

logger = logging.getLogger(__name__)

UPSAMPLING = {
    24_000: ([10, 6, 2, 2], [20, 12, 4, 4]),
    32_000: ([10, 8, 2, 2], [20, 16, 4, 4]),
    40_000: ([10, 10, 2, 2], [16, 16, 4, 4]),
    48_000: ([12, 10, 2, 2], [24, 20, 4, 4]),
}
LOUDNESS = 0.1
# Weight norm in trained voices, by the keys' beginnings: all of the flow's WaveNets, and in the vocoder these.
NORMED = {
    "HiFi-GAN": r"dec\.(ups|resblocks)\.",
    "MRF HiFi-GAN": r"dec\.(conv_pre|conv_post|upsamples|mrfs)\b",
    "RefineGAN": r"dec\.(pre_conv|mel_conv|conv_post|downsample_blocks|upsample_conv_blocks\.\d+\.blocks)\b",
}
# Relative to a layer that keeps the size of its input: the second halves of residual blocks add little.
GAINS = {r"convs?2\b": 0.4, r"emb_(phone|pitch)": 0.1, r"\.post\.": 0.3, r"enc_p\.proj": 0.5, r"noise_convs": 3.0}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="random")
    parser.add_argument("--rate", type=int, default=40_000, choices=UPSAMPLING)
    parser.add_argument("--version", default="v2", choices=FEATURES_OF_VERSION)
    parser.add_argument("--vocoder", default=VOCODERS[0], choices=VOCODERS)
    parser.add_argument("--no-pitch", action="store_true")
    parser.add_argument("--index", type=int, default=50_000, help="vectors in the index; 0 for none")
    parser.add_argument("--rmvpe", action="store_true", help="a random rmvpe.pt too; it hears nonsense")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    logger.setLevel(logging.INFO)
    for path in write_models(given):
        logger.info("%s (%.1f MB)", path, path.stat().st_size / 1e6)


def write_models(given: argparse.Namespace) -> list[Path]:
    """Every file that was asked for."""
    torch.manual_seed(given.seed)
    home = given.folder / "voice_models" / given.name
    home.mkdir(parents=True, exist_ok=True)
    written = [write_voice(home / f"{given.name}.pth", given)]
    if given.index:
        written.append(write_index(home, given))
    written.append(write_encoder(given.folder / "models/rvc/embedders/contentvec"))
    if given.rmvpe:
        written.append(write_rmvpe(given.folder / "models/rvc/predictors/rmvpe.pt"))
    return written


def write_voice(path: Path, given: argparse.Namespace) -> Path:
    """A voice of full size, loud enough to be heard."""
    torch.save(fields(given, {}), path)  # the loader's checks of everything but the weights
    checkpoint = load_checkpoint(path)
    voice = Synthesizer(checkpoint)
    weights = {key: _random(key, value) for key, value in voice.state_dict().items()}
    last = "dec.conv_post.weight"
    for _ in range(2):  # the level is nearly, not quite, in proportion
        torch.save(fields(given, _normed(weights, given.vocoder)), path)
        weights[last] = weights[last] * (LOUDNESS / loudness(path))
    torch.save(fields(given, _normed(weights, given.vocoder)), path)
    logger.info("rms %.3f", loudness(path))
    return path


def fields(given: argparse.Namespace, weights: dict[str, Tensor]) -> dict:
    """What a trainer writes."""
    rates, kernels = UPSAMPLING[given.rate]
    blocks = ["1", [3, 7, 11], [[1, 3, 5]] * 3, rates, 512, kernels]
    config = [1025, 32, 192, 192, 768, 2, 6, 3, 0, *blocks, 109 if weights else 1, 256, given.rate]
    named = {"f0": int(not given.no_pitch), "version": given.version, "sr": f"{given.rate // 1000}k", "info": "0epoch"}
    return {"weight": {k: w.half() for k, w in weights.items()}, "config": config, "vocoder": given.vocoder} | named


@torch.no_grad()
def loudness(path: Path) -> float:
    """rms of one sung second."""
    voice = load_synthesizer(path)
    coarse, f0 = torch.full((1, 100), 60), torch.full((1, 100), 220.0)
    wav = voice(torch.randn(1, 100, voice.feature_channels), coarse, f0, torch.zeros(1).long(), SeededNoise(0, [0]))
    return float(wav.square().mean().sqrt())


def _random(key: str, like: Tensor) -> Tensor:
    if key.endswith("gamma"):
        return torch.ones_like(like)
    if like.ndim == 1 or key.endswith(("bias", "emb_rel_v")):
        return torch.randn_like(like) / 100
    gain = next((gain for part, gain in GAINS.items() if re.search(part, key)), 1.0)
    # An upsampler's outputs each meet only every stride-th of its taps, and its inputs come first.
    inputs = 2 * like.shape[0] if re.search(r"\bup(sample)?s\.", key) else math.prod(like.shape[1:])
    return torch.randn_like(like) * gain / math.sqrt(inputs)


def _normed(weights: dict[str, Tensor], vocoder: str) -> dict[str, Tensor]:
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


def write_index(folder: Path, given: argparse.Namespace) -> Path:
    """A FAISS index as RVC's training writes it: the smaller of 16·√N and N/39 lists, nprobe 1."""
    import faiss

    width = FEATURES_OF_VERSION[given.version]
    vectors = np.random.default_rng(given.seed).standard_normal((given.index, width), dtype=np.float32)
    lists = max(1, min(int(16 * math.sqrt(given.index)), given.index // 39))
    index = faiss.index_factory(width, f"IVF{lists},Flat")
    inverted = faiss.extract_index_ivf(index)
    inverted.nprobe, inverted.cp.niter = 1, 2
    index.train(vectors)
    index.add(vectors)
    path = folder / f"added_IVF{lists}_Flat_nprobe_1_{given.name}_{given.version}.index"
    faiss.write_index(index, str(path))
    return path


def write_encoder(folder: Path) -> Path:
    """HuBERT base with the projection that v1 voices need."""
    from transformers import HubertConfig, HubertModel

    folder.mkdir(parents=True, exist_ok=True)
    model = HubertModel(HubertConfig(architectures=["HubertModelWithFinalProj"]))
    projection = nn.Linear(model.config.hidden_size, model.config.classifier_proj_size)
    tail = {f"final_proj.{key}": value for key, value in projection.state_dict().items()}
    model.config.to_json_file(folder / "config.json")
    torch.save(model.state_dict() | tail, folder / "pytorch_model.bin")
    return folder / "pytorch_model.bin"


def write_rmvpe(path: Path) -> Path:
    """The pitch network with torch's first values."""
    from ultimate_rvc.rvc.pitch.rmvpe import RmvpeNetwork, Sizes

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(RmvpeNetwork(Sizes()).state_dict(), path)
    return path


if __name__ == "__main__":
    main()
