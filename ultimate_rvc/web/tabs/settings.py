"""What runs where, presets, folders, and the cache of covers."""

import os
from collections.abc import Mapping
from typing import Any

from ultimate_rvc import paths, presets
from ultimate_rvc.covers.cache import upkeep
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import RECORDS, OptimizationConfig
from ultimate_rvc.web import show
from ultimate_rvc.web.controls import Kind, controls
from ultimate_rvc.web.form import QUIET, Form, Page

STRIP = "() => { window.urvc && window.urvc.strip(); }"


def draw(page: Page) -> None:
    """The tab; the last, because its presets set the fields of all others."""
    import gradio as gr

    t = page.text
    with gr.Row(equal_height=False):
        with gr.Column(min_width=280):
            with gr.Accordion(t("Device and speed"), open=True):
                engine = _engine(page)
            with gr.Accordion(t("Presets"), open=True):
                _presets(page, [*page.forms[:2], engine])
        with gr.Column(min_width=280):
            with gr.Accordion(t("Folders"), open=True):
                gr.HTML(folders(page))
            with gr.Accordion(t("Cache"), open=True):
                _cache(page)


def _engine(page: Page) -> Form:
    import gradio as gr

    base = page.desk.in_force
    form = Form(page, "engine", base)
    form.section(OptimizationConfig)
    button = gr.Button(page.text("Apply"), variant="primary", elem_id="engine-apply")
    message = page.message()
    before = {one.key: form._default(one) for one in form.controls}

    def apply(*values: Any) -> str:
        with page.told() as told:
            page.desk.run_on(_touched(form.shown(values), before))
            told[0] = show.notice(page.text("From now on it runs so."))
        return told[0]

    button.click(apply, form.components, message, **QUIET).then(None, js=STRIP)
    return form


def _touched(shown: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's options that somebody has changed; the rest is left to variables, preset and device."""
    every = {one.key: one for one in controls(OptimizationConfig)}
    return {every[key].spec.name: every[key].value(value) for key, value in shown.items() if value != before[key]}


def _presets(page: Page, forms: list[Form]) -> None:
    import gradio as gr

    t = page.text
    chosen = page.listed(presets.available, "Preset", value=None, elem_id="preset-chosen")
    load = gr.Button(t("Load"), elem_id="preset-load")
    new = gr.Textbox(label=t("Name of the preset"), max_length=60, elem_id="preset-name")
    replace = gr.Checkbox(False, label=t("Replace a preset of that name"))
    save = gr.Button(t("Save what the fields of 'Song cover' and 'Device and speed' hold"), elem_id="preset-save")
    message = page.message()
    fields = [component for form in forms for component in form.components]

    def loading(name: str) -> list[Any]:
        with page.told() as told:
            if name not in presets.available():
                raise OptionError(f"no preset {name!r:.60}; choose one of the list")
            preset = presets.load_preset(name)
            told[0] = show.notice(t("The fields of all tabs hold what {} says.", name))
            return [told[0], *(value for form in forms for value in form.of_preset(preset))]
        return [told[0], *(gr.skip() for _ in fields)]

    def saving(name: str, replace: bool, *values: Any) -> list[Any]:
        with page.told() as told:
            song, engine = forms[0], forms[2]
            cut = len(song.components)
            kept = _held(song, values[:cut]) | _held(engine, values[cut:])
            path = presets.save_preset((name or "").strip(), kept, overwrite=bool(replace))
            told[0] = show.notice(t("{} is saved.", path.name))
        return [told[0], gr.update(choices=presets.available())]

    load.click(loading, chosen, [message, *fields], **QUIET)
    inputs = [new, replace, *forms[0].components, *forms[2].components]
    save.click(saving, inputs, [message, chosen], **QUIET)


def _held(form: Form, values: Any) -> dict[str, Any]:
    """The options that are not at their defaults, by field name; what a preset cannot hold is left out."""
    held = {}
    for one, shown in zip(form.controls, values, strict=True):
        value = None if one.kind is Kind.FILE else one.value(shown)
        if one.record in RECORDS and one.kind is not Kind.FILE and value != one.spec.default:
            held[one.spec.name] = value
    return held


def folders(page: Page) -> str:
    """Where everything lies, and which variable moves it."""
    every = {
        "URVC_MODELS_DIR": paths.models_dir(),
        "URVC_VOICE_MODELS_DIR": paths.voice_dirs()[0],
        "URVC_AUDIO_DIR": paths.audio_dir(),
        "URVC_TEMP_DIR": paths.temp_dir(),
        "URVC_LOGS_DIR": paths.logs_dir(),
        "URVC_CONFIG_DIR": paths.preset_dirs()[0],
    }
    rows = [(name, str(place), "✓" if name in os.environ else "") for name, place in every.items()]
    return show.table((page.text("Variable"), page.text("Folder"), page.text("set")), rows)


def _cache(page: Page) -> None:
    import gradio as gr

    t = page.text
    state = gr.HTML(f"<p>{t('Press the button to count.')}</p>", elem_id="cache-state")
    with gr.Row():
        count = gr.Button(t("Count"), size="sm", elem_id="cache-count")
        clear = gr.Button(t("Clear the cache"), size="sm", variant="stop", elem_id="cache-clear")
    with gr.Row(visible=False) as question:
        yes = gr.Button(t("Yes, clear it"), variant="stop", elem_id="cache-clear-yes")
        no = gr.Button(t("Keep it"))

    def counted() -> str:
        every = upkeep.entries(paths.cache_dir())
        size = show.size(sum(kept.size_bytes for kept in every))
        return f"<p>{t('Kept of covers: {} results, {}.', len(every), size)}</p>"

    def clearing() -> list[Any]:
        with page.told() as told:
            upkeep.clear(upkeep.entries(paths.cache_dir()))
        return [told[0] or counted(), gr.update(visible=False)]

    count.click(counted, None, state, **QUIET)
    clear.click(lambda: gr.update(visible=True), None, question, **QUIET)
    yes.click(clearing, None, [state, question], **QUIET)
    no.click(lambda: gr.update(visible=False), None, question, **QUIET)
