"""Nothing leaves the device between upload and download, and nothing there is float64, for every kind of voice.

The device is `meta`: its tensors have shapes and no numbers, so whatever would have to look at one (`.item()`,
`.tolist()`, a boolean index, a copy to the host) raises. Downloads of finished samples are counted: one per span.
"""

import copy

import numpy as np
import pytest
import torch
from tiny.encoders import write_encoder
from tiny.foreign import shelf_with, steady
from tiny.indexes import clustered, ivf_index, write_index
from tiny.lines import LineConfig
from tiny.residency import OnDevice
from tiny.sounds import voice_like
from tiny.voices import write_voice

from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.rvc.embed.hubert import load_encoder
from ultimate_rvc.rvc.infer import retrieval, silences, spans
from ultimate_rvc.rvc.infer.faiss_file import read_index
from ultimate_rvc.rvc.infer.pipeline import Pipeline
from ultimate_rvc.rvc.infer.rules import OwnRules
from ultimate_rvc.rvc.synth.noise import GlobalNoise
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer

META, CPU = torch.device("meta"), torch.device("cpu")
RATE_HZ = 16_000
SPANS = 3
VOICES = (
    {"version": "v1", "pitch": True},
    {"version": "v2", "pitch": True},
    {"version": "v2", "pitch": True, "vocoder": "MRF HiFi-GAN"},
    {"version": "v2", "pitch": True, "vocoder": "RefineGAN"},
    {"version": "v1", "pitch": False},
    {"version": "v2", "pitch": False, "rate": 32_000},
)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_encoder(write_encoder(tmp_path_factory.mktemp("encoder")), CPU)


@pytest.fixture
def device_without_numbers(monkeypatch):
    """What a real device has and `meta` has not: seeded draws, and numbers to find silences and cuts by beforehand.

    Returns the shapes of what is downloaded.
    """
    downloads = []
    monkeypatch.setattr(OwnRules, "noise", lambda *_: lambda starts: GlobalNoise())
    monkeypatch.setattr(spans.QuietCuts, "cut_points", lambda *_: [200, 420])
    monkeypatch.setattr(
        silences, "sounding", lambda heard: silences.Stretches((spans.Span(20, 300), spans.Span(320, 600)))
    )
    monkeypatch.setattr(torch.Tensor, "cpu", lambda t: downloads.append(t.shape) or torch.zeros(t.shape))
    return downloads


@pytest.mark.parametrize("kind", VOICES, ids=lambda kind: "-".join(map(str, kind.values())))
@pytest.mark.parametrize("batch", [1, 2])
def test_the_line_stays_on_the_device(kind, batch, encoder, device_without_numbers, tmp_path):
    voice = load_synthesizer(write_voice(tmp_path, **kind), CPU).to(META)
    shelf = shelf_with(steady(), "rmvpe", device="meta")
    options = OptimizationConfig(device="meta", batch_size=batch)
    pipeline = Pipeline(voice.sample_rate_hz, LineConfig(device="meta"), options, shelf=shelf)
    width = voice.feature_channels
    file = read_index(write_index(ivf_index(clustered(200, width), 4), tmp_path / "small.index"))
    pipeline.open_index = lambda *_: retrieval.IndexRetriever(file, META)
    wav = voice_like(6.0, RATE_HZ)
    with OnDevice("meta"):
        out = pipeline.pipeline(
            copy.deepcopy(encoder).to(META), voice, 0, wav, 12, "rmvpe", "small.index", 0.5, kind["pitch"], 0.5,
            kind["version"], 0.33, f0_autotune=True,
        )  # fmt: skip
    # The last second waits for its loudness; of 6 s, 5.6 are sung.
    assert len(device_without_numbers) <= SPANS + 1
    assert sum(size for (size,) in device_without_numbers) == 56 * voice.sample_rate_hz // 10
    assert isinstance(out, np.ndarray) and len(out) == 6 * voice.sample_rate_hz


def test_the_check_notices_a_look_at_a_number(encoder, device_without_numbers, tmp_path):
    class Looking(Pipeline):
        def _retrieve_speaker_embeddings(self, feats, *rest):
            assert feats.mean().item() is not None
            return feats

    voice = load_synthesizer(write_voice(tmp_path, pitch=False), CPU).to(META)
    pipeline = Looking(voice.sample_rate_hz, LineConfig(device="meta"), OptimizationConfig(device="meta"))
    pipeline._index_for = lambda *_: (object(), None)
    with pytest.raises(RuntimeError, match="meta"):
        pipeline.pipeline(
            copy.deepcopy(encoder).to(META), voice, 0, voice_like(1.0, RATE_HZ), 0, "rmvpe", "x", 0.5, False, 1.0,
            "v2", 0.33,
        )  # fmt: skip
