"""Turns are taken fairly, and one that fails takes nothing from the others."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny.runners import write_player

from ultimate_rvc.benchmark.contenders import NONE, REFERENCE, THEIRS
from ultimate_rvc.benchmark.results import FAILED, MEASURED, NOT_HERE, Cell
from ultimate_rvc.benchmark.rounds import Player, Stage, measure
from ultimate_rvc.benchmark.scenes import RATE_HZ, VOICE, Scene
from ultimate_rvc.benchmark.workers import Program
from ultimate_rvc.progress import Progress

PlayersTurns = Callable[..., tuple[dict[str, Cell], list[str]]]


@pytest.fixture
def play(tmp_path: Path) -> PlayersTurns:
    """Plays a scene with players given as name=dict(way, level); → cells by name, and who did what in which order."""
    program, log = Program(write_player(tmp_path)), tmp_path / "log"
    np.save(tmp_path / "scene.npy", np.zeros(RATE_HZ, np.float32))

    def play(players: dict[str, dict], *, seconds: float = 1, told: list | None = None, **changes):
        fields = {"rounds": 3, "patience_s": 60.0, "room": 9, "profiled": True, **changes}
        stage = Stage(Scene(VOICE, seconds), tmp_path / "scene.npy", tmp_path, **fields)
        crew = [Player(name, program, {"name": name, "log": str(log), **how}) for name, how in players.items()]
        cells = measure(stage, crew, told.append if told is not None else lambda _: None)
        assert [cell.contender for cell in cells] == list(players)
        return {cell.contender: cell for cell in cells}, log.read_text().splitlines()

    return play


def test_rounds_go_forth_and_back_after_a_first_call(play: PlayersTurns) -> None:
    _, log = play({"a": {}, "b": {}})
    assert log == [
        "a open", "a turn", "a turn", "b open", "b turn", "b turn",
        "b turn", "a turn", "a turn", "b turn",
    ]  # fmt: skip


def test_a_cell_has_a_time_for_each_round_and_the_stages_of_one(play: PlayersTurns) -> None:
    cells, _ = play({"a": {}})
    cell = cells["a"]
    assert cell.status == MEASURED and len(cell.seconds) == 3
    assert cell.stages == {"sing": 0.001} and cell.staged_s in cell.seconds
    assert cell.load_s > 0 and cell.first_s >= 0 and cell.first_of_s == 1
    assert cell.peak_bytes > 1e6 and cell.card_bytes == 7


def test_a_long_scene_is_begun_with_an_excerpt_except_on_a_card(play: PlayersTurns) -> None:
    assert play({"a": {}}, seconds=60)[1][1] == "a excerpt 10"
    cells, log = play({"b": {}}, seconds=60, profiled=False, rounds=1)
    # The first call, the turn, and one more for the stages: measuring those makes a card wait.
    assert log[-4:] == ["b open", "b turn", "b turn", "b turn"]
    assert len(cells["b"].seconds) == 1 and cells["b"].stages


@pytest.mark.parametrize(
    ("way", "status", "reason", "turns"),
    [
        ("refuse", NOT_HERE, "not on this machine", 0),
        ("fail", FAILED, "MemoryError: out of memory", 0),
        ("die", FAILED, "the process ended with status 9", 1),
    ],
)
def test_who_fails_is_out_and_the_others_go_on(
    play: PlayersTurns, way: str, status: str, reason: str, turns: int
) -> None:
    cells, _ = play({"a": {}, "bad": {"way": way}, "b": {}})
    assert (cells["bad"].status, len(cells["bad"].seconds)) == (status, turns)
    assert reason in cells["bad"].reason
    assert [len(cells[name].seconds) for name in "ab"] == [3, 3]


def test_patience_ends_the_turns_of_who_is_slow_but_never_the_first(play: PlayersTurns) -> None:
    cells, _ = play({"slow": {"way": "slow"}, "quick": {}}, patience_s=0.5, rounds=4)
    assert len(cells["slow"].seconds) == 2 and len(cells["quick"].seconds) == 4
    cells, _ = play({"slow": {"way": "slow"}}, patience_s=0.0)
    assert len(cells["slow"].seconds) == 1


def test_without_room_workers_are_started_anew(play: PlayersTurns) -> None:
    cells, log = play({"a": {}, "b": {}, "c": {}}, room=1, rounds=2)
    # Going back, c has just worked and is still there.
    assert [line for line in log if "open" in line] == ["a open", "b open", "c open", "b open", "a open"]
    assert all(len(cell.seconds) == 2 for cell in cells.values())


def test_errors_are_against_the_line_without_speedups_and_the_references_against_upstream(play: PlayersTurns) -> None:
    levels = {THEIRS: 0.5, REFERENCE: 0.5, NONE: 0.25, "all on": 0.26}
    cells, _ = play({name: {"level": level} for name, level in levels.items()}, rounds=1)
    assert cells[REFERENCE].deviation.identical and cells[REFERENCE].deviation.against == THEIRS
    assert cells["all on"].deviation.max_abs == pytest.approx(0.01) and cells["all on"].deviation.against == NONE
    assert cells[NONE].deviation is None and cells[THEIRS].deviation is None


def test_samples_are_kept_only_where_they_are_compared_and_never_for_long(play: PlayersTurns, tmp_path: Path) -> None:
    cells, _ = play({NONE: {}, "all on": {}}, rounds=1, compared=False)
    assert cells["all on"].deviation is None
    play({NONE: {}, "all on": {}}, rounds=1)
    assert [path.name for path in tmp_path.glob("*.npy")] == ["scene.npy"]


def test_what_a_worker_remarks_is_kept(play: PlayersTurns) -> None:
    assert play({"a": {"way": "remark"}})[0]["a"].remark == "a remark"


def test_progress_ends_where_it_said_it_would(play: PlayersTurns) -> None:
    told: list[Progress] = []
    play({"a": {}, "b": {}}, told=told)
    assert [one.done for one in told] == [0, 1, 2, 3, 4, 5, 6] and {one.total for one in told} == {6}
