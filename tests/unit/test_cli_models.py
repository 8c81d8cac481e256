"""`urvc models fetch`: weights are fetched from the command line, for work without a network."""

from pathlib import Path

import pytest
from tiny.web import serve

from ultimate_rvc.cli.main import main

AT = "JackismyShephard/ultimate-rvc/resolve/main/Resources"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("URVC_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("URVC_NO_LOGGING", "1")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    return tmp_path / "models"


def test_fetch_downloads_what_is_missing_and_hands_over_its_place(
    models: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {f"{AT}/predictors/fcpe.pt": b"weights", f"{AT}/embedders/spin/config.json": b"{}"}
    files[f"{AT}/embedders/spin/pytorch_model.bin"] = b"more weights"
    with serve(files=files) as site:
        monkeypatch.setenv("HF_ENDPOINT", site.base)
        assert main(["models", "fetch", "fcpe", "spin"]) == 0
        asked = len(site.asked)
        assert main(["models", "fetch", "fcpe", "spin"]) == 0
        assert len(site.asked) == asked
    places = [models / "rvc" / "predictors" / "fcpe.pt", models / "rvc" / "embedders" / "spin"]
    assert capfd.readouterr().out.split() == [str(place) for place in places] * 2
    assert places[0].read_bytes() == b"weights"


def test_an_unknown_name_is_one_line(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "fetch", "rmvp"]) == 1
    assert "'rmvp' are unknown; choose from contentvec" in capsys.readouterr().err
