"""A voice comes in whole and read, or the library stays as it was."""

import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny.archives import tarred, zipped, zipped_zeros
from tiny.modules import TREE
from tiny.shelf import Library, index_file, library_in, voice_file
from tiny.voices import tiny_checkpoint

from ultimate_rvc.errors import (
    CheckpointError,
    IndexFileError,
    InputError,
    ModelError,
    OptionError,
    OutputError,
    UnsafePickleError,
)
from ultimate_rvc.voices import find_voice, import_voice, inspect, list_entries, list_voices
from ultimate_rvc.voices.staging import sweep


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    return library_in(tmp_path, monkeypatch)


class Evil:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch evil",)


def test_a_checkpoint_with_its_index_becomes_a_voice_under_its_own_name(library: Library) -> None:
    voice, index = voice_file(library.outside), index_file(library.outside)
    imported = import_voice([voice, index])
    assert imported.folder == library.voices / "anna" and imported.left_out == ()
    assert library.state() == {"anna/anna.pth": voice.read_bytes(), "anna/added_anna.index": index.read_bytes()}
    assert imported.voice == inspect("anna")


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_becomes_a_voice(library: Library, pack) -> None:
    files = {"weights/v.pth": voice_file(library.outside), "logs/v/added_v.index": index_file(library.outside)}
    body = {name: path.read_bytes() for name, path in files.items()} | {"cover.png": b"png", "__MACOSX/._v.pth": b"x"}
    suffix = ".zip" if pack is zipped else ".tar.gz"
    imported = import_voice([pack(library.outside / f"Anna (RVC v2) 300 Epoch{suffix}", body)])
    assert imported.folder.name == "Anna (RVC v2) 300 Epoch"
    assert library.names() == {"v.pth", "added_v.index"}
    assert "cover.png" in imported.left_out


def test_a_folder_becomes_a_voice_and_stays_where_it_is(library: Library) -> None:
    folder = library.outside / "Dora"
    (folder / "sub").mkdir(parents=True)
    voice_file(folder / "sub"), index_file(folder, "added_x.index"), index_file(folder, "trained_x.index")
    torch.save({"model": {}}, folder / "G_2333.pth")
    before = sorted(path.name for path in folder.rglob("*"))
    imported = import_voice([folder])
    assert library.names() == {"anna.pth", "added_x.index"}
    assert set(imported.left_out) == {"G_2333.pth", "trained_x.index"}
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_a_safetensors_file_becomes_a_voice(library: Library) -> None:
    from ultimate_rvc.rvc.synth.checkpoint import read_fields, save_safetensors

    save_safetensors(read_fields(voice_file(library.outside)), library.outside / "Eva.safetensors")
    assert import_voice([library.outside / "Eva.safetensors"]).voice.format == "safetensors"


def test_what_a_file_is_called_does_not_matter(library: Library) -> None:
    voice_file(library.outside).rename(library.outside / "anna.zip")
    index_file(library.outside).rename(library.outside / "anna.bin")
    import_voice([library.outside / "anna.zip", library.outside / "anna.bin"])
    assert library.names() == {"anna.pth", "anna.index"}


@pytest.mark.parametrize(("archive", "name"), [("model.zip", "kim"), ("Kim K.zip", "Kim K"), ("..Kim:K.zip", "Kim_K")])
def test_a_name_that_says_nothing_gives_way_to_the_next(library: Library, archive: str, name: str) -> None:
    voice = voice_file(library.outside, "kim")
    assert import_voice([zipped(library.outside / archive, {"kim.pth": voice.read_bytes()})]).folder.name == name


def test_an_existing_name_is_refused_in_any_case_and_replaced_on_request(library: Library) -> None:
    old, new = voice_file(library.outside, "anna"), voice_file(library.outside, "Anna2", seed=1)
    import_voice([old])
    with pytest.raises(OptionError, match="'anna' already"):
        import_voice([new], name="ANNA")
    with pytest.raises(OptionError, match="'anna' already"):
        import_voice([old])
    assert library.state() == {"anna/anna.pth": old.read_bytes()}
    import_voice([new], name="ANNA", overwrite=True)
    assert library.state() == {"anna/Anna2.pth": new.read_bytes()}


