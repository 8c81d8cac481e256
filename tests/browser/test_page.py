"""The page in a real browser: what somebody does on the first evening, by looking and clicking."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tiny.clicks import (
    LIBRARY,
    LONG_MS,
    MAKING,
    SOON_MS,
    as_it_is,
    choose,
    done,
    first_cover,
    take_song,
    to_tab,
    type_number,
    unfold,
    until,
)
from tiny.home import VOICE

RECORDING_S, LONG_TIMES = 4, 40
PHONE = {"width": 375, "height": 740}


def _seconds_of_sound(page: Any, job: Any) -> float:
    player = job.locator("audio").first
    return player.evaluate("""async (player) => {
        player.preload = "auto"; player.load(); await player.play();
        await new Promise((done) => setTimeout(done, 300)); player.pause();
        return player.duration;
    }""")


def test_a_voice_is_imported_and_a_real_recording_sung_played_and_mixed_again(
    open_page: Any, site: tuple[str, Path], recording: Path
) -> None:
    page = open_page()
    page.get_by_role("tab", name="Voices").click()
    page.locator("#voice-files input[type=file]").set_input_files(str(site[1] / "incoming/Newcomer/Newcomer.pth"))
    page.locator("#voice-files").get_by_text("Newcomer").first.wait_for(timeout=SOON_MS)
    page.locator("#voice-import").click()
    done(page, LIBRARY)
    page.locator("#voice-list").get_by_text("Newcomer").wait_for(timeout=SOON_MS)

    page.get_by_role("tab", name="Generate").click()
    take_song(page, recording)
    as_it_is(page)
    choose(page, "#song-voice", "Newcomer")
    page.locator("#song-make").click()
    job = done(page)
    assert _seconds_of_sound(page, job) == pytest.approx(RECORDING_S, abs=0.2)

    unfold(page, "4 Mix and file")
    type_number(page, "#song-MixOptions-main_gain", "-6")
    page.locator("#run-mix").click()
    page.locator(MAKING).nth(1).wait_for(timeout=SOON_MS)
    job = done(page)
    job.get_by_text("Timings").click()
    rows = job.locator(".urvc-timings tbody tr").all_inner_texts()
    made = [row for row in rows if "from the cache" not in row]
    assert len(made) == 1 and made[0].startswith("mix and save")

    job.locator("select").select_option(VOICE)
    job.get_by_role("button", name="Sing it again").click()
    page.locator(MAKING).nth(2).wait_for(timeout=SOON_MS)
    assert VOICE in done(page).inner_text()
    page.reload()
    assert VOICE in done(page).inner_text(), "a page that is loaded again finds its jobs"


def test_the_bar_moves_and_a_cover_is_cancelled(open_page: Any, recording: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(recording)
    soundfile.write(tmp_path / "long.wav", np.tile(samples, LONG_TIMES), rate)
    page = open_page()
    take_song(page, tmp_path / "long.wav")
    unfold(page, "1 Vocals and instruments")
    choose(page, "#song-SeparationOptions-separator", "classical")
    choose(page, "#song-voice", VOICE)
    page.locator("#song-make").click()
    bar = page.locator(f"{MAKING} progress[value]")
    bar.wait_for(timeout=LONG_MS)
    before = float(bar.get_attribute("value") or 0)
    until(lambda: float(bar.get_attribute("value") or 0) > before)
    assert "left" in page.locator(MAKING).first.inner_text()
    page.locator(MAKING).first.get_by_role("button", name="Cancel").click()
    assert "cancelled" in done(page, state="cancelled").inner_text()


def test_a_text_that_is_called_wav_is_told_plainly(open_page: Any, tmp_path: Path) -> None:
    text = tmp_path / "notes.wav"
    text.write_text("This is no song.\n" * 20)
    page = open_page()
    first_cover(page, text)
    told = done(page, state="failed").locator(".urvc-problem").inner_text()
    assert told.startswith("'notes.wav' cannot be decoded") and "export it again" in told


def test_two_users_do_not_see_each_others_jobs(open_page: Any, recording: Path) -> None:
    one, other = open_page(), open_page()
    first_cover(one, recording)
    address = done(one).locator("a[download]").first.get_attribute("href")
    other.reload()
    other.locator("#song-make").wait_for()
    other.wait_for_timeout(4000)
    assert other.locator(MAKING).count() == 0
    assert one.context.request.get(one.url.split("/en")[0] + address).status == 200
    assert other.context.request.get(one.url.split("/en")[0] + address).status == 404


def test_the_language_is_the_browsers_and_can_be_switched(open_page: Any) -> None:
    page = open_page("zh-TW")
    assert page.url.endswith("/zh-TW/") and re.search(r"[\u4e00-\u9fff]", page.locator("#song-make").inner_text())
    page.get_by_role("link", name="English").click()
    page.get_by_role("button", name="Make the cover").wait_for(timeout=SOON_MS)
    page.get_by_role("link", name="中文").click()
    page.wait_for_url("**/zh-TW/")
    page.locator("#song-make").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_scrolling_sideways_and_the_colours_follow_the_browser(open_page: Any, scheme: str) -> None:
    page = open_page(viewport=PHONE, color_scheme=scheme)
    for tab in ("Voices", "Train", "Settings", "Generate"):
        to_tab(page, tab)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], tab
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(map(int, re.findall(r"\d+", shade)[:3])) / 3
    assert (light > 127) == (scheme == "light")


def test_the_keyboard_alone_is_enough(open_page: Any, recording: Path) -> None:
    page = open_page()
    take_song(page, recording)
    as_it_is(page)
    page.locator("#song-make").focus()
    page.keyboard.press("Enter")
    done(page)
    page.locator(f"{MAKING} button").first.focus()
    page.keyboard.press("Enter")
    page.locator(MAKING).first.wait_for(state="detached", timeout=SOON_MS)


def test_the_device_is_told_and_a_voice_is_deleted_after_a_question(open_page: Any, site: tuple[str, Path]) -> None:
    page = open_page()
    page.locator("[data-urvc-device]").get_by_text("CPU").wait_for(timeout=LONG_MS)
    doomed = site[1] / "voices" / "Doomed"
    doomed.mkdir()
    (doomed / "Doomed.pth").write_bytes((site[1] / "incoming/Newcomer/Newcomer.pth").read_bytes())
    page.get_by_role("tab", name="Voices").click()
    unfold(page, "Verify, rename, delete")
    choose(page, "#voice-chosen", "Doomed")
    page.locator("#voice-delete").click()
    page.locator("#voice-delete-yes").wait_for(timeout=SOON_MS)
    assert doomed.is_dir()
    page.locator("#voice-delete-yes").click()
    until(lambda: not doomed.exists())


def test_a_preset_is_saved_and_loaded_again(open_page: Any, site: tuple[str, Path]) -> None:
    page = open_page()
    unfold(page, "4 Mix and file")
    type_number(page, "#song-MixOptions-main_gain", "-3")
    page.get_by_role("tab", name="Settings").click()
    page.locator("#preset-name textarea, #preset-name input").first.fill("evening")
    page.locator("#preset-save").click()
    until((site[1] / "configs" / "evening.yaml").is_file)
    assert "main_gain: -3.0\n" in (site[1] / "configs" / "evening.yaml").read_text()
    page.reload()
    page.locator("#song-make").wait_for()
    page.get_by_role("tab", name="Settings").click()
    choose(page, "#preset-chosen", "evening")
    page.locator("#preset-load").click()
    page.get_by_role("tab", name="Generate").click()
    unfold(page, "4 Mix and file")
    gain = page.locator("#song-MixOptions-main_gain input[type=number]")
    until(lambda: gain.input_value() == "-3")
