"""The voice that comes with the program: found last, sung with its own encoder, fetched from nowhere, never changed."""

from pathlib import Path

import numpy as np
import pytest
from tiny import starter
from tiny.shelf import Library, library_in, voice_file
from tiny.sounds import voice_like
from tiny.voices import write_voice

from ultimate_rvc import paths, weights
from ultimate_rvc.audio.file import Audio
from ultimate_rvc.cli.main import main
from ultimate_rvc.errors import CheckpointError, OptionError, WeightsNotFound
from ultimate_rvc.options import ConversionOptions, EmbedderOptions, OptimizationConfig
from ultimate_rvc.rvc import pitch
from ultimate_rvc.rvc.infer.infer import VoiceConverter
from ultimate_rvc.voices import convert, delete, find_voice, import_voice, list_entries, list_voices, rename
from ultimate_rvc.voices.companions import EMBEDDERS, delete_companion, verify_companion

RATE_HZ = 16_000
MOST_SHIPPED_BYTES = 40_000_000
REAL = Path(paths.__file__).parent / "shipped"


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return starter.write_shipped(tmp_path_factory.mktemp("package") / "shipped")


@pytest.fixture
def shipped(made_up: Path, nothing_shipped: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program comes with a voice and its encoder."""
    monkeypatch.setattr(paths, "shipped_dir", lambda: made_up)
    return made_up


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    return library_in(tmp_path, monkeypatch)


def files_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_is_in_an_empty_library(library: Library, shipped: Path) -> None:
    found = find_voice(starter.NAME)
    assert found.checkpoint.is_relative_to(shipped) and found.index is not None
    assert list_voices() == [starter.NAME]
    assert [(entry.name, entry.is_shipped) for entry in list_entries()] == [(starter.NAME, True)]
    assert not library.voices.exists()


def test_a_voice_of_ones_own_goes_before_it(library: Library, shipped: Path) -> None:
    own = write_voice(library.voices, starter.NAME)
    assert find_voice(starter.NAME).checkpoint == own
    assert [(entry.is_shipped, entry.problem) for entry in list_entries()] == [(False, None)]


@pytest.mark.parametrize("change", [delete, convert, lambda name: rename(name, "mine")])
def test_it_stays_as_it_is(change, library: Library, shipped: Path) -> None:
    before = files_in(shipped)
    with pytest.raises(OptionError, match=r"comes with the program .* stays as it is"):
        change(starter.NAME)
    assert files_in(shipped) == before


def test_its_name_is_taken_for_an_import(library: Library, shipped: Path) -> None:
    with pytest.raises(OptionError, match="there is a voice 'starter' already"):
        import_voice([voice_file(library.outside, "anna")], name=starter.NAME)


def test_its_encoder_is_sound_and_stays(library: Library, shipped: Path) -> None:
    before = files_in(shipped)
    assert verify_companion(EMBEDDERS, starter.NAME).is_sound
    with pytest.raises(OptionError, match="comes with the program"):
        delete_companion(EMBEDDERS, starter.NAME)
    assert files_in(shipped) == before


def test_the_command_line_marks_it(library: Library, shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for words in (["list"], ["info", starter.NAME], ["verify"], ["delete", "--yes", starter.NAME]):
        status = main(["models", *words])
        told.append((status, *capsys.readouterr()))
    (_, listed, _), (_, facts, _), (sound, _, _), (refused, _, why) = told
    assert "a demonstration" in listed and "a demonstration" in facts and "MODEL_CARD.md" in facts
    assert sound == 0 and refused == 1 and "stays as it is" in why


@pytest.mark.parametrize(
    ("named", "strict", "wanted"),
    [
        (None, False, "contentvec"),
        ("contentvec", False, "contentvec"),
        ("spin", False, "spin"),
        ("spin", True, "contentvec"),
        ("starter", False, "starter"),
        ("starter", True, "starter"),
        ("custom_0a1b", False, "contentvec"),
        ("rmvpe", False, "contentvec"),
        (["spin"], False, "contentvec"),
    ],
)
def test_a_voice_is_sung_with_the_encoder_that_it_names_if_it_is_known(named, strict: bool, wanted: str) -> None:
    assert weights.encoder_for_voice(named, strict_parity=strict) == EmbedderOptions(wanted)


@pytest.mark.parametrize(("named", "found"), [("mine", True), ("../custom/mine", False), ("yours", False)])
def test_a_voice_may_name_an_encoder_of_ones_own_by_its_name(library: Library, named: str, found: bool) -> None:
    (paths.embedders_dir() / "custom" / "mine").mkdir(parents=True)
    wanted = EmbedderOptions("custom", named) if found else EmbedderOptions("contentvec")
    assert weights.encoder_for_voice(named) == wanted
    assert weights.encoder_for_voice(named, strict_parity=True) == EmbedderOptions("contentvec")


def test_an_encoder_is_found_by_its_name(library: Library, shipped: Path) -> None:
    assert weights.chosen_encoder(EmbedderOptions("starter")) == shipped / "embedders" / "starter"


def test_a_broken_installation_says_so(library: Library) -> None:
    with pytest.raises(WeightsNotFound, match="install the program again"):
        weights.chosen_encoder(EmbedderOptions("starter"))


def test_no_pitch_weights_are_fetched_where_none_may_be(library: Library) -> None:
    assert [pitch.choose_auto(kind, may_download=False) for kind in ("cpu", "mps", "cuda")] == ["swift"] * 3
    assert [pitch.choose_auto(kind) for kind in ("cpu", "mps", "cuda")] == ["swift", "rmvpe", "rmvpe"]


@pytest.fixture
def engine(library: Library) -> VoiceConverter:
    return VoiceConverter(OptimizationConfig(device="cpu"))


def test_it_sings_with_its_own_encoder_and_says_what_it_is(engine: VoiceConverter, shipped: Path) -> None:
    voice = find_voice(starter.NAME)
    engine.load_voice(voice.checkpoint, voice.index)
    done = engine.convert(Audio(voice_like(1.0, RATE_HZ), RATE_HZ), ConversionOptions())
    assert (done.used["encoder"], done.used["pitch"]) == ("starter", "swift")
    assert "demonstration, no substitute for ContentVec" in done.used["voice"]
    assert done.audio.rate == starter.RATE_HZ and np.abs(done.audio.samples).max() > 0.01


@pytest.mark.parametrize("asked", ["auto", "starter"])
def test_a_cover_depends_on_the_encoder_that_it_is_made_with(engine: VoiceConverter, shipped: Path, asked: str) -> None:
    options = ConversionOptions(embedder=EmbedderOptions(asked))
    used = engine.ingredients(find_voice(starter.NAME).checkpoint, options).weights
    assert {path.parent for path in used} >= {shipped / "embedders" / "starter"}


def test_an_encoder_that_was_asked_for_goes_before_the_voices_own(engine: VoiceConverter, shipped: Path) -> None:
    with pytest.raises(WeightsNotFound, match="contentvec is not at"):
        engine.ingredients(
            find_voice(starter.NAME).checkpoint, ConversionOptions(embedder=EmbedderOptions("contentvec"))
        )


def test_an_encoder_of_another_width_is_refused(engine: VoiceConverter, shipped: Path, library: Library) -> None:
    engine.load_voice(voice_file(library.outside, "anna"))
    with pytest.raises(CheckpointError, match="gives a v2 voice features of 48 numbers, and this one takes 768"):
        engine.load_encoder_for_voice(EmbedderOptions("starter"))


def test_of_voices_of_ones_own_nothing_is_said(engine: VoiceConverter, shipped: Path, library: Library) -> None:
    engine.load_voice(write_voice(library.voices, "anna"))
    assert "voice" not in engine._used(ConversionOptions(), ())


@pytest.mark.skipif(not (REAL / "voices" / starter.NAME / "starter.pth").is_file(), reason="nothing is shipped yet")
def test_what_is_really_shipped_is_sound_and_small(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "shipped_dir", lambda: REAL)
    assert sum(path.stat().st_size for path in REAL.rglob("*") if path.is_file()) <= MOST_SHIPPED_BYTES
    assert main(["models", "verify", starter.NAME]) == 0
    voice = find_voice(starter.NAME)
    assert voice.index is not None and (voice.checkpoint.parent / "MODEL_CARD.md").is_file()
    engine = VoiceConverter(OptimizationConfig(device="cpu"))
    engine.load_voice(voice.checkpoint)
    engine.load_encoder_for_voice(EmbedderOptions())
    assert engine.last_embedder_model == starter.NAME
