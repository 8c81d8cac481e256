"""What is asked before something is deleted, and what both answers do."""

from collections.abc import Callable
from typing import Any

from ultimate_rvc.web import show
from ultimate_rvc.web.form import LOOK, QUIET, Page

Name = str | None


class Question:
    """A line with "yes" and "no", which is shown when the button behind it is pressed."""

    def __init__(self, page: Page, name: str):
        import gradio as gr

        with gr.Row(visible=False) as self.row:
            self.words = gr.HTML()
            self.yes = gr.Button(page.text("Yes, delete it"), variant="stop", elem_id=f"{name}-delete-yes")
            self.no = gr.Button(page.text("Keep it"), elem_id=f"{name}-delete-no")

    def connect(
        self, page: Page, button: Any, chosen: Any, message: Any, ask: Callable[[Name], str], do: Callable[[Name], Any]
    ) -> None:
        """`ask` words the question about the name that the list `chosen` holds, `do` is done after "yes"."""
        import gradio as gr

        renewed, lists = page.renewal()

        def asking(name: Name) -> list[Any]:
            with page.told() as told:
                return ["", gr.update(visible=True), f"<p>{show.escape(ask(name))}</p>"]
            return [told[0], gr.update(visible=False), ""]

        def doing(name: Name) -> list[Any]:
            with page.told() as told:
                do(name)
            return [told[0], gr.update(visible=False), *renewed()]

        button.click(asking, chosen, [message, self.row, self.words], **QUIET)
        self.yes.click(doing, chosen, [message, self.row, *lists], **QUIET).then(None, js=LOOK)
        self.no.click(lambda: gr.update(visible=False), None, self.row, **QUIET)
