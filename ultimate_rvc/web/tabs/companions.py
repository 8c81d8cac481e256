"""Content encoders and pitch models: which are here, and how others get here."""

from typing import Any

from ultimate_rvc import weights
from ultimate_rvc.errors import OptionError
from ultimate_rvc.progress import OnProgress
from ultimate_rvc.voices.companions import delete_companion, import_encoder, verify_companions
from ultimate_rvc.web import guards, library, show
from ultimate_rvc.web.desk import ENCODERS, LIBRARY, Asked, Outcome
from ultimate_rvc.web.form import LOOK, QUIET, Page
from ultimate_rvc.web.sessions import Session
from ultimate_rvc.web.tabs.question import Question


def draw(page: Page) -> None:
    """A folded part of the voices' tab."""
    import gradio as gr

    with gr.Accordion(page.text("Content encoders and pitch models"), open=False, elem_id="companions-section"):
        gr.HTML('<div data-urvc-html="companions">…</div>')
        _fetching(page)
        _importing(page)
        _deleting(page)


def _fetching(page: Page) -> None:
    import gradio as gr

    wanted = page.listed_late(library.not_here, "Not on this machine", elem_id="companion-wanted")
    with gr.Row():
        fetch = gr.Button(page.text("Download"), size="sm", elem_id="companion-fetch")
        check = gr.Button(page.text("Verify all"), size="sm", elem_id="companion-verify")
    message = page.message()

    def fetching(request: gr.Request, name: str | None) -> str:
        return page.submit(request, lambda _: _download(name))

    def verifying(request: gr.Request) -> str:
        return page.submit(request, lambda _: _verify())

    fetch.click(fetching, wanted, message, **QUIET).then(None, js=LOOK)
    check.click(verifying, None, message, **QUIET).then(None, js=LOOK)


def _download(name: str | None) -> Asked:
    if name not in library.not_here():
        raise OptionError("nothing is chosen that could be fetched; everything else is here")

    def work(on_progress: OnProgress) -> Outcome:
        return Outcome(said=(weights.ensure(name, on_progress).name,))

    return Asked(LIBRARY, "download", name, work)


def _verify() -> Asked:
    def work(_: OnProgress) -> Outcome:
        verdicts = [verdict for kind in library.COMPANIONS for verdict in verify_companions(kind)]
        return Outcome(rows=tuple((each.name, each.reason or "✓") for each in verdicts))

    return Asked(LIBRARY, "verify", "–", work)


def _importing(page: Page) -> None:
    import gradio as gr

    t = page.text
    files = page.dropped(
        "An encoder of your own: its config.json and its weights",
        guards.ENCODERS,
        file_count="multiple",
        elem_id="encoder-files",
    )
    name = gr.Textbox(label=t("Name of the encoder"), max_length=100, elem_id="encoder-name")
    button = gr.Button(t("Import"), elem_id="encoder-import")
    message = page.message()

    def ask(request: gr.Request, files: Any, name: str) -> str:
        return page.submit(request, lambda session: _import(page, session, files, name))

    button.click(ask, [files, name], message, **QUIET).then(None, js=LOOK)


def _import(page: Page, session: Session, files: Any, name: str) -> Asked:
    called = (name or "").strip()
    if not called:
        raise OptionError("the encoder has no name yet; write one")
    folder = session.folder / ENCODERS / guards.training_name(called)
    if not guards.all_taken_in(files, page.uploads, folder):
        raise OptionError("there is nothing to import; choose config.json and the weights beside it")

    def work(_: OnProgress) -> Outcome:
        return Outcome(said=(import_encoder(folder, name=called).name,))

    return Asked(LIBRARY, "import", called, work)


def _deleting(page: Page) -> None:
    import gradio as gr

    chosen = page.listed_late(library.deletable, "Encoder or pitch model", elem_id="companion-chosen")
    button = gr.Button(page.text("Delete"), size="sm", variant="stop", elem_id="companion-delete")
    question = Question(page, "companion")
    message = page.message()

    def ask(name: str | None) -> str:
        one = library.companion(name)
        return page.text("Delete {}: {}?", one.name, show.size(one.bytes))

    def delete(name: str | None) -> None:
        one = library.companion(name)
        delete_companion(one.kind, one.name)

    question.connect(page, button, chosen, message, ask, delete)
