"""Every slice gets pitch and content, once; the list names what is whole; the configuration follows the encoder."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import sounds
from tiny.encoders import write_encoder
from tiny.recordings import write_dataset

from ultimate_rvc import device as devices
from ultimate_rvc.errors import CheckpointError, InputError, OptionError
from ultimate_rvc.options_training import DatasetOptions, FeatureOptions, HardwareOptions, TrainingEmbedderOptions
from ultimate_rvc.rvc.embed.network import HubertSizes
from ultimate_rvc.rvc.train.data.preprocess import preprocess_dataset
from ultimate_rvc.rvc.train.data.slices import write_wav
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.features.content import ContentEncoder, find_encoder, version_of
from ultimate_rvc.rvc.train.features.extraction import extract_features
from ultimate_rvc.rvc.train.hardware import chosen_devices
from ultimate_rvc.rvc.train.hyperparameters import RATES, configuration

OPTIONS = FeatureOptions("swift", cpu_cores=1)
# float32 sums over a batch in another order.
CONTENT_ATOL = 1e-5


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> ContentEncoder:
    """An encoder of four layers whose projection is what a voice gets."""
    folder = write_encoder(tmp_path_factory.mktemp("encoders") / "small", hidden=48, layers=4)
    return find_encoder(TrainingEmbedderOptions("custom", str(folder)))


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    experiment = Experiment(tmp_path / "voice")
    preprocess_dataset(experiment, write_dataset(tmp_path / "takes"), DatasetOptions(32_000))
    return experiment


def extract(experiment: Experiment, encoder: ContentEncoder, options: FeatureOptions = OPTIONS):
    return extract_features(experiment, encoder, options, [devices.choose("cpu")])


def rows(experiment: Experiment) -> list[list[str]]:
    return [line.split("|") for line in experiment.filelist.read_text().split("\n")]


def made(experiment: Experiment) -> dict[str, int]:
    folders = [path for path in experiment.folder.iterdir() if "f0" in path.name or "extracted" in path.name]
    return {str(path): path.stat().st_mtime_ns for folder in folders for path in folder.iterdir()}


def test_every_slice_has_pitch_and_content_of_the_fields_types(experiment, small):
    extracted = extract(experiment, small)
    names = sorted(path.stem for path in experiment.slices.iterdir())
    assert extracted.slices == len(names) and not extracted.left_out and extracted.version == "v1"
    voiced = 0
    for audio, content, coarse, pitch, speaker in rows(experiment)[: len(names)]:
        samples = sounds.soundfile.info(str(experiment.slices_16k / Path(audio).name)).frames
        features, steps, f0 = map(np.load, (content, coarse, pitch))
        assert features.dtype == np.float32 and features.shape == ((samples - 80) // 320, 256)
        assert steps.dtype == np.int64 and f0.dtype == np.float32
        assert len(steps) == len(f0) == samples // 160 >= 2 * len(features)
        assert 1 <= steps.min() <= steps.max() <= 255 and speaker == "0"
        voiced += np.count_nonzero(f0)
    assert voiced > 500


def test_the_list_has_silence_for_every_speaker_and_nothing_twice(experiment, small):
    write_wav(experiment.slices / "7_9_0.wav", np.zeros(32_000, np.float32), 32_000)
    write_wav(experiment.slices_16k / "7_9_0.wav", np.zeros(16_000, np.float32), 16_000)
    extracted = extract(experiment, small, FeatureOptions("swift", include_mutes=3, cpu_cores=1))
    listed = rows(experiment)
    mutes = [row[4] for row in listed if "mute" in row[0]]
    assert sorted(mutes) == ["0"] * 3 + ["7"] * 3 and extracted.speakers == 8
    assert len({tuple(row) for row in listed}) == extracted.slices + 2
    assert all(Path(path).is_file() for row in listed for path in row[:4])
    info = json.loads(experiment.info.read_text())
    assert info["speakers_id"] == 8 and info["sample_rate"] == 32_000
    assert (info["embedder_model"], f"custom_{info['custom_embedder_model_hash']}") == (small.name, small.id)


def test_silence_is_what_the_encoder_itself_makes_of_it(experiment, small):
    extract(experiment, small)
    mute = experiment.mute
    content = np.load(mute.features(small.id) / "mute.npy")
    heard = small.load(torch.device("cpu"))(torch.zeros(1, 48_000))[0].numpy()
    assert np.array_equal(content, heard) and content.shape == (149, 256)
    assert not np.load(mute.pitch("swift") / "mute.wav.npy").any()
    assert set(np.load(mute.coarse("swift") / "mute.wav.npy")) == {1}


def test_no_silence_is_added_where_none_is_wanted(experiment, small):
    extract(experiment, small, FeatureOptions("swift", include_mutes=0, cpu_cores=1))
    assert not experiment.mute.folder.exists() and "mute" not in experiment.filelist.read_text()


def test_a_second_run_measures_nothing_again(experiment, small):
    extract(experiment, small)
    before, listed = made(experiment), experiment.filelist.read_text()
    extract(experiment, small)
    assert made(experiment) == before and experiment.filelist.read_text() == listed


def test_only_what_is_missing_or_older_than_its_slice_is_measured(experiment, small):
    extract(experiment, small)
    before = made(experiment)
    lost = experiment.pitch("swift") / "0_0_0.wav.npy"
    lost.unlink()
    (experiment.slices_16k / "0_0_1.wav").touch()
    (experiment.features(small.id) / "5_5_5.npy").touch()
    (experiment.coarse("swift") / ".77.part").touch()
    extract(experiment, small)
    again = {path for path, at in made(experiment).items() if at != before.get(path)}
    assert {Path(path).name.split(".")[0] for path in again} == {"0_0_0", "0_0_1"}
    assert made(experiment).keys() == before.keys()


def test_content_does_not_depend_on_who_else_is_in_the_batch(experiment, small):
    extract(experiment, small)
    hear = small.load(torch.device("cpu"))
    for path in experiment.features(small.id).iterdir():
        wav, _ = sounds.soundfile.read(experiment.slices_16k / f"{path.stem}.wav", dtype="float32")
        alone = hear(torch.from_numpy(wav)[None])[0].numpy()
        assert np.allclose(np.load(path), alone, rtol=0, atol=CONTENT_ATOL)


def test_several_threads_measure_the_same(experiment, small, tmp_path):
    extract(experiment, small)
    before = {path: np.load(path) for path in experiment.features(small.id).iterdir()}
    for path in before:
        path.unlink()
    extract(experiment, small, FeatureOptions("swift", cpu_cores=3 * torch.get_num_threads()))
    for path, array in before.items():
        assert np.array_equal(np.load(path), array)


def test_a_slice_whose_content_is_no_number_is_left_out(experiment, small, monkeypatch):
    load = ContentEncoder.load

    def broken(self, device):
        """Fails at slices that are shorter than the window."""
        hear = load(self, device)
        return lambda wav: hear(wav) * (float("nan") if wav.shape[1] < 48_000 else 1.0)

    monkeypatch.setattr(ContentEncoder, "load", broken)
    extracted = extract(experiment, small)
    assert extracted.left_out and extracted.slices
    assert not set(extracted.left_out) & {Path(row[0]).stem for row in rows(experiment)}


def test_the_configuration_is_of_the_rate_and_the_encoder(experiment, small):
    extract(experiment, small)
    held = json.loads(experiment.config.read_text())
    assert held == configuration(32_000, 256) and held["model"]["text_enc_hidden_dim"] == 256


def test_a_configuration_that_fits_is_kept_and_another_is_not(experiment, small):
    smaller = configuration(32_000, 256)
    smaller["model"]["upsample_initial_channel"] = 128
    experiment.config.write_text(json.dumps(smaller))
    extract(experiment, small)
    assert json.loads(experiment.config.read_text()) == smaller
    for other in (configuration(40_000, 256), configuration(32_000, 768), {}):
        experiment.config.write_text(json.dumps(other))
        extract(experiment, small)
        assert json.loads(experiment.config.read_text()) == configuration(32_000, 256)


@pytest.mark.parametrize("rate", RATES)
def test_the_vocoders_factors_give_a_hundred_frames_a_second(rate):
    config = configuration(rate, 768)
    assert config["data"]["hop_length"] * 100 == rate
    assert config["train"]["segment_size"] % config["data"]["hop_length"] == 0


@pytest.mark.parametrize("hidden, projected, version", [(768, 256, "v2"), (768, 12, "v2"), (192, 256, "v1")])
def test_the_encoders_width_decides_the_version(hidden, projected, version):
    sizes = HubertSizes(hidden_size=hidden, num_attention_heads=4, classifier_proj_size=projected)
    assert version_of(sizes) == version


def test_an_encoder_that_no_voice_takes_is_refused():
    with pytest.raises(CheckpointError, match="hidden size 192 with a final_proj of 100"):
        version_of(HubertSizes(hidden_size=192, num_attention_heads=4, classifier_proj_size=100))


def test_a_training_without_slices_says_what_to_do(tmp_path, small):
    with pytest.raises(InputError, match="preprocess-dataset"):
        extract(Experiment(tmp_path / "none"), small)


def test_devices_follow_the_options():
    assert [one.kind for one in chosen_devices(HardwareOptions("CPU"))] == ["cpu"]
    assert chosen_devices(HardwareOptions())[0] == devices.choose("auto")
    with pytest.raises(OptionError, match="no gpu_id"):
        HardwareOptions("GPU")
    with pytest.raises(OptionError, match="gpu_id is for"):
        HardwareOptions("CPU", (0,))
