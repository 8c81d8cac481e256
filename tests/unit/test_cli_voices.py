"""`urvc models …` as people and scripts use it: what is printed, where, and with which exit status."""

import json
from pathlib import Path

import pytest
from tiny.archives import zipped
from tiny.encoders import write_encoder
from tiny.shelf import Library, index_file, library_in, voice_file
from tiny.web import serve

from ultimate_rvc.cli.main import main
from ultimate_rvc.voices import list_voices


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    return library_in(tmp_path, monkeypatch)


@pytest.fixture
def urvc(capfd: pytest.CaptureFixture[str]):
    """Runs a command line; (exit status, stdout, stderr)."""

    def run(*words: object) -> tuple[int, str, str]:
        status = main(["models", *map(str, words)])
        told = capfd.readouterr()
        return status, told.out, told.err

    return run


@pytest.fixture
def anna(library: Library, urvc) -> Path:
    urvc("import", voice_file(library.outside), index_file(library.outside))
    return library.voices / "anna"


def test_import_says_what_it_took_and_hands_over_the_folder(library: Library, urvc) -> None:
    archive = zipped(library.outside / "Kim.zip", {"k.pth": voice_file(library.outside).read_bytes(), "a.txt": b"x"})
    status, out, err = urvc("import", archive)
    assert (status, out) == (0, f"{library.voices / 'Kim'}\n")
    assert "Kim: v2, 40000 Hz, with pitch, no index" in err and "left out: a.txt" in err
    status, out, err = urvc("import", archive)
    assert (status, out) == (1, "") and "'Kim' already" in err.splitlines()[-1]
    status, out, err = urvc("import", archive, "--name", "Lea", "--quiet")
    assert (status, out, err) == (0, f"{library.voices / 'Lea'}\n", "")
    status, out, _ = urvc("import", archive, "--overwrite", "--json")
    assert json.loads(out)["voice"]["sample_rate_hz"] == 40_000


def test_list_shows_every_voice_and_what_is_wrong(library: Library, anna: Path, urvc) -> None:
    (library.voices / "broken").mkdir()
    status, out, _ = urvc("list")
    assert status == 0 and [line.split()[0] for line in out.splitlines()] == ["voice", "anna", "broken"]
    assert "PROBLEM" in out.splitlines()[2]
    entries = json.loads(urvc("list", "--json")[1])
    assert [entry["name"] for entry in entries] == ["anna", "broken"]
    assert entries[0]["index_bytes"] == (anna / "added_anna.index").stat().st_size
    long = urvc("list", "--long")[1].splitlines()
    assert "40000 Hz" in long[1] and "HiFi-GAN" in long[1] and "PROBLEM" in long[2]
    assert [("sample_rate_hz" in one) for one in json.loads(urvc("list", "--long", "--json")[1])] == [True, False]


def test_an_empty_library_says_where_it_looked(library: Library, urvc) -> None:
    status, out, err = urvc("list")
    assert (status, out) == (0, "") and str(library.voices) in err
    assert json.loads(urvc("list", "--json")[1]) == []


def test_info_tells_people_a_short_fingerprint_and_scripts_all_of_it(library: Library, anna: Path, urvc) -> None:
    told = json.loads(urvc("info", "anna", "--json")[1])
    facts = dict(line.split(None, 1) for line in urvc("info", "anna")[1].splitlines())
    assert len(told["fingerprint"]) == 64 and facts["fingerprint"] == told["fingerprint"][:12]
    assert facts["rate"] == "40000 Hz" and facts["epoch"] == "7" and facts["pitch"] == "yes"
    assert told["index"]["dimensions"] == 768
    assert urvc("info", "nobody")[0] == 1


def test_verify_gives_a_line_each_and_fails_if_any_is_bad(library: Library, anna: Path, urvc) -> None:
    assert urvc("verify")[0] == 0
    (library.voices / "bad").mkdir()
    (library.voices / "bad" / "v.pth").write_bytes(b"<html>")
    status, out, _ = urvc("verify")
    lines = out.splitlines()
    assert status == 1 and lines[1].startswith("ok") and lines[2].startswith("BAD") and "web page" in lines[2]
    assert urvc("verify", "anna")[0] == 0 and urvc("verify", "bad", "anna")[0] == 1
    assert [verdict["sound"] for verdict in json.loads(urvc("verify", "--json")[1])] == [True, False]


def test_convert_rename_and_delete(library: Library, anna: Path, urvc) -> None:
    assert urvc("convert", "anna")[1] == f"{anna / 'anna.safetensors'}\n"
    assert urvc("rename", "anna", "Ben")[1] == f"{library.voices / 'Ben'}\n"
    assert urvc("delete", "Ben", "--yes")[0] == 0
    assert list_voices() == []


def test_delete_asks_first(library: Library, anna: Path, urvc, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("click.confirm", lambda text, **_: asked.append(text))
    status, _, err = urvc("delete", "anna")
    assert status == 1 and "Nothing was deleted" in err and list_voices() == ["anna"]
    assert str(anna) in asked[0] and "2 files" in asked[0]
    monkeypatch.setattr("click.confirm", lambda text, **_: True)
    assert urvc("delete", "anna")[0] == 0 and list_voices() == []


def test_of_several_names_none_is_deleted_when_one_is_unknown(library: Library, anna: Path, urvc) -> None:
    assert urvc("delete", "anna", "nobody", "--yes")[0] == 1
    assert list_voices() == ["anna"]


def test_download_brings_a_voice(library: Library, urvc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    body = voice_file(library.outside).read_bytes()
    with serve(files={"o/r/resolve/main/kim.pth": body}) as site:
        monkeypatch.setenv("HF_ENDPOINT", site.base)
        status, out, err = urvc("download", "o/r/kim.pth")
        assert (status, out) == (0, f"{library.voices / 'kim'}\n") and "download kim.pth" in err
        assert urvc("download", "o/r/gone.pth")[0] == 1


def test_encoders_and_estimators_have_the_same_commands(library: Library, urvc) -> None:
    kind = ("--kind", "embedders")
    folder = write_encoder(library.outside / "mine", hidden=32, layers=2)
    assert urvc("import", folder, *kind)[1].strip().endswith("custom/mine")
    assert "mine" in urvc("list", *kind)[1] and "not here" in urvc("list", *kind)[1]
    assert "hidden size" in urvc("info", "mine", *kind)[1]
    assert json.loads(urvc("info", "mine", *kind, "--json")[1])["is_custom"] is True
    assert urvc("verify", *kind)[0] == 0
    assert urvc("delete", "mine", "--yes", *kind)[0] == 0
    assert urvc("list", "--kind", "predictors", "--json")[0] == 0
    assert urvc("import", folder, folder, *kind)[0] == 2
