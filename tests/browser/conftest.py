"""A real browser and a page in a process of its own; where one of them cannot be had, the tests say so.

The driver holds an event loop while it lives, so it ends with the module: other tests have loops of their own.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from tiny import home as homes
from tiny import pages
from tiny.voices import write_voice

EXAMPLE = Path(__file__).parents[2] / "examples" / "vocadito_10.wav"
RECORDING_S = 4
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LOCALES = {"en": "en-GB", "zh-TW": "zh-TW"}
# A machine may have other work too.
PATIENCE_MS = 120_000
# Its sandbox needs rights that a container has not.
SWITCHES = ["--no-sandbox", "--disable-background-networking", "--mute-audio"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    pytest.importorskip("gradio", reason="the page needs gradio: pip install 'ultimate-rvc[web]'")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a page, and the home that it works in."""
    home = tmp_path_factory.mktemp("site")
    variables = homes.furnish(home)
    write_voice(home / "incoming", "Newcomer", seed=3)
    with pages.server(home, {**variables, "URVC_CONFIG_DIR": str(home / "configs")}) as address:
        yield address, home


@pytest.fixture
def open_page(browser: Any, site: tuple[str, Path]) -> Iterator[Any]:
    """Opens the page as somebody new; every request and every word of the console is noted, and judged at the end."""
    contexts, asked, complaints = [], [], []

    def opened(language: str = "en", **settings: Any) -> Any:
        context = browser.new_context(locale=LOCALES[language], **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda word: complaints.append(word.text) if word.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(site[0])
        page.locator("#song-make").wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    elsewhere = [url for url in asked if not url.startswith((site[0], "data:", "blob:"))]
    assert elsewhere == [] and complaints == []


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real recording, cut short."""
    samples, rate = soundfile.read(EXAMPLE, frames=RECORDING_S * soundfile.info(EXAMPLE).samplerate)
    path = tmp_path_factory.mktemp("songs") / "evening.wav"
    soundfile.write(path, samples, rate)
    return path
