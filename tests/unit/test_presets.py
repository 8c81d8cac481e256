"""A preset is what it says, or an error that says what would work."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
from tiny.modules import TREE

from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import RECORDS, OptimizationConfig, PitchOptions, VoiceOptions, all_knobs
from ultimate_rvc.presets import available, load_preset, preset_from_env, save_preset, values_for

SHIPPED = ["cpu", "macos_optimized", "nvidia", "strict_parity"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder of presets, which is searched first; the working directory is another one."""
    (tmp_path / "presets").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("URVC_CONFIG_DIR", str(tmp_path / "presets"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "presets"


def _write(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def _refused(name: str) -> str:
    """The one line that says why the preset is not taken."""
    with pytest.raises(OptionError) as caught:
        load_preset(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_shipped_preset_is_tested() -> None:
    assert sorted(file.stem for file in (TREE / "configs").glob("*.yaml")) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_presets_make_valid_records(name: str) -> None:
    preset = load_preset(name)
    made = [record(**values_for(record, preset)) for record in RECORDS]
    assert preset and any(values_for(type(record), preset) for record in made)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("nvidia", OptimizationConfig.for_nvidia_gpu()),
        ("cpu", OptimizationConfig.for_cpu()),
        ("macos_optimized", OptimizationConfig(device="auto")),
        ("strict_parity", OptimizationConfig(strict_parity=True)),
    ],
)
def test_shipped_presets_say_what_their_devices_default_to(name: str, config: OptimizationConfig) -> None:
    assert OptimizationConfig(**values_for(OptimizationConfig, load_preset(name))) == config


def test_shipped_presets_are_found_from_any_folder(folder: Path) -> None:
    assert load_preset("nvidia")["device"] == "cuda"


def test_every_option_can_stand_in_a_preset(folder: Path) -> None:
    # JSON is YAML.
    lines = [f"{spec.name}: {json.dumps(spec.default)}" for _, spec in all_knobs()]
    _write(folder, "\n".join(lines))
    assert load_preset("mine") == {spec.name: spec.default for _, spec in all_knobs()}


def test_option_names_are_unique_over_all_records() -> None:
    names = [spec.name for _, spec in all_knobs()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("index_rate: 1", 1.0),
        ("f0_method: rmvpe", ("rmvpe",)),
        ("f0_method: [rmvpe, swift]", ("rmvpe", "swift")),
        ("f0_file: curve.csv", Path("curve.csv")),
        ("f0_file: null", None),
        ("clean: yes", True),
        ("seed: 7", 7),
        ("output_name: Möwe", "Möwe"),
    ],
)
def test_values_have_the_type_of_their_option(folder: Path, line: str, value: object) -> None:
    _write(folder, line)
    read = next(iter(load_preset("mine").values()))
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}"])
def test_an_empty_preset_changes_nothing(folder: Path, text: str) -> None:
    _write(folder, text)
    assert load_preset("mine") == {}


# --- where presets are found ---


def test_the_users_own_preset_goes_before_the_shipped_one(folder: Path) -> None:
    _write(folder, "batch_size: 3", "nvidia.yaml")
    assert load_preset("nvidia") == {"batch_size": 3}


@pytest.mark.parametrize("name", ["mine", "mine.yaml", "{folder}/mine", "{folder}/mine.yaml"])
def test_a_preset_is_a_name_or_a_path(folder: Path, name: str) -> None:
    _write(folder, "batch_size: 3")
    assert load_preset(name.format(folder=folder)) == {"batch_size": 3}


def test_a_path_is_read_from_the_working_directory_but_a_bare_word_is_not(folder: Path) -> None:
    _write(Path.cwd(), "batch_size: 3", "cpu.yaml")
    assert load_preset("cpu.yaml") == {"batch_size": 3}
    assert load_preset("cpu")["batch_size"] == 1


def test_available_presets_are_the_users_and_the_shipped_ones(folder: Path) -> None:
    _write(folder, "", "mine.yml")
    _write(folder, "", "notes.txt")
    assert available() == sorted([*SHIPPED, "mine"])


