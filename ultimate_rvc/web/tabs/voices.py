"""The voice library: what there is, and how it gets in, is checked, renamed and deleted."""

from typing import Any

from ultimate_rvc.errors import OptionError
from ultimate_rvc.progress import OnProgress
from ultimate_rvc.voices import (
    convert,
    delete,
    download_voice,
    import_voice,
    list_voices,
    rename,
    verify,
    verify_all,
    weigh,
)
from ultimate_rvc.web import guards, show
from ultimate_rvc.web.desk import LIBRARY, VOICES, Asked, Outcome
from ultimate_rvc.web.form import LOOK, QUIET, Page
from ultimate_rvc.web.sessions import Session


def draw(page: Page) -> None:
    """The tab."""
    import gradio as gr

    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=280):
            gr.HTML('<div data-urvc-voices id="voice-list">…</div>')
            _getting(page)
            _changing(page)
        with gr.Column(scale=2, min_width=280):
            page.jobs(LIBRARY)
    # A voice that was imported a moment ago is in the lists as soon as somebody looks.
    for each in page.voice_lists:
        each.focus(lambda: gr.update(choices=list_voices()), None, each, **QUIET)


def _getting(page: Page) -> None:
    import gradio as gr

    t = page.text
    with gr.Accordion(t("Import"), open=True, elem_id="voice-import-section"):
        files = gr.File(
            label=t("Drop a .pth, .index or .zip here"),
            file_types=list(guards.VOICES),
            file_count="multiple",
            height=140,
            elem_id="voice-files",
        )
        addresses = gr.Textbox(label=t("… or addresses to download from, one a line"), lines=2, max_length=2000)
        name = gr.Textbox(label=t("Name (left out: as the file is called)"), max_length=100, elem_id="voice-name")
        replace = gr.Checkbox(False, label=t("Replace a voice of that name"))
        button = gr.Button(t("Import"), variant="primary", elem_id="voice-import")
        message = page.message()

    def ask(request: gr.Request, files: Any, addresses: str, name: str, replace: bool) -> str:
        def make(session: Session) -> Asked:
            called = (name or "").strip() or None
            if addresses and addresses.strip():
                links = [guards.web_address(line) for line in addresses.split()]
                return _asked("download", links[0], lambda told: download_voice(
                    links, name=called, overwrite=bool(replace), on_progress=told))  # fmt: skip
            paths = guards.all_taken_in(files, page.uploads, session.folder / VOICES)
            if not paths:
                raise OptionError("there is nothing to import; choose files, or give an address")
            return _asked("import", paths[0].stem, lambda told: import_voice(
                paths, name=called, overwrite=bool(replace), on_progress=told))  # fmt: skip

        return page.submit(request, make)

    button.click(ask, [files, addresses, name, replace], message, **QUIET).then(
        None, js=LOOK
    )


def _asked(kind: str, title: str, get: Any) -> Asked:
    def work(on_progress: OnProgress) -> Outcome:
        got = get(on_progress)
        voice = got.voice
        said = f"{voice.name}: {voice.sample_rate_hz / 1000:g} kHz, {voice.version}, {voice.vocoder}"
        return Outcome(said=(said, *(f"left out: {name}" for name in got.left_out)))

    return Asked(LIBRARY, kind, title, work)


def _changing(page: Page) -> None:
    import gradio as gr

    t = page.text
    with gr.Accordion(t("Verify, rename, delete"), open=False, elem_id="voice-change-section"):
        voice = page.voice_list("Voice", elem_id="voice-chosen")
        with gr.Row():
            check = gr.Button(t("Verify"), size="sm", elem_id="voice-verify")
            lighter = gr.Button(t("Make it .safetensors"), size="sm", elem_id="voice-convert")
            check_all = gr.Button(t("Verify all"), size="sm", elem_id="voice-verify-all")
        new = gr.Textbox(label=t("New name"), max_length=100, elem_id="voice-new-name")
        with gr.Row():
            named = gr.Button(t("Rename"), size="sm", elem_id="voice-rename")
            doomed = gr.Button(t("Delete"), size="sm", variant="stop", elem_id="voice-delete")
        with gr.Row(visible=False) as question:
            asked = gr.HTML()
            yes = gr.Button(t("Yes, delete it"), variant="stop", elem_id="voice-delete-yes")
            no = gr.Button(t("Keep it"), elem_id="voice-delete-no")
        message = page.message()
    lists = list(page.voice_lists)

    def renew() -> list[Any]:
        return [gr.update(choices=list_voices()) for _ in lists]

    def checking(request: gr.Request, name: str) -> str:
        return page.submit(request, lambda _: _verifying(guards.known_voice(name).name))

    def checking_all(request: gr.Request) -> str:
        return page.submit(request, lambda _: _verifying_all())

    def renaming(name: str, new: str) -> list[Any]:
        with page.told() as told:
            rename(guards.known_voice(name).name, (new or "").strip())
        return [told[0], *renew()]

    def asking(name: str) -> list[Any]:
        with page.told() as told:
            what = weigh(guards.known_voice(name).name)
            line = t("Delete {}: {} files, {}?", what.name, what.files, show.size(what.bytes))
            return ["", gr.update(visible=True), f"<p>{show.escape(line)}</p>"]
        return [told[0], gr.update(visible=False), ""]

    def deleting(name: str) -> list[Any]:
        with page.told() as told:
            delete(guards.known_voice(name).name)
        return [told[0], gr.update(visible=False), *renew()]

    def converting(request: gr.Request, name: str) -> str:
        return page.submit(request, lambda _: _converting(guards.known_voice(name).name))

    lighter.click(converting, voice, message, **QUIET).then(None, js=LOOK)
    check.click(checking, voice, message, **QUIET).then(None, js=LOOK)
    check_all.click(checking_all, None, message, **QUIET).then(None, js=LOOK)
    named.click(renaming, [voice, new], [message, *lists], **QUIET).then(None, js=LOOK)
    doomed.click(asking, voice, [message, question, asked], **QUIET)
    yes.click(deleting, voice, [message, question, *lists], **QUIET).then(None, js=LOOK)
    no.click(lambda: gr.update(visible=False), None, question, **QUIET)


def _verifying(name: str) -> Asked:
    def work(_: OnProgress) -> Outcome:
        verdict = verify(name)
        return Outcome(rows=((verdict.name, verdict.reason or "✓"),))

    return Asked(LIBRARY, "verify", name, work)


def _converting(name: str) -> Asked:
    def work(_: OnProgress) -> Outcome:
        return Outcome(said=(convert(name).name,))

    return Asked(LIBRARY, "convert-format", name, work)


def _verifying_all() -> Asked:
    def work(on_progress: OnProgress) -> Outcome:
        return Outcome(rows=tuple((each.name, each.reason or "✓") for each in verify_all(on_progress)))

    return Asked(LIBRARY, "verify", "–", work)
