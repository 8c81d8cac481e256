"""The command line takes every option of Ultimate RVC 0.6, with its default and at least its range."""

import click
import pytest

from ultimate_rvc.cli.generate import convert_voice, run_pipeline, song_cover
from ultimate_rvc.cli.knobs import TITLES
from ultimate_rvc.cli.speech import run_pipeline as speech_pipeline
from ultimate_rvc.options import all_knobs

# Option of Ultimate RVC 0.6: its default, lowest and highest value; None where it sets no bound.
SINGING = {
    "--n-octaves": (0, None, None),
    "--n-semitones": (0, None, None),
    "--index-rate": (0.3, 0, 1),
    "--rms-mix-rate": (1.0, 0, 1),
    "--protect-rate": (0.33, 0, 0.5),
    "--autotune-strength": (1.0, 0, 1),
    "--proposed-pitch": (False, None, None),
    "--proposed-pitch-threshold": (155.0, 50.0, 1200.0),
    "--clean-strength": (0.7, 0, 1),
    "--embedder-model": ("contentvec", None, None),
    "--custom-embedder-model": (None, None, None),
    "--sid": (0, None, None),
}
COVER = {
    **SINGING,
    "--split-vocals": (False, None, None),
    "--autotune-vocals": (False, None, None),
    "--clean-vocals": (False, None, None),
    "--room-size": (0.15, 0, 1),
    "--wet-level": (0.2, 0, 1),
    "--dry-level": (0.8, 0, 1),
    "--damping": (0.7, 0, 1),
    "--main-gain": (0, None, None),
    "--inst-gain": (0, None, None),
    "--backup-gain": (0, None, None),
    "--output-sr": (44100, None, None),
    "--output-format": ("mp3", None, None),
    "--output-name": (None, None, None),
    "--cookiefile": (None, None, None),
}
VOICE = {
    **SINGING,
    "--split-voice": (False, None, None),
    "--autotune-voice": (False, None, None),
    "--clean-voice": (False, None, None),
}
CHOICES = {
    "--f0-method": {"rmvpe", "crepe", "crepe-tiny", "fcpe"},
    "--embedder-model": {
        "contentvec",
        "spin",
        "spin-v2",
        "chinese-hubert-base",
        "japanese-hubert-base",
        "korean-hubert-base",
        "custom",
    },
    "--output-sr": {"16000", "44100", "48000", "96000", "192000"},
    "--output-format": {"mp3", "wav", "flac", "ogg", "m4a", "aac"},
}
# Upstream sets no bounds on these; ours keep typing errors out.
BOUNDED_HERE = {
    "--n-octaves": (-4, 4),
    "--n-semitones": (-48, 48),
    "--sid": (0, None),
    "--main-gain": (-60, 60),
    "--inst-gain": (-60, 60),
    "--backup-gain": (-60, 60),
}
# `auto` is contentvec for every voice that upstream trained: it takes the encoder that the voice's file names.
DEFAULT_HERE = {"--embedder-model": "auto"}
COMMANDS = [(song_cover, COVER), (run_pipeline, COVER), (convert_voice, VOICE)]
NAMES = ["song-cover", "run-pipeline", "convert-voice"]


def _option(command: click.Command, flag: str) -> click.Option:
    return next(param for param in command.params if flag in param.opts)


@pytest.mark.parametrize(("command", "table"), COMMANDS, ids=NAMES)
def test_every_upstream_option_is_there_with_its_default_and_range(command: click.Command, table: dict) -> None:
    for flag, (default, low, high) in table.items():
        option = _option(command, flag)
        bounds = (getattr(option.type, "min", None), getattr(option.type, "max", None))
        assert option.to_info_dict()["default"] == DEFAULT_HERE.get(flag, default), flag
        assert bounds == BOUNDED_HERE.get(flag, (low, high)), flag


@pytest.mark.parametrize(("command", "table"), COMMANDS, ids=NAMES)
def test_every_upstream_choice_can_be_made_in_any_case(command: click.Command, table: dict) -> None:
    for flag, choices in CHOICES.items():
        if flag in {**table, "--f0-method": None}:
            option = _option(command, flag)
            assert choices <= set(option.type.choices)
            for choice in choices:
                assert str(option.type.convert(choice.upper(), option, None)) == choice


def test_switches_can_be_turned_off_by_name() -> None:
    for flag in ("--split-vocals", "--autotune-vocals", "--proposed-pitch", "--clean-vocals"):
        assert f"--no-{flag[2:]}" in _option(song_cover, flag).secondary_opts


def test_every_knob_is_offered_and_explained_under_a_title() -> None:
    offered = {param.name: param for command in (speech_pipeline, song_cover) for param in command.params}
    for record, spec in all_knobs():
        option = offered[spec.name]
        assert option.title == TITLES[record] and option.help


def test_both_ways_of_asking_for_a_cover_take_the_same_options() -> None:
    own_words = {"source", "model_name"}
    names = [{param.name for param in command.params} - own_words for command in (song_cover, run_pipeline)]
    assert names[0] == names[1]
