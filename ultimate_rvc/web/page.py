"""The page in one language: the tabs put together, with fonts of the reader's own system."""

from typing import Any

from ultimate_rvc.web.form import QUIET, Page, renewal_of
from ultimate_rvc.web.tabs import generate, settings, train, voices
from ultimate_rvc.web.texts import LANGUAGES

# How often uploads are looked through, and how old those are that go.
UPLOADS_KEPT_S = (3600, 86_400)
TITLE = "Ultimate RVC"
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Noto Sans TC", "PingFang TC", "sans-serif")
FIXED_FONTS = ("ui-monospace", "Menlo", "Consolas", "monospace")
HEAD = '<link rel="stylesheet" href="/mine/static/page.css"><script src="/mine/static/page.js" defer></script>'
TABS = (("generate", "Generate", generate), ("voices", "Voices", voices), ("train", "Train", train),
        ("settings", "Settings", settings))  # fmt: skip


def blocks(page: Page) -> Any:
    """The whole page for Gradio. Imports it, which takes about a second."""
    import gradio as gr

    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=UPLOADS_KEPT_S) as drawn:
        gr.HTML(_top(page), elem_id="urvc-top")
        with gr.Tabs():
            for name, words, tab in TABS:
                with gr.Tab(page.text(words), id=name, elem_id=f"tab-{name}"):
                    tab.draw(page)
        _keep_lists(drawn, page)
    return drawn


def _keep_lists(drawn: Any, page: Page) -> None:
    """Lists are looked up whenever the page is loaded, and each when it is opened: others may have changed them."""
    import gradio as gr

    for lists in (page.lists, page.late_lists):
        renewed, components = renewal_of(lists)
        drawn.load(renewed, None, components, **QUIET)
    for one, names in (*page.lists, *page.late_lists):
        one.focus(lambda names=names: gr.update(choices=names()), None, one, **QUIET)


def theme() -> Any:
    """Gradio's look without the fonts that it would fetch."""
    import gradio as gr

    look = gr.themes.Default(font=list(FONTS), font_mono=list(FIXED_FONTS))
    # Its own grey is too light to be read by everybody.
    return look.set(block_info_text_color="*neutral_600", block_info_text_color_dark="*neutral_300")


def _top(page: Page) -> str:
    links = " · ".join(
        f"<b lang='{code}'>{name}</b>" if code == page.language else f"<a lang='{code}' href='/{code}/'>{name}</a>"
        for code, (name, _) in LANGUAGES.items()
    )
    strip = page.text("Looking at the device …")
    return (
        f'<header class="urvc-top"><h1>{TITLE}</h1><div class="urvc-strip" data-urvc-device>{strip}</div>'
        f'<nav aria-label="{page.text("Language")}">{links}</nav></header>'
    )
