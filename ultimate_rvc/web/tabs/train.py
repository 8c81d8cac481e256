"""A training, step by step in the order of the steps, and its figures while it runs."""

from collections.abc import Sequence
from typing import Any

from ultimate_rvc.errors import OptionError
from ultimate_rvc.options_training import (
    VOCODERS,
    DatasetOptions,
    FeatureOptions,
    HardwareOptions,
    IndexOptions,
    TrainingEmbedderOptions,
    TrainingOptions,
)
from ultimate_rvc.progress import OnProgress, Progress
from ultimate_rvc.rvc.train.data.populate import populate_dataset
from ultimate_rvc.web import guards, learning
from ultimate_rvc.web.desk import RECORDINGS, TRAINING, Asked, Outcome
from ultimate_rvc.web.form import LOOK, QUIET, Form, Page
from ultimate_rvc.web.sessions import Session


def draw(page: Page) -> None:
    """The tab."""
    import gradio as gr

    t = page.text
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=280):
            name = page.listed(
                learning.trainings, "Name of the training", allow_custom_value=True, elem_id="training-name"
            )
            with gr.Accordion(t("1 Recordings"), open=True):
                dataset = _recordings(page)
            _step(page, name, "2 Slices", "Cut into slices", "preprocess", (DatasetOptions,), dataset=dataset)
            records = (FeatureOptions, TrainingEmbedderOptions, HardwareOptions)
            _step(page, name, "3 Features", "Measure pitch and content", "extract", records)
            records = (TrainingOptions, HardwareOptions, IndexOptions)
            _step(page, name, "4 Training", "Start the training", "run", records)
            _step(page, name, "5 Index", "Build the index", "index", (IndexOptions,))
            _step(page, name, "6 Export", "Make a voice of a checkpoint", "export", (), **_export_fields(page))
        with gr.Column(scale=2, min_width=280):
            page.jobs(TRAINING)
            gr.HTML(f"<h3>{t('Losses')}</h3><div data-urvc-curves>{t('No figures yet.')}</div>")


def _export_fields(page: Page) -> dict[str, Any]:
    """What the export takes besides the training's name; they are drawn with its step."""
    import gradio as gr

    t, later = page.text, {"render": False}
    kinds = [(t("as the names in it say"), ""), *VOCODERS]
    return {
        "voice": gr.Textbox(
            label=t("Put it among the voices as (left out: it stays in its folder)"), max_length=100, **later
        ),
        "epoch": gr.Number(
            None, label=t("Epoch of the checkpoint (left out: the last)"), precision=0, minimum=1, **later
        ),
        "vocoder": gr.Dropdown(kinds, value="", label=t("Vocoder"), **later),
    }


def _recordings(page: Page) -> Any:
    import gradio as gr

    t = page.text
    dataset = page.listed(learning.datasets, "Dataset", allow_custom_value=True, elem_id="dataset-name")
    files = page.dropped("Recordings of one voice", guards.SOUNDS, file_count="multiple", elem_id="dataset-files")
    button = gr.Button(t("Copy into the dataset"), elem_id="dataset-populate")
    message = page.message()

    def ask(request: gr.Request, dataset: str, files: Any) -> str:
        return page.submit(request, lambda session: _populating(page, session, dataset, files))

    button.click(ask, [dataset, files], message, **QUIET).then(None, js=LOOK)
    return dataset


def _populating(page: Page, session: Session, dataset: str, files: Any) -> Asked:
    name = guards.training_name(dataset)
    paths = guards.all_taken_in(files, page.uploads, session.folder / RECORDINGS)
    if not paths:
        raise OptionError("there are no recordings; choose files first")

    def work(on_progress: OnProgress) -> Outcome:
        on_progress(Progress("copy files", 0, 1))
        populate_dataset(name, paths)
        return Outcome(said=(f"{len(paths)} → {name}",))

    return Asked(TRAINING, "populate", name, work)


def _step(page: Page, name: Any, heading: str, words: str, step: str, records: Sequence[type], **extra: Any) -> None:
    """A step with its options; `extra` are fields that it takes besides, by what the step calls them."""
    import gradio as gr

    form = Form(page, step)
    with gr.Accordion(page.text(heading), open=False, elem_id=f"step-{step}"):
        for record in records:
            form.section(record)
        for field in extra.values():
            if not field.is_rendered:
                field.render()
        button = gr.Button(page.text(words), elem_id=f"train-{step}")
        message = page.message()

    def ask(request: gr.Request, name: str, *values: Any) -> str:
        about = dict(zip(extra, values[: len(extra)], strict=True))
        shown = form.shown(values[len(extra) :])

        def make(_: Session) -> Asked:
            return learning.step(step, name, shown, **about)

        return page.submit(request, make)

    button.click(ask, [name, *extra.values(), *form.components], message, **QUIET).then(None, js=LOOK)
