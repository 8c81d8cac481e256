"""A voice is trained as in Ultimate RVC 0.6: the same numbers, losses and gradients, and a voice that it opens."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny.exported import write_exported
from tiny.learning import NOISE_SEED, RATE_HZ, SEGMENT_FRAMES, drawn, fill, lesson, probes, stored
from tiny.scores import made_up_score
from tiny.trainings import training_config

from ultimate_rvc.rvc.synth.noise import GlobalNoise
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer
from ultimate_rvc.rvc.train import losses
from ultimate_rvc.rvc.train.discriminators import Bench, Discriminators
from ultimate_rvc.rvc.train.mel import LogMel, MelLoss, MultiScaleMelLoss, Spectrogram
from ultimate_rvc.rvc.train.network import Batch, TrainedVoice, in_upstreams_order

GOLDEN = Path(__file__).parent / "golden"
SPEAKERS = 2
# float32 sums in another order, over some twenty layers.
SIGNAL_MAX = 1e-4
# A loss is a mean over thousands of such numbers; a gradient passes all layers twice.
LOSS_PARTS = 1e-5
GRADIENT_PARTS = 1e-3
VOCODERS = {"HiFi-GAN": "step_hifigan", "MRF HiFi-GAN": "step_mrf"}


@lru_cache
def golden(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"training_{name}.npz") as arrays:
        return {key: arrays[key] for key in arrays.files}


def recorded(name: str, key: str) -> torch.Tensor:
    return torch.from_numpy(golden(name)[key])


@lru_cache
def learned(vocoder: str):
    """The lesson sung once, with its losses and every gradient."""
    config, given = training_config(model={"posterior_layers": 16}), lesson()
    voice = fill(TrainedVoice(config, vocoder, SPEAKERS))
    row = Batch(given.features, given.coarse, given.f0, given.spectrogram, given.wav, given.lengths, given.speaker)
    torch.manual_seed(NOISE_SEED)
    sung = voice.sing(row, GlobalNoise())
    mel = MelLoss(config.data)(sung.wav[:, 0], sung.true[:, 0]) * config.train.c_mel
    kl = losses.kl_loss(sung.z_p, sung.log_q, sung.mean_p, sung.log_p, sung.keep)
    (mel + kl).backward()
    return voice, sung, {"mel": mel.detach(), "kl": kl.detach()}


@pytest.mark.parametrize("vocoder", VOCODERS)
def test_a_lesson_is_sung_as_upstream_sings_it(vocoder: str) -> None:
    _, sung, _ = learned(vocoder)
    name = VOCODERS[vocoder]
    assert sung.wav.shape[-1] == SEGMENT_FRAMES * RATE_HZ // 100
    assert torch.equal(sung.true, recorded(name, "true"))
    assert (sung.z_p - recorded(name, "z_p")).abs().max() < SIGNAL_MAX
    assert (sung.wav - recorded(name, "wav")).abs().max() < SIGNAL_MAX


@pytest.mark.parametrize("vocoder", VOCODERS)
def test_its_losses_equal_upstreams(vocoder: str) -> None:
    for name, loss in learned(vocoder)[2].items():
        assert loss.item() == pytest.approx(float(golden(VOCODERS[vocoder])[name]), rel=LOSS_PARTS)


@pytest.mark.parametrize("vocoder", VOCODERS)
def test_every_weight_is_sent_where_upstream_sends_it(vocoder: str) -> None:
    names, found = probes(learned(vocoder)[0])
    places = {name: i for i, name in enumerate(golden(VOCODERS[vocoder])["names"].tolist())}
    assert set(names) == set(places)
    wanted = recorded(VOCODERS[vocoder], "gradients")[[places[name] for name in names]]
    # A bias of keys moves nothing, so that its gradient is nothing but rounding.
    off = (found - wanted).abs().max(1).values / wanted[:, 0].clamp(min=1e-3 * wanted[:, 0].max().item())
    assert off.max() < GRADIENT_PARTS, names[int(off.argmax())]


@pytest.mark.parametrize("vocoder", VOCODERS)
def test_optimizers_count_weights_in_upstreams_order(vocoder: str) -> None:
    voice = learned(vocoder)[0]
    names = {id(parameter): stored(name) for name, parameter in voice.named_parameters()}
    assert [names[id(p)] for p in in_upstreams_order(voice)] == golden(VOCODERS[vocoder])["names"].tolist()


@lru_cache
def judged(version: str):
    judges = fill(Discriminators(Bench(version)))
    true, sung = 0.1 * drawn("true", 1, 1, 3000), (0.1 * drawn("sung", 1, 1, 3000)).requires_grad_()
    (told_true, heard_true), (told, heard) = judges(true), judges(sung)
    found = {
        "discriminator": losses.discriminator_loss(told_true, told),
        "adversarial": losses.adversarial_loss(told),
        "features": losses.features_loss(heard_true, heard),
    }
    (found["adversarial"] + found["features"]).backward()
    return torch.cat([x.flatten() for x in told_true]), found, sung.grad


@pytest.mark.parametrize("version", ("v2", "v3"))
def test_judges_and_what_they_teach_equal_upstreams(version: str) -> None:
    told, found, gradient = judged(version)
    name = f"judges_{version}"
    assert (told - recorded(name, "judgements")).abs().max() < SIGNAL_MAX
    for loss, value in found.items():
        assert value.item() == pytest.approx(float(golden(name)[loss]), rel=LOSS_PARTS)
    wanted = recorded(name, "gradient")
    assert (gradient - wanted).norm() < GRADIENT_PARTS * wanted.norm()


def test_spectrograms_and_mels_equal_upstreams() -> None:
    data, wav = training_config().data, lesson().wav[:, 0]
    assert (Spectrogram(data)(wav) - recorded("mels", "spectrogram")).abs().max() < SIGNAL_MAX
    assert (LogMel(data)(wav) - recorded("mels", "mel")).abs().max() < SIGNAL_MAX
    loss = MultiScaleMelLoss(data)(wav[:1], wav[1:])
    assert loss.item() == pytest.approx(float(golden("mels")["multi_scale"]), rel=LOSS_PARTS)


def test_an_exported_voice_sings_in_upstream_what_it_sings_here(tmp_path: Path) -> None:
    voice = load_synthesizer(write_exported(tmp_path / "tiny.pth"))
    torch.manual_seed(NOISE_SEED)
    wav, *_ = voice.infer(*made_up_score(voice.feature_channels, 24, speakers=SPEAKERS).inferred)
    wanted = recorded("exported", "wav")
    assert wanted.square().mean().sqrt() > 0.01
    assert (wav - wanted).abs().max() < SIGNAL_MAX
