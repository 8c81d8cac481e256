"""The index opens in FAISS and here, holds every feature, and is the same each time."""

import json
from pathlib import Path

import faiss
import numpy as np
import pytest
import torch
from tiny.indexes import clustered

from ultimate_rvc.errors import IndexFileError, InputError
from ultimate_rvc.options_training import IndexOptions
from ultimate_rvc.rvc.infer.faiss_file import read_index
from ultimate_rvc.rvc.infer.retrieval import load_index
from ultimate_rvc.rvc.train import index as indexes
from ultimate_rvc.rvc.train.experiment import Experiment
from ultimate_rvc.rvc.train.index import build_index, lists_for

WIDTH, ROWS = 256, 900
# float32 sums of squares in another order.
SCORE_RTOL = 1e-4


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """A training whose features lie in two files, and in a folder by a custom encoder's hash."""
    experiment = Experiment(tmp_path / "Anna")
    folder = experiment.features("custom_ab12")
    folder.mkdir(parents=True)
    facts = {"sample_rate": 32_000, "embedder_model": "mine", "custom_embedder_model_hash": "ab12"}
    experiment.info.write_text(json.dumps(facts))
    rows = clustered(ROWS, WIDTH)
    np.save(folder / "0_0_0.npy", rows[:400])
    np.save(folder / "0_0_1.npy", rows[400:])
    return experiment


def test_faiss_and_the_engine_find_the_same_neighbours(experiment: Experiment) -> None:
    path = build_index(experiment, IndexOptions())
    theirs, ours = faiss.read_index(str(path)), load_index(path, "cpu", dimensions=WIDTH)
    assert path == experiment.folder / "Anna.index"
    assert (theirs.ntotal, theirs.d, theirs.nlist, theirs.nprobe) == (ROWS, WIDTH, ROWS // 39, 1)
    queries = clustered(50, WIDTH, seed=3)
    scores, ids = theirs.search(queries, 8)
    own_scores, own_ids = ours.search(queries, 8)
    assert np.array_equal(ids, own_ids) and np.allclose(scores, own_scores, rtol=SCORE_RTOL)
    assert torch.isfinite(ours(torch.from_numpy(queries)[None])).all()


def test_the_index_holds_every_feature_once(experiment: Experiment) -> None:
    stored = read_index(build_index(experiment, IndexOptions()))
    assert np.array_equal(np.sort(stored.vectors, axis=0), np.sort(clustered(ROWS, WIDTH), axis=0))
    assert sorted(stored.ids) == list(range(ROWS))


def test_the_same_features_give_the_same_bytes(experiment: Experiment) -> None:
    first = build_index(experiment, IndexOptions()).read_bytes()
    assert build_index(experiment, IndexOptions()).read_bytes() == first


def test_an_index_made_by_a_process_of_its_own_is_the_same(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_index(experiment, IndexOptions()).read_bytes()
    monkeypatch.setattr(indexes, "must_be_apart", lambda: True)
    experiment.index.unlink()
    assert build_index(experiment, IndexOptions()).read_bytes() == first
    (experiment.features("custom_ab12") / "0_0_1.npy").write_bytes(b"no array")
    with pytest.raises(IndexFileError, match=r"Anna.index could not be made: .*0_0_1.npy cannot be read"):
        build_index(experiment, IndexOptions())


@pytest.mark.parametrize("algorithm, total", [("Auto", 60), ("KMeans", 60), ("Faiss", ROWS)])
def test_large_sets_are_boiled_down_unless_faiss_is_asked_for(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, algorithm: str, total: int
) -> None:
    monkeypatch.setattr(indexes, "LARGE_ROWS", ROWS - 1)
    monkeypatch.setattr(indexes, "CENTRES", 60)
    stored = read_index(build_index(experiment, IndexOptions(algorithm)))
    assert len(stored.vectors) == total


def test_small_sets_are_never_boiled_down(experiment: Experiment) -> None:
    assert len(read_index(build_index(experiment, IndexOptions("KMeans"))).vectors) == ROWS


def test_centres_are_where_the_features_are() -> None:
    rows = clustered(600, 16, clusters=12)
    centres = indexes.centres_of(rows, 24)
    nearest = np.sqrt(((rows[:, None] - centres[None]) ** 2).sum(-1)).min(1)
    assert centres.dtype == np.float32 and centres.shape == (24, 16)
    assert np.median(nearest) < 2  # clouds are half a unit wide in each of 16 directions, and four apart


@pytest.mark.parametrize(
    "rows, lists", [(1, 1), (38, 1), (39, 1), (78, 2), (10_000, 256), (166_000, 4256), (1_000_000, 16_000)]
)
def test_the_number_of_lists(rows: int, lists: int) -> None:
    assert lists_for(rows) == lists


def test_few_features_are_an_index_too(experiment: Experiment) -> None:
    folder = experiment.features("custom_ab12")
    (folder / "0_0_1.npy").unlink()
    np.save(folder / "0_0_0.npy", clustered(5, WIDTH))
    assert faiss.read_index(str(build_index(experiment, IndexOptions()))).ntotal == 5


def test_what_is_missing_or_broken_says_what_to_do(experiment: Experiment, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no features; run 'urvc train extract-features'"):
        build_index(Experiment(tmp_path / "none"), IndexOptions())
    (experiment.features("custom_ab12") / "0_0_0.npy").write_bytes(b"")
    with pytest.raises(InputError, match=r"0_0_0.npy cannot be read"):
        build_index(experiment, IndexOptions())
    experiment.info.write_text("{")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        build_index(experiment, IndexOptions())
