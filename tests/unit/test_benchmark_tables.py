"""What was found, as errors, tables, JSON and a page: every number is where it belongs."""

import json
from pathlib import Path

import numpy as np
import pytest

from ultimate_rvc.benchmark import report, tables
from ultimate_rvc.benchmark.deviation import Deviation, between
from ultimate_rvc.benchmark.expectations import EXPECTED
from ultimate_rvc.benchmark.results import FAILED, NOT_HERE, Cell, Result, Search, Start, to_json
from ultimate_rvc.benchmark.scenes import STEM, VOICE, Scene
from ultimate_rvc.options import SPEEDUPS

RATE_HZ = 40_000
# A window's spectrum in single precision.
LEVEL_TOLERANCE_DB = 0.01


def _tone(folder: Path, name: str, level: float, seconds: float = 20.0) -> Path:
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    path = folder / f"{name}.npy"
    np.save(path, (level * np.sin(2 * np.pi * 220 * at)).astype(np.float32))
    return path


def test_a_tone_that_is_quieter_by_a_known_amount_deviates_by_it(tmp_path: Path) -> None:
    found = between(_tone(tmp_path, "a", 0.45), _tone(tmp_path, "b", 0.5), "b")
    assert found.snr_db == pytest.approx(20.0, abs=LEVEL_TOLERANCE_DB)
    assert found.max_abs == pytest.approx(0.05, rel=1e-4)


def test_noise_that_is_quieter_everywhere_has_that_spectral_distance(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 20 * RATE_HZ).astype(np.float32)
    np.save(tmp_path / "a.npy", noise / 2)
    np.save(tmp_path / "b.npy", noise)
    found = between(tmp_path / "a.npy", tmp_path / "b.npy", "b")
    assert found.log_spectral_db == pytest.approx(6.02, abs=0.1)


def test_equal_samples_are_identical_and_what_is_longer_is_cut(tmp_path: Path) -> None:
    found = between(_tone(tmp_path, "a", 0.5, 3.0), _tone(tmp_path, "b", 0.5, 3.1), "b")
    assert found.identical and found.snr_db is None and found.log_spectral_db == 0


def _cell(name: str, scene: str, *seconds: float, **fields) -> Cell:
    return Cell(
        name, scene, seconds=list(seconds), load_s=2.0, first_s=5.0, first_of_s=10.0, peak_bytes=10**9, **fields
    )


@pytest.fixture
def result() -> Result:
    voice, long, stem = Scene(VOICE, 10), Scene(VOICE, 180), Scene(STEM, 180)
    error = Deviation("none", 126.4, 3e-7, 1.2e-4)
    cells = [
        _cell("Ultimate RVC", voice.name, 20.0, 30.0, 21.0),
        _cell("reference", voice.name, 11.0, 10.0, 12.0, stages={"synthesize": 8.0}, staged_s=11.0),
        _cell("none", voice.name, 10.0, 10.0, stages={"synthesize": 8.0, "embed": 1.0}, staged_s=10.0),
        _cell("all on", voice.name, 5.0, 4.0, 6.0, stages={"synthesize": 3.0}, staged_s=5.0, deviation=error),
        _cell("only tiles", voice.name, 8.0, stages={"synthesize": 4.0}, staged_s=8.0, deviation=error),
        _cell("all but tiles", voice.name, 7.5, deviation=error),
        Cell("int8", voice.name, NOT_HERE, "int8 needs openvino"),
        Cell("bf16", voice.name, FAILED, "the process ended with SIGKILL: out of memory"),
        _cell("all on", long.name, 90.0, stages={"synthesize": 54.0}, staged_s=90.0),
        _cell("none", stem.name, 120.0),
        _cell("only silence", stem.name, 80.0),
    ]
    searches = [Search("FAISS", 50_000, 2_000, 0.5, [0.2, 0.3, 0.25]), Search("here", 50_000, 2_000, 0.02, [0.1])]
    searches[1].max_abs = 2e-7
    starts = [Start("urvc --help", "urvc --help", [0.2, 0.1, 0.3])]
    about = dict.fromkeys(dict.fromkeys(cell.contender for cell in cells), "")
    settings = {
        "source": "song.wav",
        "voice": "v.pth",
        "rounds": 3,
        "patience_s": 150.0,
        "against": "Ultimate RVC 0.6.0",
    }
    return Result("1.0", {"chip": "M9"}, settings, [voice, long, stem], about, cells, searches, starts)


def _row(table: tables.Table, name: str) -> dict[str, str]:
    return dict(zip(table.header, next(row for row in table.rows if row[0] == name), strict=True))


