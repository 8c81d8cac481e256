"""The page in a real browser: a cover stage by stage, its picture, who can speak, the steps of a training, encoders."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny.clicks import (
    LIBRARY,
    MAKING,
    SOON_MS,
    TRAINING,
    as_it_is,
    choose,
    done,
    take_song,
    to_tab,
    type_number,
    unfold,
)
from tiny.home import VOICE

SPEAKS = any(map(shutil.which, ("espeak-ng", "espeak", "say")))


def _made(job: Any) -> list[str]:
    """Stages of the job's table that were not taken from the cache."""
    job.get_by_text("Timings").click()
    rows = job.locator(".urvc-timings tbody tr").all_inner_texts()
    return [row.split("\t")[0] for row in rows if "from the cache" not in row]


def test_a_cover_is_made_stage_by_stage_and_each_can_be_heard_and_repeated(open_page: Any, recording: Path) -> None:
    page = open_page()
    take_song(page, recording)
    as_it_is(page)
    choose(page, "#song-voice", VOICE)
    unfold(page, "2 The voice")
    page.locator("#run-convert").click()
    done(page)
    heard = page.locator('[data-urvc-stage="convert"] audio')
    heard.first.wait_for(timeout=SOON_MS)
    before = heard.first.get_attribute("src")

    type_number(page, "#song-PitchOptions-n_semitones", "3")
    page.locator("#run-convert").click()
    page.locator(MAKING).nth(1).wait_for(timeout=SOON_MS)
    assert _made(done(page)) == ["convert vocals"]
    page.locator(f'[data-urvc-stage="convert"] audio:not([src="{before}"])').first.wait_for(timeout=SOON_MS)

    unfold(page, "4 Mix and file")
    page.locator("#run-mix").click()
    page.locator(MAKING).nth(2).wait_for(timeout=SOON_MS)
    job = done(page)
    assert "convert vocals" not in _made(job)
    job.get_by_role("button", name="Draw the picture").click()
    page.locator(MAKING).nth(3).wait_for(timeout=SOON_MS)
    picture = done(page).locator("img")
    picture.wait_for(timeout=SOON_MS)
    assert picture.evaluate("async (one) => { await one.decode(); return one.naturalWidth; }") > 500


def test_several_songs_are_a_job_each(open_page: Any, recording: Path, tmp_path: Path) -> None:
    songs = [shutil.copy(recording, tmp_path / name) for name in ("first.wav", "second.wav")]
    page = open_page()
    page.locator("#song-file input[type=file]").set_input_files([str(song) for song in songs])
    page.locator("#song-file").get_by_text("second").first.wait_for(timeout=SOON_MS)
    as_it_is(page)
    choose(page, "#song-voice", VOICE)
    page.locator("#song-make").click()
    page.locator(MAKING).nth(1).wait_for(timeout=SOON_MS)
    done(page)
    assert sorted(text.split()[2] for text in page.locator(f"{MAKING} .urvc-job-head").all_inner_texts()) == [
        "first",
        "second",
    ]


@pytest.mark.skipif(not SPEAKS, reason="no speech engine on this machine: apt-get install espeak-ng")
def test_a_text_is_spoken_by_one_of_those_who_can(open_page: Any) -> None:
    page = open_page()
    page.get_by_role("tab", name="Speech").click()
    unfold(page, "1 Speaking")
    choose(page, "#speech-SpeakingOptions-engine", "system")
    page.locator("#speakers").click()
    assert "en" in done(page).locator("table").inner_text()
    page.locator("#speech-text textarea").fill("Good evening.")
    choose(page, "#speech-voice", VOICE)
    page.locator("#speech-make").click()
    page.locator(MAKING).nth(1).wait_for(timeout=SOON_MS)
    assert done(page).locator("audio").count() > 0


def test_recordings_become_slices_and_features_and_figures_become_curves(
    open_page: Any, site: tuple[str, Path], recording: Path
) -> None:
    page = open_page()
    to_tab(page, "Train")
    _write(page, "#dataset-name", "Anna")
    page.locator("#dataset-files input[type=file]").set_input_files(str(recording))
    page.locator("#dataset-files").get_by_text(recording.stem).first.wait_for(timeout=SOON_MS)
    page.locator("#dataset-populate").click()
    done(page, TRAINING)
    _write(page, "#training-name", "Anna")
    unfold(page, "2 Slices")
    page.locator("#train-preprocess").click()
    page.locator(TRAINING).nth(1).wait_for(timeout=SOON_MS)
    assert "1 of 1 files used" in done(page, TRAINING).inner_text()

    figures = [{"step": step, "epoch": 1, "loss/g/total": 40 - step, "loss/g/mel": 30 - step} for step in range(5)]
    metrics = site[1] / "models" / "rvc" / "training" / "Anna" / "eval" / "metrics.jsonl"
    metrics.parent.mkdir(parents=True)
    metrics.write_text("".join(json.dumps(one) + "\n" for one in figures))
    page.locator("[data-urvc-curves] polyline").nth(1).wait_for(timeout=SOON_MS)


def _write(page: Any, place: str, words: str) -> None:
    """Into a list that takes other names too."""
    field = page.locator(f"{place} input").first
    field.fill(words)
    field.press("Enter")
    field.press("Tab")


def test_encoders_and_pitch_models_are_told_verified_and_refused_without_their_files(open_page: Any) -> None:
    page = open_page()
    to_tab(page, "Voices")
    unfold(page, "Content encoders and pitch models")
    table = page.locator('[data-urvc-html="companions"] tr')
    table.filter(has_text="contentvec").get_by_text("here").first.wait_for(timeout=SOON_MS)
    assert "not on this machine" in table.filter(has_text="rmvpe").inner_text()
    page.locator("#companion-verify").click()
    assert "contentvec" in done(page, LIBRARY).locator("table").inner_text()
    page.locator("#encoder-import").click()
    page.get_by_text("the encoder has no name yet; write one").wait_for(timeout=SOON_MS)


def test_errors_are_said_in_the_pages_language(open_page: Any) -> None:
    page = open_page("zh-TW")
    page.locator("#song-make").click()
    page.get_by_text("沒有歌曲").wait_for(timeout=SOON_MS)
