"""Covers, in one click or stage by stage; speech lies beside them."""

from collections.abc import Callable, Sequence
from typing import Any

from ultimate_rvc.covers.cover import Stage
from ultimate_rvc.options import (
    CoverOptions,
    EffectOptions,
    EmbedderOptions,
    MixOptions,
    PitchOptions,
    SeparationOptions,
    VoiceOptions,
)
from ultimate_rvc.web import guards
from ultimate_rvc.web.desk import MAKING, Asked
from ultimate_rvc.web.form import LOOK, QUIET, Form, Page
from ultimate_rvc.web.sessions import Session
from ultimate_rvc.web.singing import Song, Wanted, cover
from ultimate_rvc.web.tabs import speech

# The stages of a cover: heading, button, what it makes, and whose options it takes.
STEPS = (
    ("1 Vocals and instruments", "Take the song apart", Stage.SEPARATE, (SeparationOptions,)),
    ("2 The voice", "Convert the vocals", Stage.CONVERT, (PitchOptions, EmbedderOptions, VoiceOptions)),
    ("3 Effects on the vocals", "Add the effects", Stage.EFFECTS, (EffectOptions,)),
    ("4 Mix and file", "Mix and save", Stage.MIX, (MixOptions, CoverOptions)),
)
# Fields before those of the options, but for the files: each of these is a job of its own.
SONG_INPUTS = 5


def draw(page: Page) -> None:
    """The tab."""
    import gradio as gr

    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=280), gr.Tabs():
            with gr.Tab(page.text("Song cover"), id="song"):
                _song(page)
            with gr.Tab(page.text("Speech"), id="speech"):
                speech.draw(page)
        with gr.Column(scale=2, min_width=280):
            page.jobs(MAKING)


def _song(page: Page) -> None:
    import gradio as gr

    t = page.text
    form = Form(page, "song", page.desk.preset)
    files = page.dropped(
        "The song, or several: files from this device", guards.SOUNDS, file_count="multiple", elem_id="song-file"
    )
    address = gr.Textbox(label=t("… or its address on the web (https://…)"), max_length=500, elem_id="song-address")
    voice = page.voice_list("Voice", elem_id="song-voice")
    make = gr.Button(t("Make the cover"), variant="primary", elem_id="song-make")
    message = page.message()
    gr.Markdown(t("Everything at once, or stage by stage: each keeps what the stages before it made."))
    with gr.Accordion(t("Own tracks instead of what is taken out of the song"), open=False):
        own = [page.dropped(name, guards.SOUNDS) for name in ("Vocals", "Instrumentals", "Backup vocals")]
        cookies = page.dropped("Cookies for songs from the web", [".txt"])
    buttons = [(make, Stage.MIX)]
    for heading, words, stage, records in STEPS:
        with gr.Accordion(t(heading), open=False, elem_id=f"stage-{stage}"):
            for record in records:
                form.section(record)
            button = gr.Button(t(words), elem_id=f"run-{stage}")
            buttons.append((button, stage))
            gr.HTML(f'<div data-urvc-stage="{stage}"></div>')
    inputs = [files, address, *own, cookies, voice, *form.components]
    for button, stage in buttons:
        button.click(_asking(page, form, stage), inputs, message, **QUIET).then(None, js=LOOK)


def _asking(page: Page, form: Form, stage: Stage) -> Any:
    import gradio as gr

    def ask(request: gr.Request, files: Sequence[str] | None, *values: Any) -> str:
        told = [page.submit(request, one_song(file, *values)) for file in files or [None]]
        return "".join(dict.fromkeys(told))

    def one_song(file: str | None, *values: Any) -> Callable[[Session], Asked]:
        given, voice, shown = values[:SONG_INPUTS], values[SONG_INPUTS], form.shown(values[SONG_INPUTS + 1 :])

        def make(session: Session) -> Asked:
            song = _given(page, session, (file, *given), shown)
            return cover(page.desk, Wanted(song, voice, shown, session.mark), stage)

        return make

    return ask


def _given(page: Page, session: Session, given: Sequence[Any], shown: dict[str, Any]) -> Song:
    file, address, vocals, instrumentals, backup, cookies = given
    curve = shown.get("PitchOptions.f0_file")
    return Song(
        page.taken_in(file, session),
        address or "",
        *(page.taken_in(each, session) for each in (vocals, instrumentals, backup, cookies, curve)),
    )
