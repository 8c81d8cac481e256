"""Index files: what FAISS writes is read to the bit, everything else is refused in one line."""

import struct

import faiss
import numpy as np
import pytest
from tiny.indexes import clustered, flat_index, ivf_index, write_index

from ultimate_rvc.errors import IndexFileError
from ultimate_rvc.rvc.infer.faiss_file import parse_index, read_index

VECTORS = clustered(300)


def by_id(index):
    return index.vectors[np.argsort(index.ids)]


@pytest.mark.parametrize("nprobe", [1, 5])
def test_an_ivf_index_is_read_to_the_bit(tmp_path, nprobe):
    index = ivf_index(VECTORS, 9, nprobe=nprobe)
    read = read_index(write_index(index, tmp_path / "voice.index"))
    assert np.array_equal(by_id(read), VECTORS)
    assert read.nprobe == nprobe
    assert read.sizes.tolist() == [index.invlists.list_size(i) for i in range(9)]
    assert np.array_equal(read.centroids, index.quantizer.reconstruct_n(0, 9))


def test_a_flat_index_is_one_list(tmp_path):
    read = read_index(write_index(flat_index(VECTORS), tmp_path / "voice.index"))
    assert np.array_equal(read.vectors, VECTORS)
    assert read.sizes.tolist() == [300]


def test_lists_that_are_mostly_empty_are_read():
    far = np.concatenate([VECTORS[:10], 1_000 + clustered(50, seed=4)])
    index = ivf_index(far, 40)
    index.reset()
    index.add(VECTORS[:3])
    data = faiss.serialize_index(index)
    assert b"sprs" in data.tobytes()
    assert np.array_equal(by_id(parse_index(data, name="sparse")), VECTORS[:3])


@pytest.mark.parametrize("kind", ["IDMap,Flat", "IDMap2,Flat"])
def test_an_id_map_gives_its_ids(kind):
    index = faiss.index_factory(16, kind)
    index.add_with_ids(VECTORS, np.arange(300)[::-1].copy())
    read = parse_index(faiss.serialize_index(index), name="mapped")
    assert np.array_equal(by_id(read), VECTORS[::-1])


def test_ids_given_to_an_ivf_index_are_kept():
    index = ivf_index(VECTORS, 9)
    index.reset()
    index.add_with_ids(VECTORS, np.arange(300) * 7)
    read = parse_index(faiss.serialize_index(index), name="ids")
    assert np.array_equal(by_id(read), VECTORS)
    assert sorted(read.ids) == list(range(0, 2_100, 7))


@pytest.mark.parametrize("kind", [faiss.DirectMap.Array, faiss.DirectMap.Hashtable])
def test_a_direct_map_is_skipped(kind):
    index = ivf_index(VECTORS, 9)
    index.set_direct_map_type(kind)
    assert np.array_equal(by_id(parse_index(faiss.serialize_index(index), name="mapped")), VECTORS)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("PQ4x4np", "product quantiser"),
        ("HNSW8", "HNSW"),
        ("SQ8", "scalar quantiser"),
        ("IVF4,PQ4x4np", "product quantisation"),
        ("IVF4,SQ8", "scalar quantisation"),
        ("PCA8,Flat", "vector transform"),
        ("IVF4_HNSW8,Flat", "HNSW"),
    ],
)
def test_another_kind_of_index_is_named(kind, said):
    index = faiss.index_factory(16, kind)
    index.train(VECTORS)
    index.add(VECTORS)
    with pytest.raises(IndexFileError, match=said) as caught:
        parse_index(faiss.serialize_index(index), name="other.index")
    assert "other.index" in str(caught.value) and "Flat" in str(caught.value) and "\n" not in str(caught.value)


def test_inner_product_is_refused():
    index = faiss.index_factory(16, "IVF4,Flat", faiss.METRIC_INNER_PRODUCT)
    index.train(VECTORS)
    with pytest.raises(IndexFileError, match="L2"):
        parse_index(faiss.serialize_index(index), name="product")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"Iw", "too early"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"PK\x03\x04" + bytes(40), "zip"),
        (b"\x93NUMPY" + bytes(40), "numpy"),
        (b"version https://git-lfs", "LFS"),
        (b"hello, world", "no FAISS index"),
    ],
)
def test_what_is_no_index_is_named(tmp_path, content, said):
    (tmp_path / "a.index").write_bytes(content)
    with pytest.raises(IndexFileError, match=said):
        read_index(tmp_path / "a.index")


def test_every_truncation_is_an_error():
    whole = faiss.serialize_index(ivf_index(VECTORS[:20], 3))
    for length in range(len(whole)):
        with pytest.raises(IndexFileError):
            parse_index(whole[:length], name="cut")


def test_a_wild_size_is_an_error_not_an_allocation():
    data = faiss.serialize_index(ivf_index(VECTORS, 9)).tobytes()
    place = data.index(b"full") + 12
    wild = data[:place] + struct.pack("<q", 1 << 60) + data[place + 8 :]
    with pytest.raises(IndexFileError, match="add up"):
        parse_index(np.frombuffer(wild, np.uint8), name="wild")


def test_an_empty_index_is_an_error():
    with pytest.raises(IndexFileError, match="no vectors"):
        parse_index(faiss.serialize_index(faiss.IndexFlatL2(16)), name="empty")


def test_the_wrong_dimension_names_both(tmp_path):
    path = write_index(flat_index(VECTORS), tmp_path / "v.index")
    with pytest.raises(IndexFileError, match=r"16 dimensions.*768"):
        read_index(path, dimensions=768)


def test_a_missing_file_is_an_index_error(tmp_path):
    with pytest.raises(IndexFileError, match=r"nothing\.index"):
        read_index(tmp_path / "nothing.index")
