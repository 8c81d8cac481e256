"""What a training refuses, forecasts, puts together and keeps."""

import dataclasses
import json

import pytest
import torch
from tiny.learning import fill, lesson
from tiny.trainings import tiny_config, training_config, write_training
from torch.nn import functional as F

from ultimate_rvc import device as devices
from ultimate_rvc.errors import CheckpointError, DeviceError, OptionError, WeightsNotFound
from ultimate_rvc.options_training import HardwareOptions, TrainingOptions
from ultimate_rvc.progress import silent
from ultimate_rvc.rvc.synth.noise import GlobalNoise
from ultimate_rvc.rvc.train import checkpoints, forecast
from ultimate_rvc.rvc.train.checkpoints import Pair
from ultimate_rvc.rvc.train.configuration import discriminator_set
from ultimate_rvc.rvc.train.dataset import batches
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.export import Provenance, export_voice
from ultimate_rvc.rvc.train.network import (
    FIRST_GATE,
    LEAST_GATE,
    Batch,
    TrainedVoice,
    cut,
    upsamplers,
    with_even_phases,
)
from ultimate_rvc.rvc.train.run import Best, Run, prepare
from ultimate_rvc.rvc.train.step import means

SCRATCH = TrainingOptions(batch_size=2, pretrained_type="None")
# Two ways of adding the same float32 numbers.
SAME = 1e-5


@pytest.fixture
def experiment(tmp_path) -> Experiment:
    return write_training(tmp_path / "tiny", slices=3, seconds=0.6)


def ready(experiment: Experiment, options: TrainingOptions = SCRATCH, device: devices.Device | None = None) -> Run:
    return prepare(experiment, options, device or devices.choose("cpu"), silent)


def first_batch() -> Batch:
    given = lesson()
    rows = (given.features, given.coarse, given.f0, given.spectrogram, given.wav, given.lengths)
    return Batch(*rows, torch.zeros(2, dtype=torch.long))


@pytest.mark.parametrize(
    ("section", "key", "value", "told"),
    [
        ("model", "upsample_rates", [4, 4, 4, 4], "data.hop_length"),
        ("model", "upsample_kernel_sizes", [8, 8, 8, 11], "odd rate"),
        ("model", "text_enc_hidden_dim", 512, "256"),
        ("model", "resblock", "2", "resblock"),
        ("model", "discriminator", "v9", "v1, v2, v3"),
        ("train", "segment_size", 100, "whole frames"),
    ],
)
def test_a_configuration_that_makes_no_voice_is_refused(section: str, key: str, value: object, told: str) -> None:
    with pytest.raises(OptionError, match=told):
        training_config(**{section: {key: value}})


def test_a_missing_key_is_named(tmp_path) -> None:
    raw = tiny_config()
    del raw["train"]["c_mel"]
    (tmp_path / "config.json").write_text(json.dumps(raw))
    from ultimate_rvc.rvc.train.configuration import read_config

    with pytest.raises(OptionError, match=r"train\.c_mel"):
        read_config(Experiment(tmp_path))


def test_the_judges_follow_version_and_vocoder() -> None:
    config = training_config()
    assert discriminator_set(config, "HiFi-GAN") == "v1"
    assert discriminator_set(config, "RefineGAN") == "v3"
    assert discriminator_set(training_config(model={"text_enc_hidden_dim": 768}), "HiFi-GAN") == "v2"


