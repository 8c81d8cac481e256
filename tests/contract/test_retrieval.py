"""The retriever's promises, for every way to search and for FAISS on the host."""

import logging

import faiss
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny.indexes import clustered, flat_index, ivf_index, slow_retrieve, slow_search, stored, write_index
from tiny.residency import OnDevice

from ultimate_rvc.errors import IndexFileError
from ultimate_rvc.rvc.infer import host_neighbours, neighbours
from ultimate_rvc.rvc.infer.faiss_file import parse_index
from ultimate_rvc.rvc.infer.host_neighbours import HostSearch, SortedLists
from ultimate_rvc.rvc.infer.neighbours import AllRows, Lists, PaddedLists, Search
from ultimate_rvc.rvc.infer.retrieval import FaissRetriever, IndexRetriever, from_faiss, load_index

CPU = torch.device("cpu")


def way_of(search, candidates):
    def build(index):
        lists = Lists(index, CPU)
        return search(lists, candidates(lists))

    return build


DEVICE_WAYS = {"all rows": way_of(Search, AllRows), "padded lists": way_of(Search, PaddedLists)}
HOST_WAYS = {"host, all rows": way_of(HostSearch, AllRows), "host, sorted lists": way_of(HostSearch, SortedLists)}
WAYS = [pytest.param(way, id=name) for name, way in (DEVICE_WAYS | HOST_WAYS).items()]
# float32 sums of squares in another order than the oracle's float64.
SCORE_RTOL = 1e-5
FEATURE_ATOL = 2e-6
VECTORS, QUERIES = clustered(400), clustered(60, seed=9)


def searching(index, way=None, **options) -> IndexRetriever:
    retriever = IndexRetriever(index, "cpu", **options)
    if way is not None:
        retriever._search = way(index)
    return retriever


def parsed(index):
    return parse_index(faiss.serialize_index(index), name="test")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("nprobe", [1, 3, 11])
def test_neighbours_and_scores_are_faiss_own(way, nprobe):
    index = ivf_index(VECTORS, 11, nprobe=nprobe)
    scores, ids = index.search(QUERIES, 8)
    ours, found = searching(parsed(index), way).search(QUERIES, 8)
    assert np.array_equal(found, ids)
    assert np.allclose(ours, scores, rtol=SCORE_RTOL)


@pytest.mark.parametrize("way", WAYS)
def test_features_are_upstreams_weighted_means(way):
    index = ivf_index(VECTORS, 11)
    score, ids = index.search(QUERIES, k=8)
    full = (ids >= 0).all(1)
    weight = np.square(1 / score[full])
    expected = ((weight / weight.sum(1, keepdims=True))[..., None] * VECTORS[ids[full]]).sum(1)
    got = searching(parsed(index), way)(torch.from_numpy(QUERIES)[None])[0].numpy()[full]
    assert full.sum() > 30
    assert np.allclose(got, expected, atol=FEATURE_ATOL)


@pytest.mark.parametrize("way", WAYS)
def test_the_slow_way_agrees_on_awkward_lists(way):
    lists = [VECTORS[:0], VECTORS[:300], VECTORS[300:303], VECTORS[:0], VECTORS[303:304], VECTORS[304:310]]
    index = stored(lists, clustered(6, seed=3), nprobe=2)
    got = searching(index, way)(torch.from_numpy(QUERIES)[None])[0].numpy()
    assert np.allclose(got, slow_retrieve(index, QUERIES), atol=FEATURE_ATOL)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=7), st.integers(1, 7), st.integers(0, 99), st.integers(1, 12))
def test_any_sizes_of_lists_give_the_slow_ways_distances(way, sizes, nprobe, seed, k):
    sizes[0] += 1
    parts = [clustered(size, 5, seed=seed + i) for i, size in enumerate(sizes)]
    index = stored(parts, clustered(len(sizes), 5, seed=seed), nprobe=min(nprobe, len(sizes)))
    queries = clustered(9, 5, seed=seed + 50)
    scores, ids = searching(index, way).search(queries, k)
    for ours, found, slow in zip(scores, ids, slow_search(index, queries, k)[0], strict=True):
        assert np.allclose(ours[: len(slow)], slow, rtol=SCORE_RTOL)
        assert (found[len(slow) :] == -1).all() and (ours[len(slow) :] == neighbours.NO_SCORE).all()


