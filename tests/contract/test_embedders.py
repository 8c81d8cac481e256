"""Every embedder keeps the seam's promises: wav [B, T] at 16 kHz → features [B, L, D], L = (T - 80) // 320."""

import pytest
import torch
from tiny.encoders import write_encoder

from ultimate_rvc.rvc.embed import front
from ultimate_rvc.rvc.embed.hubert import embedder_for, load_encoder

# A batch may be multiplied in another order than a row; features are of size 1 to 4.
BATCH_TOLERANCE = 1e-5
WIDTHS = {"v1": 256, "v2": 768}


class Foreign:
    """An encoder of somebody else's making around a real one."""

    def __init__(self, model):
        self.model, self.final_proj = model, model.final_proj

    def __call__(self, wav):
        return {"last_hidden_state": self.model(wav)["last_hidden_state"]}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_encoder(write_encoder(tmp_path_factory.mktemp("encoder")), "cpu")


@pytest.fixture(params=[(kind, version) for kind in ("own", "strict", "foreign") for version in WIDTHS], ids="-".join)
def embedder(request, encoder, monkeypatch):
    kind, version = request.param
    monkeypatch.setattr(front, "TILE_FRAMES", 20)
    monkeypatch.setattr(front, "conv_limit", lambda device: 1000)
    made = embedder_for(Foreign(encoder) if kind == "foreign" else encoder, version, strict_parity=kind == "strict")
    made.width = WIDTHS[version]
    return made


def wavs(rows: int, samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(rows, samples, generator=torch.Generator().manual_seed(samples))


@pytest.mark.parametrize("samples", [400, 719, 720, 16_000, 20_079, 20_080])
def test_frames_follow_the_rule(embedder, samples):
    assert embedder(wavs(1, samples)).shape == (1, (samples - 80) // 320, embedder.width)


def test_two_calls_give_equal_features(embedder):
    wav = wavs(1, 9000)
    assert torch.equal(embedder(wav), embedder(wav))


def test_a_row_of_a_batch_equals_the_row_alone(embedder):
    batch = wavs(3, 9000) * torch.tensor([[1.0], [0.01], [3.0]])  # the norm over time must not mix loud and soft
    together = embedder(batch)
    for row, features in zip(batch, together, strict=True):
        assert (embedder(row[None])[0] - features).abs().max() < BATCH_TOLERANCE


def test_the_input_is_unchanged_and_its_kind_kept(embedder):
    wav = wavs(2, 5000)
    before = wav.clone()
    features = embedder(wav)
    assert torch.equal(wav, before)
    assert (features.dtype, features.device) == (wav.dtype, wav.device)
    assert not features.requires_grad


def test_silence_gives_finite_features(embedder):
    assert embedder(torch.zeros(1, 5000)).isfinite().all()