def test_every_slice_is_in_every_epoch_and_batches_are_full_and_alike() -> None:
    frames = [40, 45, 300, 310, 290, 120, 880]
    made = list(batches(frames, 2, epoch=3, seed=1))
    assert {place for batch in made for place in batch} == set(range(len(frames)))
    assert all(len(batch) == 2 for batch in made)
    assert all((frames[a] - 1) // 100 == (frames[b] - 1) // 100 for a, b in made)
    assert made == list(batches(frames, 2, epoch=3, seed=1)) != list(batches(frames, 2, epoch=4, seed=1))


def test_a_cut_takes_each_row_from_its_own_start() -> None:
    rows = torch.arange(20.0).reshape(2, 1, 10)
    assert cut(rows, torch.tensor([1, 4]), 3).tolist() == [[[1, 2, 3]], [[14, 15, 16]]]


def test_what_follows_a_row_in_its_batch_is_not_heard(experiment: Experiment) -> None:
    from ultimate_rvc.rvc.train.dataset import collate

    run = ready(experiment)
    long, short = run.dataset[0], dataclasses.replace(run.dataset[1], frames=30)
    both = collate([long, short], run.spectrogram, 320)
    alone = collate([short], run.spectrogram, 320)
    assert torch.equal(both.spectrogram[1, :, :30], alone.spectrogram[0])
    assert not both.spectrogram[1, :, 30:].any() and not both.wav[1, :, 30 * 320 :].any()


def test_the_gate_begins_open_and_cannot_close(experiment: Experiment) -> None:
    stepper = ready(experiment).stepper
    gate = stepper.voice.network.gate()
    assert gate.item() == FIRST_GATE
    gate.fill_(-0.03)
    stepper(first_batch())
    assert gate.item() >= LEAST_GATE


def test_without_judgement_the_judges_stay_as_they_are(experiment: Experiment) -> None:
    stepper = ready(experiment).stepper
    before = [p.clone() for p in stepper.judges.network.parameters()]
    told = stepper(first_batch(), judged=False)
    assert "loss/d/adv" not in told
    assert all(torch.equal(a, b) for a, b in zip(before, stepper.judges.network.parameters(), strict=True))
    stepper(first_batch())
    assert any(not torch.equal(a, b) for a, b in zip(before, stepper.judges.network.parameters(), strict=True))


def test_saving_memory_changes_no_gradient(experiment: Experiment) -> None:
    found = []
    for options in (SCRATCH, dataclasses.replace(SCRATCH, reduce_memory_usage=True)):
        stepper = ready(experiment, options).stepper
        torch.manual_seed(1)
        told = stepper(first_batch())
        found.append(means([told]))
    for name, value in found[0].items():
        assert found[1][name] == pytest.approx(value, rel=SAME), name


def test_saving_memory_saves_some(experiment: Experiment) -> None:
    cpu = devices.choose("cpu")
    plain, thrifty = (
        forecast.row_bytes(ready(experiment, options).stepper, 60, cpu)
        for options in (SCRATCH, dataclasses.replace(SCRATCH, reduce_memory_usage=True))
    )
    assert thrifty < 0.7 * plain


def test_a_device_that_is_too_small_is_refused_with_the_remedy(experiment: Experiment) -> None:
    small = dataclasses.replace(devices.choose("cpu"), memory_bytes=40_000_000)
    with pytest.raises(DeviceError, match=r"--batch-size \d+.*--reduce-memory-usage"):
        ready(experiment, dataclasses.replace(SCRATCH, batch_size=500), small)


def test_half_precision_is_refused_where_there_is_none(experiment: Experiment) -> None:
    with pytest.raises(DeviceError, match="--precision fp32"):
        ready(experiment, dataclasses.replace(SCRATCH, precision="fp16"))


def test_several_gpus_are_refused() -> None:
    from ultimate_rvc.rvc.train.hardware import training_device

    with pytest.raises(OptionError, match="one GPU"):
        training_device(HardwareOptions(hardware_acceleration="GPU", gpu_id=(0, 1)))


def test_a_missing_pretrained_says_where_it_belongs(experiment: Experiment, monkeypatch) -> None:
    monkeypatch.setenv("URVC_OFFLINE", "1")
    with pytest.raises(WeightsNotFound, match=r"hi-?fi.*f0G32k\.pth.*--pretrained-type None"):
        ready(experiment, TrainingOptions())


def test_a_pretrained_voice_is_taken_up_with_its_gate(experiment: Experiment, tmp_path) -> None:
    run, folder = ready(experiment), tmp_path / "pre"
    folder.mkdir()
    run.voice.gate().fill_(-0.2)
    for learner, name in ((run.stepper.voice, "G_1.pth"), (run.stepper.judges, "D_1.pth")):
        torch.save(checkpoints.state_of(learner, 1, {}), folder / name)
    options = TrainingOptions(pretrained_type="Custom", custom_pretrained=str(folder))
    begun = ready(experiment, options)
    assert begun.voice.gate().item() == pytest.approx(-0.2)
    assert begun.stepper.least_gate is None and begun.epoch == 0


def test_a_checkpoint_of_another_network_is_named(experiment: Experiment) -> None:
    run = ready(experiment)
    state = checkpoints.state_of(run.stepper.voice, 1, {})
    del state["model"]["emb_g.weight"]
    with pytest.raises(CheckpointError, match=r"emb_g\.weight"):
        checkpoints.take_weights(run.stepper.voice, state, experiment.folder / "G_1.pth")


def test_a_pair_counts_only_when_both_are_there(tmp_path) -> None:
    experiment = Experiment(tmp_path)
    for name in ("G_10.pth", "D_10.pth", "D_20.pth", "G_30.pth.part"):
        (tmp_path / name).write_bytes(b"")
    assert checkpoints.pairs(experiment) == [Pair(tmp_path, 10)]


def test_weights_that_are_not_finite_are_not_exported(tmp_path) -> None:
    config = training_config()
    weights = fill(TrainedVoice(config, "HiFi-GAN", 1)).stored()
    weights["emb_g.weight"] = weights["emb_g.weight"] * torch.inf
    with pytest.raises(CheckpointError, match=r"emb_g\.weight"):
        export_voice(tmp_path / "v.pth", weights, config, Provenance("v", 1, 1, "HiFi-GAN", {}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("vocoder", ("HiFi-GAN", "MRF HiFi-GAN", "RefineGAN"))
def test_every_vocoder_sends_a_gradient_to_every_weight(vocoder: str) -> None:
    sizes = {"gin_channels": 256} if vocoder == "RefineGAN" else {}
    voice = TrainedVoice(training_config(model=sizes), vocoder, 1)
    sung = voice.sing(first_batch(), GlobalNoise())
    (sung.wav.square().sum() + (sung.z_p - sung.mean_p).square().sum() + sung.log_p.sum() + sung.log_q.sum()).backward()
    assert [name for name, p in voice.named_parameters() if p.grad is None] == []


def test_an_epoch_is_better_only_by_more_than_noise() -> None:
    best = Best()
    assert best.note(1.0, 1) and not best.note(0.999, 2) and best.note(0.99, 3)
    assert Best.of(best.stored()) == best


@pytest.mark.parametrize(("rate", "taps"), [(4, 8), (5, 10), (10, 16)])
def test_even_phases_turn_a_steady_input_into_a_steady_output(rate: int, taps: int) -> None:
    weight = torch.randn(3, 2, taps, generator=torch.Generator().manual_seed(0))
    even = with_even_phases(weight, rate)
    made = F.conv_transpose1d(torch.ones(1, 3, 20), even, stride=rate)[..., taps:-taps]
    assert made.std(-1).max() < 1e-6 < F.conv_transpose1d(torch.ones(1, 3, 20), weight, stride=rate).std()
    assert torch.allclose(with_even_phases(even, rate), even, atol=1e-6)


@pytest.mark.parametrize("vocoder", ("HiFi-GAN", "MRF HiFi-GAN"))
def test_even_phases_keep_weight_norm_and_change_nothing_twice(vocoder: str) -> None:
    voice = fill(TrainedVoice(training_config(), vocoder, 1))
    conv = upsamplers(voice.dec)[0]
    wanted = with_even_phases(conv.weight, conv.stride[0])
    for _ in range(2):
        voice.even_phases()
        assert torch.allclose(conv.weight, wanted, atol=1e-6)