def test_times_are_medians_with_their_spread_and_ratios(result: Result) -> None:
    row = _row(tables.times(result, result.scenes[0]), "all on")
    assert (row["turns"], row["median s"], row["min–max s"], row["RTF"]) == ("3", "5.00", "4.00–6.00", "0.500")
    assert (row["× Ultimate RVC"], row["× reference"], row["× none"]) == ("4.20", "2.20", "2.00")
    assert (row["peak MB"], row["SNR dB"], row["max error"]) == ("1,000", "126.4", "3.0e-07")


def test_what_is_not_for_this_machine_is_shown_with_the_reason(result: Result) -> None:
    table = tables.times(result, result.scenes[0])
    assert _row(table, "int8")["median s"] == "not here" and _row(table, "bf16")["median s"] == "failed"
    assert "int8: not here: int8 needs openvino" in table.notes
    assert result.failures() == ["bf16: the process ended with SIGKILL: out of memory"]


def test_a_cards_memory_has_its_column_where_there_is_a_card(result: Result) -> None:
    assert "card MB" not in tables.times(result, result.scenes[0]).header
    result.cells[0].card_bytes = 5 * 10**8
    table = tables.times(result, result.scenes[0])
    assert _row(table, "Ultimate RVC")["card MB"] == "500" and _row(table, "int8")["card MB"] == "–"


def test_stages_and_the_rest_make_the_whole(result: Result) -> None:
    row = _row(tables.stages(result, result.scenes[0]), "none")
    assert (row["synthesize"], row["embed"], row["rest"]) == ("8.00", "1.00", "1.00")


def test_a_speedup_has_what_it_should_gain_what_it_gains_and_its_error(result: Result) -> None:
    row = _row(tables.gains(result), "tiles")
    assert row["stage"] == "synthesize" and row["should gain there"] == EXPECTED["tiles"].gain
    assert (row["gains there"], row["alone"], row["missing"]) == ("2.00 ×", "1.25 ×", "1.50 ×")
    assert row["SNR dB"] == "126.4"


def test_silence_is_measured_on_the_stem(result: Result) -> None:
    assert _row(tables.gains(result), "silence")["alone"] == "1.50 ×"


def test_every_speedup_says_beforehand_what_it_should_gain() -> None:
    assert set(EXPECTED) == set(SPEEDUPS)


def test_cost_is_set_against_length(result: Result) -> None:
    table = tables.lengths(result)
    assert [row[0] for row in table.rows] == ["all on"]
    assert _row(table, "all on")["180 s"] == "90.00 s, RTF 0.500"


def test_searches_and_starts_have_their_tables(result: Result) -> None:
    rows = tables.searches(result).rows
    assert rows[0][:4] == ["50,000", "FAISS", "250.0", "200.0–300.0"] and rows[1][-1] == "2.0e-07"
    assert _row(tables.starts(result), "urvc --help")["median s"] == "0.20"
    assert _row(tables.starts(result), "all on: loaded and first call")["median s"] == "7.00"


def test_what_was_not_measured_has_no_table(result: Result) -> None:
    result.searches, result.starts, result.cells = [], [], result.cells[:1]
    titles = [table.title for table in tables.tables(result)]
    assert titles == ["Machine", "voice 10 s: voice without a pause", "Starting"]


def test_a_page_has_every_row_and_each_caption_once(result: Result) -> None:
    page = report.markdown(result, "urvc benchmark", Path("pictures/b.png"))
    for table in tables.tables(result):
        assert f"## {table.title}" in page
        assert all(f"| {' | '.join(row)} |" in page for row in table.rows)
        assert page.count(table.caption) == 1 or not table.caption
    assert "`urvc benchmark`" in page and "(pictures/b.png)" in page


def test_plain_tables_stand_in_columns(result: Result) -> None:
    table = tables.times(result, result.scenes[0])
    title, *lines = report.plain(table).splitlines()
    rows = lines[: len(table.rows) + 1]
    assert title == table.title and lines[len(rows) :] == list(table.notes)
    assert len({len(row) for row in rows}) == 1 and rows[0].split()[0] == "configuration"


def test_json_has_a_schema_and_nothing_that_json_does_not_know(result: Result) -> None:
    found = json.loads(to_json(result), parse_constant=lambda word: pytest.fail(word))
    assert found["schema"] == 1 and found["machine"] == {"chip": "M9"}
    assert {"version", "settings", "scenes", "contenders", "cells", "searches", "starts"} <= set(found)
    medians = {cell["contender"]: cell["median_s"] for cell in found["cells"][:7]}
    assert medians["all on"] == 5.0 and medians["int8"] is None
    assert found["searches"][0]["median_s"] == 0.25 and found["starts"][0]["median_s"] == 0.2


def test_a_picture_shows_bars_and_the_cost_against_length(result: Result, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from ultimate_rvc.benchmark.picture import draw

    text = draw(result, tmp_path / "b.svg").read_text()
    assert text.count('<g id="axes_') == 4
    with pytest.raises(Exception, match="nothing was measured"):
        draw(Result("1", {}, {}, [], {}), tmp_path / "c.svg")
