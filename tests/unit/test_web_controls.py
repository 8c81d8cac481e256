"""Controls come from the option records: every option has one, with its own default, range and choices."""

from dataclasses import fields

import pytest

from ultimate_rvc import options, options_training
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import (
    CoverOptions,
    EmbedderOptions,
    MixOptions,
    PitchOptions,
    SeparationOptions,
)
from ultimate_rvc.options_training import HardwareOptions, TrainingOptions
from ultimate_rvc.web.controls import LEFT_OPEN, SHOWN, Kind, controls, record_of

TRAINING = (
    options_training.DatasetOptions,
    options_training.FeatureOptions,
    options_training.TrainingEmbedderOptions,
    options_training.IndexOptions,
    HardwareOptions,
    TrainingOptions,
)
SPEECH = (options.SpeechPitchOptions, options.SpeechVoiceOptions, options.FileOptions)
EVERY = (*options.RECORDS, *SPEECH, *TRAINING)


def _shown(record: type) -> dict:
    return {one.key: one.shown(one.spec.default) for one in controls(record)}


def _one(record: type, name: str):
    return next(one for one in controls(record) if one.spec.name == name)


@pytest.mark.parametrize("record", EVERY)
def test_untouched_controls_give_the_records_defaults(record: type) -> None:
    assert record_of(record, _shown(record)) == record()


def test_every_option_of_the_command_line_has_a_control() -> None:
    on_the_page = {(one.record, one.spec.name) for record in EVERY for one in controls(record)}
    owners = {record for record, _ in options.all_knobs()}
    missing = {(record, spec.name) for record, spec in options.all_knobs()} - on_the_page
    assert owners <= {*EVERY} and not missing


def test_what_is_shown_at_once_exists() -> None:
    for record, names in SHOWN.items():
        assert set(names) <= {spec.name for spec in fields(record)}, record


@pytest.mark.parametrize(
    ("record", "name", "kind"),
    [
        (PitchOptions, "autotune", Kind.SWITCH),
        (PitchOptions, "f0_method", Kind.SEVERAL),
        (PitchOptions, "n_octaves", Kind.SLIDER),
        (PitchOptions, "f0_file", Kind.FILE),
        (EmbedderOptions, "embedder_model", Kind.CHOICE),
        (SeparationOptions, "split_backup", Kind.MAYBE),
        (MixOptions, "bitrate", Kind.NUMBER),
        (MixOptions, "output_name", Kind.TEXT),
        (CoverOptions, "backup_model", Kind.VOICE),
        (HardwareOptions, "gpu_id", Kind.NUMBERS),
    ],
)
def test_a_control_looks_like_its_option(record: type, name: str, kind: Kind) -> None:
    assert _one(record, name).kind is kind


def test_values_come_back_in_their_fields_types() -> None:
    assert _one(PitchOptions, "n_semitones").value(-2.0) == -2
    assert _one(MixOptions, "bitrate").value(None) is None
    assert _one(PitchOptions, "f0_method").value(["rmvpe", "swift"]) == ("rmvpe", "swift")
    assert _one(SeparationOptions, "split_backup").value("no") is False
    assert _one(SeparationOptions, "split_backup").value(LEFT_OPEN) is None
    assert _one(HardwareOptions, "gpu_id").value("0, 2") == (0, 2)


@pytest.mark.parametrize(
    ("record", "name", "shown"),
    [
        (PitchOptions, "n_octaves", 9),
        (PitchOptions, "f0_method", ["shell"]),
        (MixOptions, "output_format", "exe"),
        (MixOptions, "output_name", "../../etc/passwd"),
        (CoverOptions, "backup_model", "/etc"),
        (EmbedderOptions, "custom_embedder_model", "../other"),
        (SeparationOptions, "separator_model", "/tmp/model.ckpt"),
        (SeparationOptions, "split_backup", "maybe"),
        (HardwareOptions, "gpu_id", "one"),
        (TrainingOptions, "custom_pretrained", "/tmp/pretrained"),
    ],
)
def test_what_a_browser_may_not_send_is_refused(record: type, name: str, shown: object) -> None:
    with pytest.raises(OptionError):
        _one(record, name).value(shown)


def test_no_path_from_a_browser_becomes_an_options_path() -> None:
    assert _one(PitchOptions, "f0_file").value("/etc/passwd") is None
