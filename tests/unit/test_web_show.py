"""Jobs and figures as HTML: what others wrote is text and never markup."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ultimate_rvc.covers.cover import Stage
from ultimate_rvc.covers.desk import StageRun
from ultimate_rvc.serve.job import JobView, State
from ultimate_rvc.web import show
from ultimate_rvc.web.desk import Asked, Outcome

EVIL = "<script>alert('x')</script>"


def _task(outcome: Outcome | None = None, title: str = "song · Tiny") -> SimpleNamespace:
    asked = Asked("making", Stage.MIX.value, title, lambda _: Outcome(), again="something")
    return SimpleNamespace(key="key", asked=asked, outcome=outcome, is_done=outcome is not None)


def _view(**values: object) -> JobView:
    return JobView("key", "mix", "", "song", **values)


def test_progress_has_its_share_and_the_time_that_is_left() -> None:
    html = show.job(_task(), _view(state=State.RUNNING, stage="pitch", done=3, total=10, seconds_left=75.0), "en", [])
    assert 'value="3" max="10"' in html and "30 %" in html and "1:15 min left" in html and ">Cancel<" in html


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.FAILED, State.DONE])
def test_what_others_wrote_is_no_markup(state: State) -> None:
    outcome = Outcome(Path(f"{EVIL}.wav"), {EVIL: Path(f"{EVIL} 2.wav")}, said=(EVIL,), rows=((EVIL, EVIL),))
    view = _view(state=state, stage=EVIL, error=EVIL, warnings=(EVIL,))
    task = _task(outcome if state is State.DONE else None, EVIL)
    assert "<script" not in show.job(task, view, "en", [EVIL])


def test_a_result_has_players_downloads_timings_and_another_voice() -> None:
    stages = (StageRun("convert vocals", 1.234, cached=False), StageRun("effects", 0.0, cached=True))
    outcome = Outcome(Path("song.mp3"), {"Vocals": Path("Vocals of song.wav")}, stages=stages)
    html = show.result(_task(outcome), "en", ["Anna", "Bert"])
    assert html.count("<audio") == 2 and html.count('download="') == 2 and "1.23" in html and "from the cache" in html
    assert html.count("<option>") == 2


def test_the_figures_of_a_training_are_curves() -> None:
    records = [{"step": step, "epoch": 1, "loss/g/total": 10.0 - step, "loss/g/mel": 1.0} for step in range(5)]
    html = show.curves(records, "en")
    assert html.count("<polyline") == 2 and "epoch 1, step 4" in html and "nan" not in html


def test_without_figures_that_is_said() -> None:
    assert "No figures yet." in show.curves([], "en")


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (59, "59 s"), (200, "3:20 min"), (3720, "1:02 h")])
def test_a_duration_is_short(seconds: float, words: str) -> None:
    assert show.duration(seconds) == words
