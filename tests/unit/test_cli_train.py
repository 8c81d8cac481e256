"""`urvc train …` until the training itself: upstream's options, what is told, and exit statuses."""

import json
from pathlib import Path

import faiss
import pytest
from tiny import sounds
from tiny.encoders import write_encoder
from tiny.recordings import write_dataset

from ultimate_rvc.cli.main import main
from ultimate_rvc.cli.train import build_index, extract_features, preprocess_dataset, train

# Option of Ultimate RVC 0.6: its default and range; as many cores as there are is what leaving them out means.
PREPROCESS = {
    "--sample-rate": (40_000, None, None),
    "--normalization-mode": ("post", None, None),
    "--filter-audio": (True, None, None),
    "--clean-audio": (False, None, None),
    "--clean-strength": (0.7, 0, 1),
    "--split-method": ("Automatic", None, None),
    "--chunk-len": (3.0, 0.5, 5),
    "--overlap-len": (0.3, 0, 0.4),
    "--cpu-cores": (None, 1, None),
}
EXTRACT = {
    "--f0-method": ("rmvpe", None, None),
    "--embedder-model": ("contentvec", None, None),
    "--custom-embedder-model": (None, None, None),
    "--include-mutes": (2, 0, 10),
    "--cpu-cores": (None, 1, None),
    "--hardware-acceleration": ("Automatic", None, None),
    "--gpu-id": ((), 0, None),
}
CHOICES = {
    "--sample-rate": {"32000", "40000", "48000"},
    "--normalization-mode": {"none", "pre", "post"},
    "--split-method": {"Skip", "Simple", "Automatic"},
    "--f0-method": {"rmvpe", "crepe", "crepe-tiny", "fcpe"},
    "--hardware-acceleration": {"Automatic", "CPU", "GPU"},
    "--index-algorithm": {"Auto", "Faiss", "KMeans"},
}
COMMANDS = [
    (preprocess_dataset, PREPROCESS),
    (extract_features, EXTRACT),
    (build_index, {"--index-algorithm": ("Auto", None, None)}),
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with recordings and an encoder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("URVC_NO_LOGGING", "1")
    write_dataset(tmp_path / "takes", 1)
    write_encoder(tmp_path / "models" / "rvc" / "embedders" / "custom" / "small", hidden=48, layers=2)
    return tmp_path


@pytest.mark.parametrize(("command", "table"), COMMANDS)
def test_every_upstream_option_is_there_with_its_default_and_range(command, table) -> None:
    offered = {flag: param for param in command.params for flag in param.opts}
    for flag, (default, low, high) in table.items():
        option = offered[flag]
        assert option.to_info_dict()["default"] == default, flag
        assert (getattr(option.type, "min", None), getattr(option.type, "max", None)) == (low, high), flag
        if flag in CHOICES:
            assert CHOICES[flag] <= set(option.type.choices)


def test_the_commands_of_upstream_are_there() -> None:
    upstream = {"populate-dataset", "preprocess-dataset", "get-gpu-information", "extract-features", "run-training"}
    assert upstream | {"build-index", "export"} <= set(train.commands)


def test_from_recordings_to_an_index(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "populate-dataset", "Mine", str(home / "takes" / "take0.wav")]) == 0
    assert main(["train", "preprocess-dataset", "Anna", "Mine", "--sample-rate", "32000"]) == 0
    own = ["--embedder-model", "custom", "--custom-embedder-model", "small"]
    assert main(["train", "extract-features", "Anna", *own, "--f0-method", "swift"]) == 0
    assert main(["train", "build-index", "Anna"]) == 0
    said = capfd.readouterr()
    folder = home / "models" / "rvc" / "training" / "Anna"
    assert said.out.split() == [
        str(home / "audio" / "training" / "Mine"),
        *[str(folder)] * 2,
        str(folder / "Anna.index"),
    ]
    assert "used: 1 of 1 file," in said.err and "for a v1 voice of 1 speaker" in said.err
    assert faiss.read_index(str(folder / "Anna.index")).d == 256


def test_bad_files_are_a_table_and_the_good_ones_are_used(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sounds.text_as_wav(home / "takes")
    sounds.silent(home / "takes")
    assert main(["train", "preprocess-dataset", "Anna", "takes", "--json"]) == 0
    said = capfd.readouterr()
    assert [file["path"] for file in json.loads(said.out)["files"]] == ["silent.wav", "take0.wav", "text.wav"]
    lines = [line.split() for line in said.err.splitlines()]
    assert ["left", "out", "silent.wav", "silent", "its", "peak", "is", "below", "-80", "dB"] in lines
    assert any(line[:4] == ["left", "out", "text.wav", "damaged"] for line in lines)
    assert "used: 1 of 3 files" in said.err


def test_quiet_hands_over_the_folder_alone(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sounds.silent(home / "takes")
    assert main(["train", "preprocess-dataset", "Anna", "takes", "-q"]) == 0
    said = capfd.readouterr()
    assert said.err == "" and said.out.split() == [str(home / "models" / "rvc" / "training" / "Anna")]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["preprocess-dataset", "Anna", "nowhere"], "dataset 'nowhere' is not a folder"),
        (["preprocess-dataset", "../Anna", "takes"], "the name '../Anna' is no folder's"),
        (["extract-features", "Anna", "--hardware-acceleration", "CPU"], "has no slices"),
        (["extract-features", "Anna", "--hardware-acceleration", "gpu"], "no gpu_id says which"),
        (["build-index", "Anna"], "has no features"),
    ],
)
def test_what_cannot_be_done_is_one_line(home: Path, capfd: pytest.CaptureFixture[str], words, line: str) -> None:
    write_encoder(home / "models" / "rvc" / "embedders" / "contentvec", hidden=48, layers=2)
    assert main(["train", *words]) == 1
    said = capfd.readouterr().err
    assert line in said and said.count("\n") == 1


def test_nothing_that_can_be_used_is_an_error_with_a_report(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (home / "takes" / "take0.wav").write_bytes(b"RIFF")
    assert main(["train", "preprocess-dataset", "Anna", "takes", "-q"]) == 1
    assert "nothing in 'takes' can be used: take0.wav: it cannot be decoded" in capfd.readouterr().err
    assert (home / "models" / "rvc" / "training" / "Anna" / "dataset.json").is_file()
