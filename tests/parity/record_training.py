"""Records a trainer that people use today, for `test_training_parity.py`.

    python tests/tiny/exported.py /tmp/voice.pth
    python tests/parity/record_training.py --upstream ULTIMATE_RVC_CHECKOUT/src --commit SHA --exported /tmp/voice.pth

Runs its networks, spectrograms and losses on the lesson of `tests/tiny/learning.py`, and its synthesizer on a voice
that this project exported. Only numbers are written: golden/training_*.npz. What needs torchaudio is not run.
"""

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from tiny.golden import store  # noqa: E402
from tiny.learning import (  # noqa: E402
    FEATURES,
    HOP_SAMPLES,
    NOISE_SEED,
    RATE_HZ,
    SEGMENT_FRAMES,
    drawn,
    fill,
    lesson,
    probes,
    tiny_config,
)
from tiny.scores import made_up_score  # noqa: E402

SPEAKERS = 2
MEL = {"n_fft": 1024, "num_mels": 80, "sample_rate": RATE_HZ, "hop_size": HOP_SAMPLES, "win_size": 1024}
MEL |= {"fmin": 0.0, "fmax": None}


def theirs(module: str) -> Any:
    return importlib.import_module(f"ultimate_rvc.rvc.{module}")


def upstream_voice(vocoder: str) -> torch.nn.Module:
    """With the posterior encoder that upstream has: sixteen layers."""
    model = tiny_config()["model"] | {"spk_embed_dim": SPEAKERS}
    made = theirs("lib.algorithm.synthesizers").Synthesizer(
        513, SEGMENT_FRAMES, **model, sr=RATE_HZ, use_f0=True, vocoder=vocoder
    )
    return fill(made)


def record_step(vocoder: str) -> dict[str, np.ndarray]:
    """What is sung of the lesson, the voice's own losses, and where every weight is sent."""
    net, given = upstream_voice(vocoder), lesson()
    torch.manual_seed(NOISE_SEED)
    wav, starts, _, keep, (_, z_p, mean_p, log_p, _, log_q) = net(
        given.features, given.lengths, given.coarse, given.f0, given.spectrogram, given.lengths, given.speaker
    )
    commons, mels = theirs("lib.algorithm.commons"), theirs("train.mel_processing")
    true = commons.slice_segments(given.wav, starts * HOP_SAMPLES, SEGMENT_FRAMES * HOP_SAMPLES, dim=3)
    made, wanted = (mels.mel_spectrogram_torch(x.squeeze(1), **MEL) for x in (wav, true))
    mel = torch.nn.functional.l1_loss(wanted, made) * 45
    kl = theirs("train.losses").kl_loss(z_p, log_q, mean_p, log_p, keep)
    (mel + kl).backward()
    names, found = probes(net)
    sung = {"wav": wav, "true": true, "mel": mel, "kl": kl, "z_p": z_p, "gradients": found}
    return {name: value.detach().numpy() for name, value in sung.items()} | {"names": np.array(names)}


def record_judges(version: str) -> dict[str, np.ndarray]:
    """What the discriminators think of two signals, the losses, and the way back to the second signal."""
    made = theirs("lib.algorithm.discriminators").MultiPeriodDiscriminator(version=version)
    losses, net = theirs("train.losses"), fill(made)
    true, sung = 0.1 * drawn("true", 1, 1, 3000), (0.1 * drawn("sung", 1, 1, 3000)).requires_grad_()
    judged_true, judged, heard_true, heard = net(true, sung)
    told = {
        "discriminator": losses.discriminator_loss(judged_true, judged)[0],
        "adversarial": losses.generator_loss(judged)[0],
        "features": losses.feature_loss(heard_true, heard),
    }
    (told["adversarial"] + told["features"]).backward()
    told |= {"judgements": torch.cat([x.flatten() for x in judged_true]), "gradient": sung.grad}
    return {name: value.detach().numpy() for name, value in told.items()}


@torch.no_grad()
def record_mels() -> dict[str, np.ndarray]:
    mels, given = theirs("train.mel_processing"), lesson()
    wav = given.wav[:, 0]
    many = mels.MultiScaleMelSpectrogramLoss(sample_rate=RATE_HZ)
    return {
        "spectrogram": mels.spectrogram_torch(wav, 1024, HOP_SAMPLES, 1024).numpy(),
        "mel": mels.mel_spectrogram_torch(wav, **MEL).numpy(),
        # Upstream weighs this loss by a third where it is used.
        "multi_scale": (many(given.wav[:1], given.wav[1:]) / 3).numpy(),
    }


@torch.no_grad()
def record_exported(path: Path) -> dict[str, np.ndarray]:
    """The exported voice, opened and sung as upstream's converter does."""
    held = torch.load(path, map_location="cpu", weights_only=True)
    held["config"][-3] = held["weight"]["emb_g.weight"].shape[0]
    width = 768 if held["version"] == "v2" else FEATURES
    net = theirs("lib.algorithm.synthesizers").Synthesizer(
        *held["config"], use_f0=held["f0"], text_enc_hidden_dim=width, vocoder=held["vocoder"]
    )
    del net.enc_q
    told = net.load_state_dict(held["weight"], strict=False)
    assert not told.missing_keys and not told.unexpected_keys, told
    torch.manual_seed(NOISE_SEED)
    score = made_up_score(FEATURES, 24, speakers=SPEAKERS)
    return {"wav": net.float().eval().infer(*score.inferred)[0].numpy()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upstream", required=True, help="the checkout's src folder")
    parser.add_argument("--commit", required=True, help="what is checked out there")
    parser.add_argument("--exported", required=True, type=Path, help="what tests/tiny/exported.py wrote")
    given = parser.parse_args()
    sys.path.insert(0, given.upstream)
    for name in ("torchaudio", "torchaudio.functional"):
        sys.modules.setdefault(name, ModuleType(name))
    records = {
        "step_hifigan": (record_step("HiFi-GAN"), "Synthesizer.forward, its losses and gradients"),
        "step_mrf": (record_step("MRF HiFi-GAN"), "Synthesizer.forward, its losses and gradients"),
        "judges_v2": (record_judges("v2"), "MultiPeriodDiscriminator, losses"),
        "judges_v3": (record_judges("v3"), "MultiPeriodDiscriminator, losses"),
        "mels": (record_mels(), "mel_processing"),
        "exported": (record_exported(given.exported), "Synthesizer.infer on a voice exported by this project"),
    }
    for name, (arrays, ran) in records.items():
        about = {"project": "Ultimate RVC 0.6.0", "commit": given.commit, "seed": NOISE_SEED}
        store(f"training_{name}", arrays, ran=f"{ran}; tests/parity/record_training.py", **about)


if __name__ == "__main__":
    main()