def test_a_name_in_the_other_folder_is_taken_too(library: Library) -> None:
    voice = voice_file(library.outside)
    other = library.voices.parent / "models" / "rvc" / "voice_models" / "anna"
    other.mkdir(parents=True)
    shutil.copy(voice, other)
    with pytest.raises(OptionError, match="already"):
        import_voice([voice])


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", " x", "a:b", "x" * 300, "a\nb"])
def test_a_name_that_leads_out_or_upsets_a_file_system_is_refused(library: Library, name: str) -> None:
    with pytest.raises(OptionError, match="cannot"):
        import_voice([voice_file(library.outside)], name=name)
    assert library.state() == {}


def test_an_index_alone_joins_the_voice_that_is_named(library: Library) -> None:
    voice, index = voice_file(library.outside), index_file(library.outside)
    with pytest.raises(OptionError, match="an index alone"):
        import_voice([index], name="anna")
    import_voice([voice])
    import_voice([index], name="Anna")
    assert library.state() == {"anna/anna.pth": voice.read_bytes(), "anna/added_anna.index": index.read_bytes()}
    with pytest.raises(OptionError, match="has the index added_anna"):
        import_voice([index], name="anna")


def _bad_sources(outside: Path) -> dict[str, tuple[type[Exception], str]]:
    """Files that are no voice, what they raise and why."""
    good = voice_file(outside, "good").read_bytes()
    half = tiny_checkpoint()
    del half["weight"]["emb_g.weight"], half["weight"]["flow.flows.0.pre.bias"]
    layers = tiny_checkpoint()
    layers["config"][6] = 10**9
    negative = tiny_checkpoint()
    negative["config"][3] = -16
    huge = tiny_checkpoint()
    huge["weight"]["enc_p.proj.bias"] = torch.zeros(1).expand(10**12)
    saved = {"half": half, "layers": layers, "negative": negative, "huge": huge, "code": {"weight": Evil()}}
    for name, value in saved.items():
        torch.save(value, outside / f"{name}.pth")
    noise = random.Random(1).randbytes(999)
    bodies = {"cut": good[: len(good) // 2], "page": b"<html>404</html>", "noise": noise, "empty": b""}
    for name, body in bodies.items():
        (outside / f"{name}.pth").write_bytes(body)
    (outside / "plain.pth").write_bytes(pickle.dumps(Evil()))
    zipped(outside / "nothing.zip", {"readme.txt": b"x"})
    zipped(outside / "inner.zip", {"voice.zip": b"x"})
    zipped(outside / "two.zip", {"a.pth": good, "b.pth": good})
    zipped(outside / "out.zip", {"a.pth": good, "../../b.pth": good})
    zipped(outside / "bad_index.zip", {"a.pth": good, "a.index": b"IwFl" + bytes(60)})
    return {
        "half.pth": (CheckpointError, "2 missing"),
        "layers.pth": (CheckpointError, "layers"),
        "negative.pth": (CheckpointError, "config is damaged|does not fit"),
        "huge.pth": (CheckpointError, "claims weights"),
        "code.pth": (UnsafePickleError, "wants to run code"),
        "plain.pth": (ModelError, "run code|damaged"),
        "cut.pth": (ModelError, "cut off"),
        "page.pth": (ModelError, "web page"),
        "noise.pth": (CheckpointError, "damaged"),
        "empty.pth": (ModelError, "empty"),
        "nothing.zip": (ModelError, r"no \.pth.*readme"),
        "inner.zip": (ModelError, r"archive voice\.zip"),
        "two.zip": (OptionError, r"2 checkpoints \(a\.pth, b\.pth\)"),
        "out.zip": (ModelError, "outside"),
        "bad_index.zip": (IndexFileError, "not by L2 distance"),
        "absent.pth": (InputError, "does not exist"),
    }


NAMES_OF_BAD = (
    *("half.pth", "layers.pth", "negative.pth", "huge.pth", "code.pth", "plain.pth", "cut.pth", "page.pth"),
    *("noise.pth", "empty.pth", "nothing.zip", "inner.zip", "two.zip", "out.zip", "bad_index.zip", "absent.pth"),
)


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    outside = tmp_path_factory.mktemp("bad")
    return outside, _bad_sources(outside)


@pytest.mark.parametrize("name", NAMES_OF_BAD)
def test_a_bad_file_is_refused_with_its_reason_and_the_library_is_unharmed(library: Library, bad, name: str) -> None:
    import_voice([voice_file(library.outside)], name="there")
    before = library.state()
    outside, expected = bad
    kind, reason = expected[name]
    with pytest.raises(kind, match=reason) as caught:
        import_voice([outside / name], name="there", overwrite=True)
    assert library.state() == before and not (library.voices.parent / "evil").exists()
    assert ".incoming" not in str(caught.value) and "\n" not in str(caught.value)
    assert {path.name for path in library.voices.iterdir()} <= {"there", ".library.lock"}


def test_an_index_of_other_dimensions_is_refused(library: Library) -> None:
    voice, index = voice_file(library.outside, version="v1"), index_file(library.outside)
    with pytest.raises(IndexFileError, match="768 dimensions and the voice needs 256"):
        import_voice([voice, index])
    assert library.state() == {}


def test_a_zip_full_of_zeros_is_refused(library: Library) -> None:
    archive = zipped_zeros(library.outside / "bomb.zip", "anna.pth", 200 * 1024**2)
    with pytest.raises(ModelError, match="unpacks to more than"):
        import_voice([archive])
    assert library.state() == {}


def test_a_checkpoint_that_was_packed_to_nothing_is_not_read(library: Library) -> None:
    archive = zipped_zeros(library.outside / "a.pth", "archive/data.pkl", 100 * 1024**2)
    with pytest.raises(ModelError, match="which no voice does"):
        import_voice([archive])


def test_a_home_is_not_searched_for_voices(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ultimate_rvc.voices.importing.MOST_FILES", 3)
    for number in range(5):
        (library.outside / str(number)).touch()
    with pytest.raises(InputError, match="more than 3 files"):
        import_voice([library.outside])


def test_a_full_disk_is_said_and_leaves_nothing(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_) -> None:
        raise OSError(28, "No space left on device")

    voice = voice_file(library.outside)
    monkeypatch.setattr("ultimate_rvc.voices.importing.shutil.copyfile", full)
    with pytest.raises(OutputError, match="No space left"):
        import_voice([voice])
    assert library.state() == {}


def test_a_failed_replacement_gives_the_old_voice_back(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = voice_file(library.outside)
    import_voice([voice])
    real = os.rename

    def rename(source, target) -> None:
        if Path(source).name == "new":
            raise OSError(5, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(OutputError):
        import_voice([voice], overwrite=True)
    assert library.state() == {"anna/anna.pth": voice.read_bytes()}


def test_what_a_killed_process_replaced_is_found_again(library: Library) -> None:
    import_voice([voice_file(library.outside)])
    shop = library.voices / ".incoming-0123"
    (shop / "replaced").mkdir(parents=True)
    (shop / "new").mkdir()
    (library.voices / ".incoming-0123.lock").touch()
    (library.voices / "anna").rename(shop / "replaced" / "anna")
    assert find_voice("anna").checkpoint.is_file()
    assert not shop.exists()


def test_what_another_process_works_on_is_left_alone(library: Library) -> None:
    code = "import sys, time; from ultimate_rvc.voices.staging import workshop; from pathlib import Path\n"
    code += "with workshop(Path(sys.argv[1])) as shop:\n print(shop, flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", code, library.voices], stdout=subprocess.PIPE, text=True, cwd=TREE)
    shop = Path(other.stdout.readline().strip())
    sweep(library.voices)
    assert shop.is_dir() and list_entries() == []
    other.send_signal(signal.SIGKILL)
    other.communicate()
    sweep(library.voices)
    assert list(library.voices.iterdir()) == []


@pytest.mark.parametrize("moment", ["unpack", "_take", "describe", "put_in_place"])
def test_a_kill_at_any_moment_leaves_the_library_as_it_was(library: Library, moment: str) -> None:
    voice = voice_file(library.outside)
    import_voice([voice])
    before = library.state()
    archive = zipped(library.outside / "anna.zip", {"anna.pth": voice_file(library.outside, "x", seed=1).read_bytes()})
    code = f"""
import os, signal, shutil
from ultimate_rvc.voices import importing, staging
die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
if {moment!r} == "put_in_place":
    real = os.rename
    os.rename = lambda a, b: die() if os.path.basename(a) == "new" else real(a, b)
else:
    setattr(importing, {moment!r}, die)
importing.import_voice([{str(archive)!r}], overwrite=True)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=TREE)
    assert done.returncode == -signal.SIGKILL
    assert list_voices() == (["anna"] if moment != "put_in_place" else [])
    assert find_voice("anna").checkpoint.read_bytes() == before["anna/anna.pth"]
    import_voice([voice], name="next")
    assert {name for name in library.state() if name.startswith(".")} == set()
