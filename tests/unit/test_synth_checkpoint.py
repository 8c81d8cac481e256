"""Every way in which voices are written loads; everything else is refused with what to do."""

from pathlib import Path

import pytest
import torch
from tiny.voices import WEIGHT_NORM_KEYS, tiny_checkpoint, write_voice

from ultimate_rvc.errors import CheckpointError, OptionError
from ultimate_rvc.rvc.stored_weights import fold_weight_norm
from ultimate_rvc.rvc.synth.checkpoint import load_checkpoint, rate_hz, read_fields, save_safetensors
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer


def saved(folder: Path, raw: object, name: str = "voice.pth") -> Path:
    torch.save(raw, folder / name)
    return folder / name


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    return load_synthesizer(path).state_dict()


@pytest.mark.parametrize("rate", [24_000, 32_000, 40_000, 48_000])
@pytest.mark.parametrize(
    ("vocoder", "pitch"), [("HiFi-GAN", True), ("HiFi-GAN", False), ("MRF HiFi-GAN", True), ("RefineGAN", True)]
)
def test_every_rate_and_vocoder_loads(tmp_path: Path, rate: int, vocoder: str, pitch: bool) -> None:
    voice = load_synthesizer(write_voice(tmp_path, version="v2", pitch=pitch, vocoder=vocoder, rate=rate))
    assert (voice.sample_rate_hz, voice.hop_samples, voice.vocoder) == (rate, rate // 100, vocoder)
    assert voice.has_pitch == pitch and not voice.training
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in voice.parameters())


def test_both_weight_norm_layouts_give_the_same_voice(tmp_path: Path) -> None:
    old, new = (weights_of(write_voice(tmp_path, name, weight_norm_layout=name)) for name in WEIGHT_NORM_KEYS)
    assert old.keys() == new.keys() and all(torch.equal(old[key], new[key]) for key in old)


def test_half_precision_is_widened_before_it_is_folded(tmp_path: Path) -> None:
    raw = tiny_checkpoint(half=True)
    wide = {**raw, "weight": {key: value.float() for key, value in raw["weight"].items()}}
    half, full = weights_of(saved(tmp_path, raw, "a.pth")), weights_of(saved(tmp_path, wide, "b.pth"))
    assert all(torch.equal(half[key], full[key]) for key in half)


def test_a_folded_voice_loads_too(tmp_path: Path) -> None:
    raw = tiny_checkpoint()
    folded = {**raw, "weight": fold_weight_norm(raw["weight"])}
    one, two = weights_of(saved(tmp_path, raw, "a.pth")), weights_of(saved(tmp_path, folded, "b.pth"))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_safetensors_holds_the_same_voice(tmp_path: Path) -> None:
    path = write_voice(tmp_path, speakers=2, half=True, vocoder="MRF HiFi-GAN")
    save_safetensors(read_fields(path), tmp_path / "voice.safetensors")
    one, two = load_checkpoint(path), load_checkpoint(tmp_path / "voice.safetensors")
    assert (one.config, one.version, one.vocoder) == (two.config, two.version, two.vocoder)
    assert dict(one.about) == dict(two.about)
    assert all(torch.equal(one.weights[key], two.weights[key]) for key in one.weights)
    assert [p.name for p in tmp_path.glob("*.part")] == []


def test_a_missing_version_means_v1_and_a_missing_f0_means_pitch(tmp_path: Path) -> None:
    raw = tiny_checkpoint("v1")
    del raw["version"], raw["f0"]
    checkpoint = load_checkpoint(saved(tmp_path, raw))
    assert (checkpoint.version, checkpoint.has_pitch, checkpoint.config.feature_channels) == ("v1", True, 256)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_nineteen_values_name_the_width_of_the_features(tmp_path: Path, version: str) -> None:
    raw = tiny_checkpoint(version, speakers=2)
    width = {"v1": 256, "v2": 768}[version]
    raw["config"] = [*raw["config"][:-1], width, raw["config"][-1]]
    raw["config"][15] = 109
    del raw["version"]
    voice = load_synthesizer(saved(tmp_path, raw))
    assert (voice.version, voice.feature_channels, voice.speakers) == (version, width, 2)


def test_the_table_of_speakers_is_believed_over_the_config(tmp_path: Path) -> None:
    raw = tiny_checkpoint(speakers=3)
    raw["config"][-3] = 109
    voice = load_synthesizer(saved(tmp_path, raw))
    assert voice.speakers == 3 and voice.check_speaker(2) == 2
    for sid in (3, -1):
        with pytest.raises(OptionError, match=f"speaker {sid} .*0 to 2"):
            voice.check_speaker(sid)