@pytest.mark.parametrize("way", WAYS)
def test_blocks_of_any_size_give_the_same(way, monkeypatch):
    index = parsed(ivf_index(VECTORS, 11, nprobe=2))
    whole = searching(index, way).search(QUERIES, 8)
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", {"cpu": 5_000})
    monkeypatch.setattr(host_neighbours, "BLOCK_PAIRS", 7)
    monkeypatch.setattr(neighbours, "BLOCK_ROWS", 37)
    blocked = searching(index, way).search(QUERIES, 8)
    assert np.array_equal(whole[1], blocked[1])
    assert np.allclose(whole[0], blocked[0], rtol=SCORE_RTOL)


@pytest.mark.parametrize("way", WAYS)
def test_a_stored_vector_comes_back_alone(way):
    retriever = searching(parsed(ivf_index(VECTORS, 11)), way)
    assert np.array_equal(retriever(torch.from_numpy(VECTORS)[None])[0].numpy(), VECTORS)


@pytest.mark.parametrize("way", WAYS)
def test_equal_vectors_share_their_weight(way):
    index = stored([np.concatenate([VECTORS[:1]] * 5 + [VECTORS[1:20]])], np.zeros((1, 16)))
    got = searching(index, way)(torch.from_numpy(VECTORS[:1])[None])[0].numpy()
    assert np.allclose(got, VECTORS[:1], atol=FEATURE_ATOL)


@pytest.mark.parametrize("way", WAYS)
def test_no_neighbour_leaves_the_feature(way):
    index = stored([VECTORS[:0], VECTORS[:20]], np.stack([np.zeros(16), np.full(16, 50.0)]))
    features = torch.from_numpy(QUERIES)[None]
    assert torch.equal(searching(index, way)(features), features)


def test_fewer_than_eight_vectors_are_enough():
    index = stored([VECTORS[:3]], np.zeros((1, 16)))
    got = searching(index)(torch.from_numpy(QUERIES)[None])[0].numpy()
    assert np.allclose(got, slow_retrieve(index, QUERIES), atol=FEATURE_ATOL)


def test_vectors_far_from_the_origin_keep_their_neighbours():
    far = VECTORS + np.float32(30)
    index = stored([far], np.zeros((1, 16)))
    scores, _ = searching(index).search(QUERIES + np.float32(30), 8)
    assert np.allclose(scores, slow_search(index, QUERIES + np.float32(30), 8)[0], rtol=SCORE_RTOL)


@pytest.mark.parametrize("scale", [1e-15, 1e15])
def test_weights_never_overflow(scale):
    index = stored([VECTORS * np.float32(scale)], np.zeros((1, 16)))
    got = searching(index)(torch.from_numpy(QUERIES * np.float32(scale))[None])
    assert torch.isfinite(got).all()


def test_exact_search_finds_what_the_lists_miss():
    index = parsed(ivf_index(VECTORS, 40))
    exact = searching(index, exact=True).search(QUERIES, 8)
    assert np.allclose(exact[0], slow_search(index.flattened(), QUERIES, 8)[0], rtol=SCORE_RTOL)
    assert exact[0].sum() < searching(index).search(QUERIES, 8)[0].clip(max=1e6).sum()


def retrievers(tmp_path):
    path = write_index(ivf_index(VECTORS, 11), tmp_path / "v.index")
    return [load_index(path, "cpu"), load_index(path, "cpu", exact=True), FaissRetriever(path)]


