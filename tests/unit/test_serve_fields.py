"""Options over HTTP mean what they mean on the command line, and none of them can be a path."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from ultimate_rvc.errors import InputError, OptionError
from ultimate_rvc.options import OptimizationConfig, all_knobs
from ultimate_rvc.serve.fields import KNOBS, described, kind_of, options_of, schema
from ultimate_rvc.serve.forms import Form, Upload


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An audio folder with a pitch curve, and one custom encoder."""
    monkeypatch.setenv("URVC_AUDIO_DIR", str(tmp_path / "audio"))
    monkeypatch.setenv("URVC_MODELS_DIR", str(tmp_path / "models"))
    (tmp_path / "models" / "rvc" / "embedders" / "custom" / "mine").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "curve.csv").write_text("0,220\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _options(kind: str = "cover", **values: Any) -> dict[str, Any]:
    return options_of(kind, Form(values))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("n_semitones", "-2", -2),
        ("index_rate", "0.5", 0.5),
        ("index_rate", "1", 1.0),
        ("split", "yes", True),
        ("split", "off", False),
        ("f0_method", "rmvpe, SWIFT", ("rmvpe", "swift")),
        ("output_format", "FLAC", "flac"),
        ("output_sr", "48000", 48_000),
        ("output_name", "My cover", "My cover"),
        ("custom_embedder_model", "mine", "mine"),
    ],
)
def test_a_forms_text_becomes_the_options_value(name: str, text: str, value: Any) -> None:
    assert _options(**{name: [text]}) == {name: value}


def test_what_json_gives_is_taken_as_it_is() -> None:
    sent = {"n_semitones": -2, "split": True, "f0_method": ["swift"], "output_name": None}
    assert _options(**sent) == {"n_semitones": -2, "split": True, "f0_method": ("swift",), "output_name": None}


def test_fields_that_nobody_filled_in_are_left_to_their_defaults() -> None:
    assert _options(n_semitones=[""], output_name=[""], voice=["Tiny"], source=["song.wav"]) == {}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"n_semitones": ["two"]}, "n_semitones is 'two'; it must be a whole number"),
        ({"n_semitones": ["1.5"]}, "whole number"),
        ({"n_semitones": [99]}, "n_semitones is"),
        ({"n_semitones": 99}, "between -48 and 48"),
        ({"n_semitones": ["1", "2"]}, "given 2 times"),
        ({"n_semitones": {"a": 1}}, "whole number"),
        ({"index_rate": float("nan")}, "between 0 and 1"),
        ({"index_rate": ["nan"]}, "between 0 and 1"),
        ({"split": ["perhaps"]}, "write one of"),
        ({"f0_method": ["magic"]}, "choose from"),
        ({"n_semitone": ["1"]}, "did you mean 'n_semitones'"),
        ({"device": ["cuda"]}, "fixed when the server starts"),
        ({"precision": "int8"}, "fixed when the server starts"),
        ({"output_name": ["../../evil"]}, "plain name"),
        ({"output_name": "/etc/cron.d/x"}, "plain name"),
        ({"custom_embedder_model": ["elsewhere"]}, "no custom encoder"),
        ({"custom_embedder_model": ["../custom/mine"]}, "plain name"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_in_one_line(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(OptionError, match=reason) as refused:
        _options(**values)
    assert "\n" not in str(refused.value)


def test_effects_are_no_option_of_a_plain_conversion() -> None:
    with pytest.raises(OptionError, match="room_size"):
        _options("convert", room_size=["0.5"])


def test_files_are_named_in_the_audio_folder_or_sent(home: Path) -> None:
    assert _options(f0_file=["curve.csv"]) == {"f0_file": home / "audio" / "curve.csv"}
    sent = Upload(home / "upload-0", "curve.csv")
    assert options_of("convert", Form(files={"f0_file": sent})) == {"f0_file": sent.path}


@pytest.mark.parametrize("name", ["../elsewhere", "/etc/passwd", "~/x", "C:\\x"])
def test_files_outside_the_audio_folder_are_refused(name: str) -> None:
    for value in (name, [name]):
        with pytest.raises(InputError, match="no file"):
            _options(f0_file=value)


def test_options_that_go_ill_together_are_refused_at_once() -> None:
    for kind in ("convert", "cover"):
        with pytest.raises(OptionError, match="not both"):
            _options(kind, f0_file=["curve.csv"], split=["yes"])


def test_what_a_variable_sets_is_not_for_clients() -> None:
    assert not [spec.name for knobs in KNOBS.values() for spec in knobs.values() if spec.metadata["env"]]


def test_a_file_in_the_place_of_a_value_is_refused(home: Path) -> None:
    with pytest.raises(OptionError, match="n_semitones is no file"):
        options_of("cover", Form(files={"n_semitones": Upload(home / "x", "x")}))
    with pytest.raises(OptionError, match="no option 'sauce'"):
        options_of("cover", Form(files={"sauce": Upload(home / "x", "x")}))


def test_every_text_that_a_client_may_choose_freely_is_held_to_plain_names() -> None:
    free = [spec.name for spec in KNOBS["cover"].values() if kind_of(spec) is str and not spec.metadata["choices"]]
    for name in free:
        with pytest.raises(OptionError, match="plain name"):
            _options(**{name: "../x"})


def test_every_option_of_the_command_line_is_described() -> None:
    views = {view.name: view for view in described()}
    assert set(views) == {spec.name for _, spec in all_knobs()}
    assert views["index_rate"].endpoints == ["convert", "cover"] and views["index_rate"].high == 1
    assert views["room_size"].endpoints == ["cover"]
    assert all(views[spec.name].endpoints == [] for spec in fields(OptimizationConfig))


@pytest.mark.parametrize("kind", ["convert", "cover"])
def test_the_schema_tells_what_the_endpoint_takes(kind: str) -> None:
    bodies = schema(kind)["requestBody"]["content"]
    form = bodies["multipart/form-data"]["schema"]["properties"]
    assert {"voice", "source", *KNOBS[kind]} <= set(form)
    assert form["source"]["format"] == "binary" and form["n_semitones"]["minimum"] == -48
    assert "format" not in bodies["application/json"]["schema"]["properties"]["source"]