def test_the_environment_names_the_preset(folder: Path) -> None:
    _write(folder, "batch_size: 3")
    assert preset_from_env({"URVC_CONFIG": " mine "}) == {"batch_size": 3}
    assert preset_from_env({"URVC_CONFIG": ""}) == preset_from_env({}) == {}


def test_each_record_gets_its_own_part(folder: Path) -> None:
    preset = {"batch_size": 3, "index_rate": 0.5}
    assert values_for(OptimizationConfig, preset) == {"batch_size": 3}
    assert values_for(VoiceOptions, preset) == {"index_rate": 0.5}
    assert values_for(PitchOptions, preset) == {}


# --- what is refused ---


def test_an_unknown_preset_is_an_error_that_lists_what_exists() -> None:
    message = _refused("turbo")
    assert all(word in message for word in ["turbo", *SHIPPED])


def test_an_unknown_key_is_an_error_that_lists_what_exists(folder: Path) -> None:
    _write(folder, "index-rate: 0.5")
    message = _refused("mine")
    assert "preset mine: unknown key 'index-rate'" in message and "did you mean 'index_rate'?" in message
    assert all(spec.name in message for record in RECORDS for spec in fields(record))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("index_rate: 3", "index_rate is 3.0; it must lie between 0 and 1"),
        ("index_rate: .nan", "index_rate is nan"),
        ("index_rate: high", "index_rate is 'high'; it must be a number"),
        ("index_rate: true", "index_rate is True; it must be a number"),
        ("index_rate: null", "index_rate is None; it must be a number"),
        ("batch_size: 2.5", "batch_size is 2.5; it must be a whole number"),
        ("batch_size: 0", "batch_size is 0; it must lie between 1 and 64"),
        ("use_fp16: 1", "use_fp16 is 1; it must be true or false"),
        ("device: 0", "device is 0; it must be a text"),
        ("f0_method: pitchy", "f0_method is 'pitchy'; choose from auto, rmvpe"),
        ("f0_method: []", "f0_method is []; it must be a text"),
        ("output_sr: 12345", "output_sr is 12345; choose from 16000"),
        ("true: 1", "unknown key True"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(folder: Path, line: str, reason: str) -> None:
    _write(folder, line)
    assert f"preset mine: {reason}" in _refused("mine")


@pytest.mark.parametrize("text", ["index_rate: [1", "a: b: c", "- index_rate", "index_rate", "!!python/object:os.x {}"])
def test_what_is_not_a_list_of_options_is_one_line(folder: Path, text: str) -> None:
    path = _write(folder, text)
    assert str(path) in _refused("mine")


def test_a_file_that_is_no_text_is_one_line(folder: Path) -> None:
    (folder / "mine.yaml").write_bytes(b"\xff\xfe\x00\x81")
    assert "cannot be read" in _refused("mine")


def test_a_preset_that_is_saved_is_the_one_that_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setenv("URVC_CONFIG_DIR", str(tmp_path / "configs"))
    values = {"main_gain": -3.0, "f0_method": ("rmvpe", "swift"), "autotune": True}
    path = save_preset("evening", values)
    assert path == tmp_path / "configs" / "evening.yaml" and load_preset("evening") == values
    assert [file.name for file in path.parent.iterdir()] == ["evening.yaml"]


def test_a_preset_is_replaced_only_when_that_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("URVC_CONFIG_DIR", str(tmp_path))
    save_preset("evening", {"main_gain": -3.0})
    with pytest.raises(OptionError, match="replace"):
        save_preset("evening", {"main_gain": 0.0})
    save_preset("evening", {"main_gain": 1.0}, overwrite=True)
    assert load_preset("evening") == {"main_gain": 1.0}


@pytest.mark.parametrize("name", ["", "../evening", "a/b", ".hidden"])
def test_a_presets_name_stays_in_its_folder(name, tmp_path, monkeypatch):
    monkeypatch.setenv("URVC_CONFIG_DIR", str(tmp_path / "configs"))
    with pytest.raises(OptionError):
        save_preset(name, {})
    assert not (tmp_path / "configs").exists()
