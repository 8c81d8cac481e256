"""What somebody clicks on the page, for tests in a real browser."""

import time
from pathlib import Path
from typing import Any

from tiny.home import VOICE

SOON_MS, LONG_MS = 60_000, 180_000
MAKING, LIBRARY, TRAINING = (f'[data-urvc-jobs="{board}"] article' for board in ("making", "library", "training"))


def unfold(page: Any, heading: str) -> None:
    """Opens or closes what is folded away."""
    page.get_by_role("button", name=heading).first.click()


def choose(page: Any, place: str, value: str) -> None:
    """Takes a value of a list."""
    field = page.locator(f"{place} input").first
    field.click()
    page.get_by_role("option", name=value, exact=True).first.click()


def type_number(page: Any, place: str, words: str) -> None:
    """Types until the field keeps it: a control that was unfolded a moment ago may still be given its first value."""
    field = page.locator(f"{place} input[type=number]")

    def is_kept() -> bool:
        field.fill(words)
        field.press("Tab")
        page.wait_for_timeout(300)
        return field.input_value() == words

    until(is_kept)


def take_song(page: Any, song: Path) -> None:
    """Puts a song where one is dropped."""
    page.locator("#song-file input[type=file]").set_input_files(str(song))
    page.locator("#song-file").get_by_text(song.stem).first.wait_for(timeout=SOON_MS)


def as_it_is(page: Any) -> None:
    """The song already is vocals, so that nothing has to be taken apart."""
    unfold(page, "1 Vocals and instruments")
    choose(page, "#song-SeparationOptions-separator", "none")


def first_cover(page: Any, song: Path) -> Any:
    """Asks for a cover of the song; the job."""
    take_song(page, song)
    as_it_is(page)
    choose(page, "#song-voice", VOICE)
    page.locator("#song-make").click()
    job = page.locator(MAKING).first
    job.wait_for(timeout=SOON_MS)
    return job


def done(page: Any, jobs: str = MAKING, state: str = "done") -> Any:
    """The newest job, once it is in that state."""
    page.locator(f"{jobs}:first-child[data-state={state}]").wait_for(timeout=LONG_MS)
    return page.locator(jobs).first


def to_tab(page: Any, name: str) -> None:
    """Tabs that do not fit are behind a button."""
    tab = page.get_by_role("tab", name=name)
    if not tab.first.is_visible():
        page.locator(".overflow-menu button").first.click()
        page.locator(".overflow-dropdown").get_by_text(name).click()
    else:
        tab.first.click()


def until(look: Any) -> None:
    """Waits until it is so."""
    last = time.monotonic() + SOON_MS / 1000
    while not look():
        assert time.monotonic() < last
        time.sleep(0.05)
