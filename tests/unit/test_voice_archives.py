"""Archives from strangers: what a voice is made of comes out, flat and within bounds; everything else is refused."""

import tarfile
from pathlib import Path

import pytest
from tiny import archives
from tiny.archives import locked, tarred, tarred_special, zipped, zipped_special, zipped_zeros

from ultimate_rvc.errors import ModelError
from ultimate_rvc.voices import kinds
from ultimate_rvc.voices.archives import Bounds, unpack

WEIGHTS, VECTORS = b"\x80\x02" + bytes(range(200)), b"IwFl" + bytes(range(200))
VOICE = {"Anna/weights/anna.pth": WEIGHTS, "Anna/index/added_anna.index": VECTORS, "Anna/readme.txt": b"hello"}
MB = 1_000_000


def refused(archive: Path, match: str, bounds: Bounds | None = None) -> None:
    """Unpacking raises with that reason, and nothing lies outside of the folder."""
    into = archive.parent / "deep" / "into"
    before = {path for path in archive.parent.iterdir() if path.name != "deep"}
    with pytest.raises(ModelError, match=match):
        unpack(archive, into, bounds=bounds)
    assert {path for path in archive.parent.iterdir() if path.name != "deep"} == before
    assert [path.name for path in (archive.parent / "deep").iterdir()] == ["into"]


@pytest.mark.parametrize("pack", [zipped, tarred, lambda path, files: tarred(path, files, "w")])
def test_weights_and_index_come_out_of_any_folder_and_the_rest_stays_in(tmp_path: Path, pack) -> None:
    found = unpack(pack(tmp_path / "a.bin", VOICE), tmp_path / "into")
    assert [path.name for path in found.files] == ["anna.pth", "added_anna.index"]
    assert [path.read_bytes() for path in found.files] == [WEIGHTS, VECTORS]
    assert found.left_in == ("Anna/readme.txt",)
    assert len(list((tmp_path / "into").iterdir())) == 2


def test_the_notes_of_macos_are_no_voices(tmp_path: Path) -> None:
    files = {"anna.pth": WEIGHTS, "__MACOSX/anna.pth": b"notes", "__MACOSX/._anna.pth": b"notes", "._anna.pth": b"n"}
    found = unpack(zipped(tmp_path / "a.zip", files), tmp_path / "into").files
    assert [path.read_bytes() for path in found] == [WEIGHTS]


def test_two_members_of_one_name_both_come_out(tmp_path: Path) -> None:
    found = unpack(zipped(tmp_path / "a.zip", {"x/m.pth": b"one", "y/m.PTH": b"two"}), tmp_path / "into")
    assert [(path.name, path.read_bytes()) for path in found.files] == [("m.pth", b"one"), ("m_2.pth", b"two")]


CLIMBING = ("../evil.pth", "a/../../evil.pth", "a\\..\\..\\evil.pth")
ABSOLUTE = ("/evil.pth", "C:\\evil.pth", "C:evil.pth", "\\\\host\\evil.pth")


@pytest.mark.parametrize("name", CLIMBING + ABSOLUTE)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_name_that_leads_out_condemns_the_archive(tmp_path: Path, pack, name: str) -> None:
    refused(pack(tmp_path / "a.bin", {"anna.pth": WEIGHTS, name: b"evil"}), "outside of its folder")


@pytest.mark.parametrize("kind", [archives.LINK, archives.DEVICE, archives.PIPE])
def test_a_link_or_a_device_in_a_zip_condemns_it(tmp_path: Path, kind: int) -> None:
    refused(zipped_special(tmp_path / "a.zip", "anna.pth", kind), "link or a device")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_link_or_a_device_in_a_tar_condemns_it(tmp_path: Path, kind: bytes) -> None:
    refused(tarred_special(tmp_path / "a.tar.gz", "anna.pth", kind), "link or a device")


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    bounds = Bounds(members=10)
    refused(zipped(tmp_path / "a.zip", {f"{n}.txt": b"" for n in range(11)}), "more than 10 members", bounds)


def test_a_zip_of_zeros_is_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    archive = zipped_zeros(tmp_path / "a.zip", "anna.pth", 200 * 1024**2)
    refused(archive, "unpacks to more than", Bounds(ratio=100))
    assert not list((tmp_path / "deep" / "into").iterdir())


def test_members_that_are_too_much_together_are_refused_before_the_first(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {f"{n}.pth": bytes(range(250)) * 200 for n in range(3)})
    refused(archive, "unpacks to more than", Bounds(unpacked_bytes=120_000))
    assert not list((tmp_path / "deep" / "into").iterdir())


def test_a_zip_that_understates_its_sizes_gives_no_more_than_it_states(tmp_path: Path) -> None:
    archive = zipped_zeros(tmp_path / "a.zip", "anna.pth", 40 * 1024**2)
    honest = (40 * 1024**2).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(honest, (1000).to_bytes(4, "little")))
    refused(archive, "damaged|unpacks to more")
    assert sum(path.stat().st_size for path in (tmp_path / "deep" / "into").iterdir()) < 2 * MB


@pytest.mark.parametrize("name", ["anna.pth", "passed_over.txt"])
def test_a_tar_of_zeros_is_refused_while_it_is_unpacked(tmp_path: Path, name: str) -> None:
    archive = tarred(tmp_path / "a.tar.gz", {name: bytes(40 * 1024**2)})
    refused(archive, "unpacks to more than", Bounds(small_bytes=MB))
    assert sum(path.stat().st_size for path in (tmp_path / "deep" / "into").iterdir()) < 5 * MB


def test_a_locked_zip_says_so(tmp_path: Path) -> None:
    refused(locked(zipped(tmp_path / "a.zip", VOICE)), "locked with a password")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"Rar!\x1a\x07", "a rar archive; unpack it"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"", "empty"),
        (bytes(4096), "all zeros"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"PK\x03\x04 and then nothing", "cut off"),
        (b"just some text", "nothing that a voice is made of"),
    ],
)
def test_what_is_no_archive_says_what_it_is(tmp_path: Path, body: bytes, reason: str) -> None:
    path = tmp_path / "anna.dat"
    path.write_bytes(body)
    with pytest.raises(ModelError, match=reason):
        kinds.kind_of(path)


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_an_archive_that_was_cut_off_is_refused(tmp_path: Path, pack, kept: float) -> None:
    import random

    archive = pack(tmp_path / "a.bin", {"anna.pth": b"\x80\x02" + random.Random(0).randbytes(50_000)})
    archive.write_bytes(archive.read_bytes()[: int(archive.stat().st_size * kept)])
    refused(archive, "cut off|damaged") if pack is tarred else _refused_at_once(archive)


def _refused_at_once(archive: Path) -> None:
    with pytest.raises(ModelError, match="cut off"):
        kinds.kind_of(archive)


def test_a_member_with_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", VOICE)
    data = bytearray(archive.read_bytes())
    data[80] ^= 1
    archive.write_bytes(data)
    refused(archive, "damaged")


def test_a_directory_that_would_fill_the_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "MOST_DIRECTORY_BYTES", 1000)
    many = zipped(tmp_path / "a.zip", {f"{n}.txt": b"" for n in range(100)})
    with pytest.raises(ModelError, match="a directory of"):
        kinds.kind_of(many)


def test_an_archive_that_is_really_a_voice_is_seen_as_one(tmp_path: Path) -> None:
    import torch

    torch.save({"weight": {}}, tmp_path / "anna.zip")
    assert kinds.kind_of(tmp_path / "anna.zip") == kinds.CHECKPOINT