def test_rates_are_read_from_numbers_and_text() -> None:
    assert [rate_hz(x) for x in ("40k", "48000", 32000, "24K", "44.1k", "40000 Hz")] == [
        40_000, 48_000, 32_000, 24_000, 44_100, 40_000]  # fmt: skip


@pytest.mark.parametrize("rate", ["40k", 40_000])
def test_a_config_may_write_its_rate_as_text(tmp_path: Path, rate: object) -> None:
    raw = tiny_checkpoint()
    raw["config"][-1] = rate
    assert load_checkpoint(saved(tmp_path, raw)).sample_rate_hz == 40_000


@pytest.mark.parametrize(
    ("notes", "epoch"), [({"info": "200epoch"}, 200), ({"epoch": 12, "info": ""}, 12), ({"info": None}, None)]
)
def test_the_trainers_notes_are_kept(tmp_path: Path, notes: dict, epoch: int | None) -> None:
    checkpoint = load_checkpoint(saved(tmp_path, tiny_checkpoint() | notes | {"embedder_model": "spin"}))
    assert (checkpoint.epoch, checkpoint.embedder) == (epoch, "spin")


def test_the_posterior_encoder_of_training_is_tolerated(tmp_path: Path) -> None:
    raw = tiny_checkpoint()
    raw["weight"]["enc_q.pre.weight"] = torch.zeros(16, 1025, 1)
    assert not any("enc_q" in key for key in weights_of(saved(tmp_path, raw)))


def test_wrong_keys_are_listed_and_counted(tmp_path: Path) -> None:
    raw = tiny_checkpoint()
    for i in range(9):
        raw["weight"][f"stray.{i}"] = torch.zeros(1)
    del raw["weight"]["enc_p.proj.bias"]
    raw["weight"]["dec.cond.bias"] = torch.zeros(3)
    with pytest.raises(CheckpointError) as error:
        load_synthesizer(saved(tmp_path, raw))
    said = str(error.value)
    assert "voice.pth" in said and "1 missing: enc_p.proj.bias" in said and "\n" not in said
    assert "9 surplus: stray.0" in said and "and 3 more" in said
    assert "1 misshapen: dec.cond.bias (3,) for (32,)" in said


def test_what_is_no_tensor_is_named(tmp_path: Path) -> None:
    raw = tiny_checkpoint()
    raw["weight"]["note"] = "by me"
    with pytest.raises(CheckpointError, match="1 surplus: note"):
        load_synthesizer(saved(tmp_path, raw))


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    raw = tiny_checkpoint()
    raw["weight"]["emb_g.weight"][0, 0] = torch.nan
    with pytest.raises(CheckpointError, match=r"1 not finite: emb_g.weight"):
        load_synthesizer(saved(tmp_path, raw))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"vocoder": "RingFormer"}, "vocoder 'RingFormer'; supported are HiFi-GAN"),
        ({"version": "v3"}, "version 'v3'; supported are v1, v2"),
        ({"f0": 0, "vocoder": "RefineGAN"}, "has no pitch, but RefineGAN needs it"),
        ({"f0": "maybe"}, "f0 = 'maybe'"),
        ({"config": [1, 2, 3]}, "config of 3 values"),
        ({"config": None}, "lacks weight and config"),
    ],
)
def test_fields_that_make_no_sense_are_named(tmp_path: Path, change: dict, said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        load_checkpoint(saved(tmp_path, tiny_checkpoint() | change))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (-1, 44_100, "400 samples a frame at 44100 Hz"),
        (9, "2", "residual blocks of type '2'"),
        (2, "wide", "inter_channels = 'wide'"),
    ],
)
def test_configs_that_contradict_themselves_are_refused(tmp_path: Path, place: int, value: object, said: str) -> None:
    raw = tiny_checkpoint()
    raw["config"][place] = value
    with pytest.raises(CheckpointError, match=said):
        load_checkpoint(saved(tmp_path, raw))


def test_the_old_container_of_torch_loads(tmp_path: Path) -> None:
    torch.save(tiny_checkpoint(), tmp_path / "v.pth", _use_new_zipfile_serialization=False)
    assert load_checkpoint(tmp_path / "v.pth").version == "v2"


def test_a_training_checkpoint_and_no_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="training checkpoint"):
        load_checkpoint(saved(tmp_path, {"model": {}, "optimizer": {}, "iteration": 3}, "G_2333.pth"))
    with pytest.raises(CheckpointError, match="is no file"):
        load_checkpoint(tmp_path / "nowhere.pth")


def test_loading_leaves_nothing_of_the_file_open(tmp_path: Path) -> None:
    path = write_voice(tmp_path)
    voice = load_synthesizer(path)
    before = {key: value.clone() for key, value in voice.state_dict().items()}
    path.write_bytes(bytes(path.stat().st_size))
    assert all(torch.equal(before[key], value) for key, value in voice.state_dict().items())