def test_every_retriever_keeps_the_contract(tmp_path):
    features = torch.from_numpy(clustered(2 * 15, seed=2)).view(2, 15, 16)
    before = features.clone()
    for retriever in retrievers(tmp_path):
        out = retriever(features)
        assert out.shape == features.shape and out.dtype == features.dtype and torch.isfinite(out).all()
        assert torch.equal(features, before)
        assert torch.equal(out, retriever(features))
        assert torch.allclose(out[1:], retriever(features[1:]), atol=FEATURE_ATOL)
        assert retriever(features.half()).dtype == torch.float16
        assert retriever(features[:, :0]).shape == (2, 0, 16)


def test_the_host_and_the_device_agree(tmp_path):
    device, _, host = retrievers(tmp_path)
    features = torch.from_numpy(np.concatenate([QUERIES, VECTORS[:40]]))[None]
    assert torch.allclose(device(features), host(features), atol=FEATURE_ATOL)


@pytest.mark.parametrize("way", DEVICE_WAYS.values(), ids=DEVICE_WAYS)
def test_autocast_changes_nothing(way):
    retriever, features = searching(parsed(ivf_index(VECTORS, 11)), way), torch.from_numpy(QUERIES)[None]
    alone = retriever(features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(retriever(features), alone)


def test_foreign_code_finds_a_faiss_index(tmp_path):
    theirs = ivf_index(VECTORS, 11)
    ours = from_faiss(theirs, "cpu")
    assert bool(ours) and (ours.ntotal, ours.d) == (400, 16)
    assert np.array_equal(ours.reconstruct_n(0, ours.ntotal), theirs.reconstruct_n(0, 400))
    assert np.array_equal(ours.reconstruct_n(7, 20), VECTORS[7:27])
    scores, ids = ours.search(QUERIES, k=8)
    assert (scores.dtype, ids.dtype) == (np.float32, np.int64)
    tensors = ours.search(torch.from_numpy(QUERIES), 8)
    assert np.array_equal(tensors[1].numpy(), ids) and isinstance(tensors[0], torch.Tensor)
    with pytest.raises(IndexFileError, match="ids"):
        ours.reconstruct_n(390, 20)


def test_loading_says_how_many_and_where(tmp_path, caplog):
    path = write_index(ivf_index(VECTORS, 11), tmp_path / "v.index")
    with caplog.at_level(logging.INFO):
        load_index(path, torch.device("cpu"))
    assert "Loaded 400 embeddings to cpu for GPU-accelerated retrieval" in caplog.messages


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    broken = VECTORS.copy()
    broken[17, 3] = np.nan
    with pytest.raises(IndexFileError, match="finite"):
        load_index(write_index(flat_index(broken), tmp_path / "v.index"), "cpu")


@pytest.mark.parametrize("way", DEVICE_WAYS.values(), ids=DEVICE_WAYS)
def test_nothing_waits_for_the_device(way):
    retriever, features = searching(parsed(ivf_index(VECTORS, 11)), way), torch.from_numpy(QUERIES)[None]
    with OnDevice():
        retriever(features)


def test_the_way_suits_the_device_and_the_lists():
    spread = Lists(stored([VECTORS[i : i + 2] for i in range(0, 400, 2)], VECTORS[:200]), CPU)
    skewed = Lists(stored([VECTORS, VECTORS[:1]], VECTORS[:2]), CPU)
    assert isinstance(neighbours.choose(spread), PaddedLists)
    assert isinstance(neighbours.choose(skewed), AllRows)
    assert isinstance(host_neighbours.choose(skewed), SortedLists)
    assert isinstance(host_neighbours.choose(Lists(parsed(flat_index(VECTORS)), CPU)), AllRows)
    assert isinstance(searching(parsed(ivf_index(VECTORS, 11)))._search, HostSearch)


@pytest.mark.parametrize("kind", [load_index, lambda path, device: FaissRetriever(path)], ids=["device", "host"])
def test_features_of_another_width_are_refused(kind, tmp_path):
    path = write_index(ivf_index(clustered(200, 256), 4), tmp_path / "v1.index")
    with pytest.raises(IndexFileError, match="256 numbers, the features have 768"):
        kind(path, "cpu")(torch.zeros(1, 9, 768))
