"""Every RVC_* flag and preset does something that can be seen, and precedence is as promised."""

import logging

import numpy as np
import pytest
import torch
from tiny.encoders import write_encoder
from tiny.foreign import shelf_with, steady
from tiny.lines import LineConfig
from tiny.sounds import voice_like
from tiny.voices import write_voice

from ultimate_rvc.errors import DeviceError, OptionError
from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.rvc.embed.hubert import load_encoder
from ultimate_rvc.rvc.infer import retrieval
from ultimate_rvc.rvc.infer.highpass import DeviceHighpass, HostHighpass
from ultimate_rvc.rvc.infer.infer import PipelineConfig
from ultimate_rvc.rvc.infer.optimization import PerformanceProfiler, get_default_config, resolve
from ultimate_rvc.rvc.infer.pipeline import Pipeline
from ultimate_rvc.rvc.infer.rules import UpstreamRules
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer

CPU = torch.device("cpu")
RATE_HZ = 16_000


@pytest.fixture
def clean_environment(monkeypatch):
    for name in ("GPU_RETRIEVAL", "USE_FP16", "GPU_FILTER", "BATCH_SIZE", "DEVICE", "PROFILING", "STRICT_PARITY"):
        monkeypatch.delenv(f"RVC_{name}", raising=False)
    monkeypatch.delenv("URVC_CONFIG", raising=False)
    return monkeypatch


def pipeline_from_env() -> Pipeline:
    return Pipeline(32_000, LineConfig(), OptimizationConfig.from_env())


def test_gpu_filter_chooses_the_filter(clean_environment):
    assert isinstance(pipeline_from_env().highpass, DeviceHighpass)
    clean_environment.setenv("RVC_GPU_FILTER", "no")
    assert isinstance(pipeline_from_env().highpass, HostHighpass)


def test_gpu_retrieval_chooses_the_search_and_says_so(clean_environment, tmp_path, caplog):
    import faiss

    index = faiss.IndexFlatL2(768)
    index.add(np.random.default_rng(0).standard_normal((40, 768)).astype(np.float32))
    path = tmp_path / "voice.index"
    faiss.write_index(index, str(path))
    with caplog.at_level(logging.INFO):
        pipeline_from_env().open_index(path)
    assert "Loaded 40 embeddings to cpu for GPU-accelerated retrieval" in caplog.messages
    clean_environment.setenv("RVC_GPU_RETRIEVAL", "0")
    assert isinstance(pipeline_from_env().open_index(path), retrieval.FaissRetriever)


@pytest.mark.parametrize("on_device", ["1", "0"])
def test_exact_retrieval_searches_every_list(clean_environment, tmp_path, on_device):
    clean_environment.setenv("RVC_GPU_RETRIEVAL", on_device)
    path = two_list_index(tmp_path)
    # The query lies in the first list's cell while its nearest row is in the second list.
    query = torch.tensor([[[0.45, 0.0]]]).float()
    near = pipeline_from_env().open_index(path)(query)
    clean_environment.setenv("RVC_EXACT_RETRIEVAL", "1")
    exact = pipeline_from_env().open_index(path)(query)
    assert near[0, 0, 0] < 0.1 < exact[0, 0, 0]


def two_list_index(folder):
    """Lists around 0 and 1; the second holds a row at 0.55."""
    import faiss

    quantizer = faiss.IndexFlatL2(2)
    quantizer.add(np.array([[0, 0], [1, 0]], np.float32))
    index = faiss.IndexIVFFlat(quantizer, 2, 2)
    index.is_trained = True
    rows = [[-0.1 * i, 0.0] for i in range(10)] + [[0.55 + 0.1 * i, 0.0] for i in range(10)]
    index.add(np.array(rows, np.float32))
    faiss.write_index(index, str(folder / "two.index"))
    return folder / "two.index"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studio")
    return load_encoder(write_encoder(folder / "encoder"), CPU), load_synthesizer(write_voice(folder, rate=32_000), CPU)


def convert(studio, wav, **fields) -> tuple[np.ndarray, Pipeline]:
    pipeline = Pipeline(32_000, LineConfig(), OptimizationConfig(device="cpu", **fields), shelf=shelf_with(steady()))
    out = pipeline.pipeline(*studio, 0, wav, 0, "swift", "", 0.0, True, 1.0, "v2", 0.33)
    return out, pipeline


