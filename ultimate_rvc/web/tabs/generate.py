"""Covers, in one click or stage by stage, and speech."""

from collections.abc import Sequence
from typing import Any

from ultimate_rvc.covers.cover import Stage
from ultimate_rvc.errors import InputError
from ultimate_rvc.options import (
    CoverOptions,
    EffectOptions,
    EmbedderOptions,
    FileOptions,
    MixOptions,
    PitchOptions,
    SeparationOptions,
    SpeakingOptions,
    SpeechMixOptions,
    SpeechPitchOptions,
    SpeechVoiceOptions,
    VoiceOptions,
)
from ultimate_rvc.web import guards
from ultimate_rvc.web.desk import MAKING, TEXTS, Asked
from ultimate_rvc.web.form import LOOK, QUIET, Form, Page
from ultimate_rvc.web.sessions import Session
from ultimate_rvc.web.singing import Saying, Song, Wanted, cover, speech

# The stages of a cover: heading, button, what it makes, and whose options it takes.
STEPS = (
    ("1 Vocals and instruments", "Take the song apart", Stage.SEPARATE, (SeparationOptions,)),
    ("2 The voice", "Convert the vocals", Stage.CONVERT, (PitchOptions, EmbedderOptions, VoiceOptions)),
    ("3 Effects on the vocals", "Add the effects", Stage.EFFECTS, (EffectOptions,)),
    ("4 Mix and file", "Mix and save", Stage.MIX, (MixOptions, CoverOptions)),
)
SONG_INPUTS = 6
MOST_TEXT_BYTES = 100_000


def draw(page: Page) -> None:
    """The tab."""
    import gradio as gr

    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=280), gr.Tabs():
            with gr.Tab(page.text("Song cover"), id="song"):
                _song(page)
            with gr.Tab(page.text("Speech"), id="speech"):
                _speech(page)
        with gr.Column(scale=2, min_width=280):
            page.jobs(MAKING)


def _song(page: Page) -> None:
    import gradio as gr

    t = page.text
    form = Form(page, "song", page.desk.preset)
    file = gr.File(
        label=t("The song: a file from this device"), file_types=list(guards.SOUNDS), height=140, elem_id="song-file"
    )
    address = gr.Textbox(label=t("… or its address on the web (https://…)"), max_length=500, elem_id="song-address")
    voice = page.voice_list("Voice", elem_id="song-voice")
    make = gr.Button(t("Make the cover"), variant="primary", elem_id="song-make")
    message = page.message()
    gr.Markdown(t("Everything at once, or stage by stage: each keeps what the stages before it made."))
    with gr.Accordion(t("Own tracks instead of what is taken out of the song"), open=False):
        own = [
            gr.File(label=t(name), file_types=list(guards.SOUNDS), height=140)
            for name in ("Vocals", "Instrumentals", "Backup vocals")
        ]
        cookies = gr.File(label=t("Cookies for songs from the web"), file_types=[".txt"], height=140)
    buttons = [(make, Stage.MIX)]
    for heading, words, stage, records in STEPS:
        with gr.Accordion(t(heading), open=False, elem_id=f"stage-{stage}"):
            for record in records:
                form.section(record)
            button = gr.Button(t(words), elem_id=f"run-{stage}")
            buttons.append((button, stage))
            gr.HTML(f'<div data-urvc-stage="{stage}"></div>')
    inputs = [file, address, *own, cookies, voice, *form.components]
    for button, stage in buttons:
        button.click(_asking(page, form, stage), inputs, message, **QUIET).then(None, js=LOOK)


def _asking(page: Page, form: Form, stage: Stage) -> Any:
    import gradio as gr

    def ask(request: gr.Request, *values: Any) -> str:
        given, voice, shown = values[:SONG_INPUTS], values[SONG_INPUTS], form.shown(values[SONG_INPUTS + 1 :])

        def make(session: Session) -> Asked:
            song = _given(page, session, given, shown)
            return cover(page.desk, Wanted(song, voice, shown, session.mark), stage)

        return page.submit(request, make)

    return ask


def _given(page: Page, session: Session, given: Sequence[Any], shown: dict[str, Any]) -> Song:
    file, address, vocals, instrumentals, backup, cookies = given
    curve = shown.get("PitchOptions.f0_file")
    return Song(
        page.taken_in(file, session),
        address or "",
        *(page.taken_in(each, session) for each in (vocals, instrumentals, backup, cookies, curve)),
    )


def _speech(page: Page) -> None:
    import gradio as gr

    t = page.text
    form = Form(page, "speech", page.desk.preset)
    words = gr.Textbox(label=t("The text"), lines=5, max_length=20_000, elem_id="speech-text")
    file = gr.File(label=t("… or a text file"), file_types=[".txt"], height=140)
    voice = page.voice_list("Voice", elem_id="speech-voice")
    button = gr.Button(t("Say it"), variant="primary", elem_id="speech-make")
    message = page.message()
    for heading, records in (
        ("1 Speaking", (SpeakingOptions,)),
        ("2 The voice", (SpeechPitchOptions, EmbedderOptions, SpeechVoiceOptions)),
        ("3 Effects", (EffectOptions,)),
        ("4 Mix and file", (SpeechMixOptions, FileOptions)),
    ):
        with gr.Accordion(t(heading), open=False):
            for record in records:
                form.section(record)

    def ask(request: gr.Request, words: str, file: Any, voice: str, *values: Any) -> str:
        def make(session: Session) -> Asked:
            shown = form.shown(values)
            text = _text_in(page, session, file) if file else words or ""
            curve = page.taken_in(shown.get("SpeechPitchOptions.f0_file"), session)
            return speech(page.desk, Saying(text, voice, shown, session.folder / TEXTS, curve))

        return page.submit(request, make)

    inputs = [words, file, voice, *form.components]
    button.click(ask, inputs, message, **QUIET).then(None, js=LOOK)


def _text_in(page: Page, session: Session, file: Any) -> str:
    path = page.taken_in(file, session)
    if path is None or path.stat().st_size > MOST_TEXT_BYTES:
        raise InputError("the text file is too large; say less at once")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is no text in UTF-8; save it as that") from error
