"""The starter's encoder: its labels lie where its frames are, and what it learns is a HuBERT that others open."""

import random

import numpy as np
import pytest
import torch

from starter.corpus.phones import Phone, fitted, joined
from starter.corpus.texts import sentences
from starter.encoder.align import aligned
from starter.encoder.codes import CLASSES, NAME, SOUND, class_of, marks, phone_of_class
from starter.encoder.corpus import Corpus
from starter.encoder.network import Learner, export
from starter.encoder.train import CROP_S, draw, losses
from ultimate_rvc.rvc.embed.hubert import embedder_for, load_encoder
from ultimate_rvc.rvc.embed.network import HubertSizes

# float32 sums in another order, through five layers.
SAME = 2e-4
SMALL = HubertSizes(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, conv_dim=(8,) * 7,
    num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2,
)  # fmt: skip
PHONES = [Phone(0, 0.3, "sil"), Phone(0.3, 0.6, "s"), Phone(0.6, 1.2, "ey")]


@pytest.fixture
def learner() -> Learner:
    torch.manual_seed(0)
    points = np.random.default_rng(0).standard_normal((CLASSES, SOUND + NAME)).astype(np.float32)
    return Learner(points, SMALL).eval()


def test_silences_that_meet_are_one_and_empty_phones_go():
    phones = [Phone(0, 0.1, "sil"), Phone(0.1, 0.1, "t"), Phone(0.1, 0.3, "sil"), Phone(0.3, 0.4, "m")]
    assert joined(phones) == [Phone(0, 0.3, "sil"), Phone(0.3, 0.4, "m")]


def test_phones_end_with_the_sound():
    assert fitted(PHONES, 2.4)[1] == Phone(0.6, 1.2, "s")


def test_every_mark_names_the_third_that_sounds():
    heard = marks(PHONES, 250)
    assert heard[30] == 0
    assert [heard[200 * t // 100] for t in (35, 45, 55)] == [class_of("s", third) for third in range(3)]
    assert heard[239] == class_of("ey", 2)
    assert not heard[240:].any()


def test_every_class_knows_its_phone():
    assert phone_of_class()[class_of("zh", 2)] == 39
    assert len(phone_of_class()) == CLASSES


def test_the_best_path_finds_where_phones_change():
    names = ["sil", "s", "ey", "sil"]
    truth = [0] * 10 + [class_of("s", k) for k in range(3) for _ in range(4)] + [class_of("ey", k) for k in (0, 2)] * 6
    truth[22:] = [class_of("ey", 0)] * 6 + [class_of("ey", 2)] * 6 + [0] * 8
    beliefs = np.full((len(truth), CLASSES), -6.0)
    beliefs[np.arange(len(truth)), truth] = -0.1
    phones, belief = aligned(beliefs, names)
    assert [phone.name for phone in phones] == names
    assert [round(phone.start_s / 0.02) for phone in phones] == [0, 10, 22, 34]
    assert belief == pytest.approx(-0.1)


def test_sentences_are_the_same_for_the_same_seed():
    words = ["one", "two", "three"]
    assert sentences(3, random.Random(1), words) == sentences(3, random.Random(1), words)


def _corpus() -> Corpus:
    count = 4000
    classes = torch.arange(count) % CLASSES
    wave = (torch.randn(count * 80) * 3000).to(torch.int16)
    return Corpus(wave, classes, torch.zeros(count), torch.tensor([0]), torch.tensor([count]), torch.tensor([1.0]))


def test_a_batch_has_a_class_for_every_frame(learner):
    batch = draw(_corpus(), torch.Generator().manual_seed(0), rows=2)
    assert batch.wav.shape == (2, int(CROP_S * 16_000))
    assert batch.classes.shape == learner(batch.wav).shape[:2] == batch.loudness.shape[:2]
    assert batch.wav.isfinite().all()
    loss, told = losses(learner, batch, half=False)
    assert loss.isfinite() and 0 <= told["phones"] <= 1


def test_the_engine_hears_what_was_learnt(learner, tmp_path):
    export(learner, tmp_path)
    wav = torch.randn(1, 16_000) * 0.1
    features = embedder_for(load_encoder(tmp_path, "cpu"), "v1")(wav)
    heard = learner(wav)
    assert features.shape == (1, heard.shape[1], 256)
    # Columns of equal length at right angles keep distances, up to that length.
    assert _distances(features) == pytest.approx(2 * _distances(heard.detach()), abs=SAME)


def _distances(rows: torch.Tensor) -> torch.Tensor:
    return torch.cdist(rows[0], rows[0], compute_mode="donot_use_mm_for_euclid_dist")


def test_transformers_hears_the_same(learner, tmp_path):
    transformers = pytest.importorskip("transformers")
    export(learner, tmp_path)
    theirs = transformers.HubertModel.from_pretrained(tmp_path).eval()
    wav = torch.randn(1, 16_000) * 0.1
    ours = load_encoder(tmp_path, "cpu")
    with torch.no_grad():
        assert theirs(wav)["last_hidden_state"] == pytest.approx(ours(wav)["last_hidden_state"], abs=SAME)
