"""The voice library: what there is, and how it gets in, is checked, renamed and deleted."""

from collections.abc import Callable
from typing import Any

from ultimate_rvc.errors import OptionError
from ultimate_rvc.progress import OnProgress
from ultimate_rvc.voices import (
    convert,
    delete,
    download_voice,
    import_voice,
    rename,
    verify,
    verify_all,
    weigh,
)
from ultimate_rvc.web import guards, show
from ultimate_rvc.web.desk import LIBRARY, VOICES, Asked, Outcome
from ultimate_rvc.web.form import LOOK, QUIET, Page
from ultimate_rvc.web.sessions import Session
from ultimate_rvc.web.tabs import companions
from ultimate_rvc.web.tabs.question import Question


def draw(page: Page) -> None:
    """The tab."""
    import gradio as gr

    gr.HTML('<div data-urvc-html="voices" id="voice-list">…</div>')
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=280):
            _getting(page)
            _changing(page)
            companions.draw(page)
        with gr.Column(scale=2, min_width=280):
            page.jobs(LIBRARY)


def _getting(page: Page) -> None:
    import gradio as gr

    t = page.text
    with gr.Accordion(t("Import"), open=True, elem_id="voice-import-section"):
        files = page.dropped(
            "Drop a .pth, .index or .zip here", guards.VOICES, file_count="multiple", elem_id="voice-files"
        )
        addresses = gr.Textbox(label=t("… or addresses to download from, one a line"), lines=2, max_length=2000)
        name = gr.Textbox(label=t("Name (left out: as the file is called)"), max_length=100, elem_id="voice-name")
        replace = gr.Checkbox(False, label=t("Replace a voice of that name"))
        button = gr.Button(t("Import"), variant="primary", elem_id="voice-import")
        message = page.message()

    def ask(request: gr.Request, *given: Any) -> str:
        return page.submit(request, lambda session: _importing(page, session, *given))

    button.click(ask, [files, addresses, name, replace], message, **QUIET).then(None, js=LOOK)


def _importing(page: Page, session: Session, files: Any, addresses: str, name: str, replace: bool) -> Asked:
    settings: dict[str, Any] = {"name": (name or "").strip() or None, "overwrite": bool(replace)}
    if addresses and addresses.strip():
        links = [guards.web_address(line) for line in addresses.split()]
        return _asked("download", links[0], lambda told: download_voice(links, on_progress=told, **settings))
    paths = guards.all_taken_in(files, page.uploads, session.folder / VOICES)
    if not paths:
        raise OptionError("there is nothing to import; choose files, or give an address")
    return _asked("import", paths[0].stem, lambda told: import_voice(paths, on_progress=told, **settings))


def _asked(kind: str, title: str, get: Any) -> Asked:
    def work(on_progress: OnProgress) -> Outcome:
        got = get(on_progress)
        voice = got.voice
        said = f"{voice.name}: {voice.sample_rate_hz / 1000:g} kHz, {voice.version}, {voice.vocoder}"
        return Outcome(said=(said, *(f"left out: {name}" for name in got.left_out)))

    return Asked(LIBRARY, kind, title, work)


def _changing(page: Page) -> None:
    import gradio as gr

    with gr.Accordion(page.text("Verify, rename, delete"), open=False, elem_id="voice-change-section"):
        voice = page.voice_list("Voice", elem_id="voice-chosen")
        with gr.Row():
            jobs = [_job_button(page, *about) for about in CHECKS]
        new = gr.Textbox(label=page.text("New name"), max_length=100, elem_id="voice-new-name")
        with gr.Row():
            named = gr.Button(page.text("Rename"), size="sm", elem_id="voice-rename")
            doomed = gr.Button(page.text("Delete"), size="sm", variant="stop", elem_id="voice-delete")
        question = Question(page, "voice")
        message = page.message()
    for button, ask in jobs:
        button.click(ask, voice, message, **QUIET).then(None, js=LOOK)
    _renaming(page, named, voice, new, message)
    _deleting(page, doomed, voice, question, message)


def _job_button(page: Page, words: str, name: str, make: Callable[[str], Asked]) -> tuple[Any, Any]:
    """A button, and what is called when it is pressed."""
    import gradio as gr

    def ask(request: gr.Request, voice: str) -> str:
        return page.submit(request, lambda _: make(voice))

    return gr.Button(page.text(words), size="sm", elem_id=f"voice-{name}"), ask


def _renaming(page: Page, button: Any, voice: Any, new: Any, message: Any) -> None:
    renewed, lists = page.renewal()

    def renaming(name: str, new: str) -> list[Any]:
        with page.told() as told:
            rename(guards.known_voice(name).name, (new or "").strip())
        return [told[0], *renewed()]

    button.click(renaming, [voice, new], [message, *lists], **QUIET).then(None, js=LOOK)


def _deleting(page: Page, button: Any, voice: Any, question: Question, message: Any) -> None:
    def ask(name: str | None) -> str:
        what = weigh(guards.known_voice(name).name)
        return page.text("Delete {}: {} files, {}?", what.name, what.files, show.size(what.bytes))

    question.connect(page, button, voice, message, ask, lambda name: delete(guards.known_voice(name).name))


def _verifying(voice: str) -> Asked:
    name = guards.known_voice(voice).name

    def work(_: OnProgress) -> Outcome:
        verdict = verify(name)
        return Outcome(rows=((verdict.name, verdict.reason or "✓"),))

    return Asked(LIBRARY, "verify", name, work)


def _converting(voice: str) -> Asked:
    name = guards.known_voice(voice).name

    def work(_: OnProgress) -> Outcome:
        return Outcome(said=(convert(name).name,))

    return Asked(LIBRARY, "convert-format", name, work)


def _verifying_all(_: str) -> Asked:
    def work(on_progress: OnProgress) -> Outcome:
        return Outcome(rows=tuple((each.name, each.reason or "✓") for each in verify_all(on_progress)))

    return Asked(LIBRARY, "verify", "–", work)


# What a voice, or every voice, can be put through: the button's words, its name, and the job.
CHECKS = (
    ("Verify", "verify", _verifying),
    ("Make it .safetensors", "convert", _converting),
    ("Verify all", "verify-all", _verifying_all),
)