def test_batch_size_is_the_number_of_spans_per_call(studio):
    wav = voice_like(8.0, RATE_HZ)
    calls = {}
    for size in (1, 4):
        _, pipeline = convert(studio, wav, batch_size=size, enable_profiling=True)
        calls[size] = next(cost.calls for cost in pipeline.profiler.costs() if cost.stage == "synthesize")
    # On a CPU only windows of one length go together.
    assert calls[1] == 4 and calls[4] < 4


# Half precision keeps 11 bits; a voice at 35 dB of signal to noise cannot be told from fp32 in a mix.
FP16_SNR_DB = 35.0


def test_fp16_changes_samples_and_stays_close(studio):
    wav = voice_like(2.0, RATE_HZ)
    full, _ = convert(studio, wav)
    half, _ = convert(studio, wav, use_fp16=True)
    error = np.sum((full - half) ** 2)
    assert error > 0
    assert 10 * np.log10(np.sum(full**2) / error) > FP16_SNR_DB


def test_profiling_measures_every_stage(studio):
    _, pipeline = convert(studio, voice_like(1.0, RATE_HZ), enable_profiling=True)
    rows = {cost.stage: cost for cost in pipeline.profiler.costs()}
    assert {"highpass", "cut", "pitch", "embed", "synthesize", "finish"} <= set(rows)
    assert all(cost.seconds > 0 and cost.peak_memory_bytes > 0 for cost in rows.values())
    assert all(stage in pipeline.profiler.table() for stage in rows)


def test_a_profiler_that_is_off_measures_nothing():
    profiler = PerformanceProfiler(CPU, enabled=False)
    with profiler.stage("x"):
        pass
    assert profiler.costs() == []


def test_strict_parity_takes_upstreams_rules_and_precision(clean_environment):
    clean_environment.setenv("RVC_STRICT_PARITY", "1")
    config = resolve({"use_fp16": True, "batch_size": 8})
    assert isinstance(Pipeline(32_000, LineConfig(), config).rules, UpstreamRules)
    assert (config.use_fp16, config.batch_size) == (False, 1)


def test_precedence_is_argument_environment_preset_default(clean_environment):
    preset = {"batch_size": 2, "index_rate": 0.9}
    assert resolve({}).batch_size == 1
    assert resolve({}, preset).batch_size == 2
    clean_environment.setenv("RVC_BATCH_SIZE", "3")
    assert resolve({}, preset).batch_size == 3
    assert resolve({"batch_size": 4}, preset).batch_size == 4


def test_a_preset_from_the_environment_reaches_the_default(clean_environment, tmp_path):
    (tmp_path / "mine.yaml").write_text("batch_size: 5\n")
    clean_environment.setenv("URVC_CONFIG_DIR", str(tmp_path))
    clean_environment.setenv("URVC_CONFIG", "mine")
    assert get_default_config().batch_size == 5


@pytest.mark.parametrize("word", ["true", "1", "YES", "on", " On "])
def test_true_is_written_in_many_ways(word):
    assert OptimizationConfig.from_env({"RVC_USE_FP16": word}).use_fp16


@pytest.mark.parametrize("variable", ["RVC_USE_FP16", "RVC_GPU_FILTER", "RVC_BATCH_SIZE", "RVC_PROFILING"])
def test_anything_else_is_an_error_that_names_the_variable(variable):
    with pytest.raises(OptionError, match=f"{variable} is 'maybe'"):
        OptimizationConfig.from_env({variable: "maybe"})


@pytest.mark.parametrize("name", ["cuda:7", "mps", "toaster"])
def test_a_device_that_is_not_there_is_an_error_that_lists_those_that_are(clean_environment, name):
    if name == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has an Apple GPU")
    clean_environment.setenv("RVC_DEVICE", name)
    with pytest.raises(DeviceError, match=r"choose from .*cpu"):
        get_default_config()


def test_span_lengths_follow_the_memory():
    from ultimate_rvc.device import Device

    devices = [Device(CPU, "", int(gb * 1024**3)) for gb in (4, 16)]
    small, large = (PipelineConfig.for_device(device).x_center for device in devices)
    assert small < large
    small, large = (PipelineConfig.for_device(device, strict_parity=True) for device in devices)
    assert (small.x_pad, small.x_query, small.x_center, small.x_max) == (1, 5, 30, 32)
    assert (large.x_pad, large.x_query, large.x_center, large.x_max) == (1, 6, 38, 41)


def test_apple_silicon_may_use_seventy_percent_of_its_memory():
    from ultimate_rvc.device import effective_memory

    assert effective_memory("mps", 10_000) == 7_000
    assert effective_memory("cpu", 10_000) == 10_000
