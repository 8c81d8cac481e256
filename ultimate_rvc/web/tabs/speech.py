"""Speech: a text that is spoken, then converted; and who can speak."""

from typing import Any

from ultimate_rvc.errors import InputError, OptionError
from ultimate_rvc.options import (
    SPEECH_ENGINES,
    EffectOptions,
    EmbedderOptions,
    FileOptions,
    SpeakingOptions,
    SpeechMixOptions,
    SpeechPitchOptions,
    SpeechVoiceOptions,
)
from ultimate_rvc.progress import OnProgress
from ultimate_rvc.web.desk import MAKING, TEXTS, Asked, Outcome
from ultimate_rvc.web.form import LOOK, QUIET, Form, Page
from ultimate_rvc.web.sessions import Session
from ultimate_rvc.web.singing import Saying, speech

SECTIONS = (
    ("2 The voice", (SpeechPitchOptions, EmbedderOptions, SpeechVoiceOptions)),
    ("3 Effects", (EffectOptions,)),
    ("4 Mix and file", (SpeechMixOptions, FileOptions)),
)
MOST_TEXT_BYTES = 100_000
# A table of these can still be read; Microsoft has hundreds of voices.
MOST_SPEAKERS = 60


def draw(page: Page) -> None:
    """The tab."""
    import gradio as gr

    t = page.text
    form = Form(page, "speech", page.desk.preset)
    words = gr.Textbox(label=t("The text"), lines=5, max_length=20_000, elem_id="speech-text")
    file = page.dropped("… or a text file", [".txt"])
    voice = page.voice_list("Voice", elem_id="speech-voice")
    button = gr.Button(t("Say it"), variant="primary", elem_id="speech-make")
    message = page.message()
    with gr.Accordion(t("1 Speaking"), open=False):
        form.section(SpeakingOptions)
        _speakers(page, form)
    for heading, records in SECTIONS:
        with gr.Accordion(t(heading), open=False):
            for record in records:
                form.section(record)
    inputs = [words, file, voice, *form.components]
    button.click(_asking(page, form), inputs, message, **QUIET).then(None, js=LOOK)


def _asking(page: Page, form: Form) -> Any:
    import gradio as gr

    def ask(request: gr.Request, words: str, file: Any, voice: str, *values: Any) -> str:
        def make(session: Session) -> Asked:
            shown = form.shown(values)
            text = _text_in(page, session, file) if file else words or ""
            curve = page.taken_in(shown.get("SpeechPitchOptions.f0_file"), session)
            return speech(page.desk, Saying(text, voice, shown, session.folder / TEXTS, curve))

        return page.submit(request, make)

    return ask


def _text_in(page: Page, session: Session, file: Any) -> str:
    path = page.taken_in(file, session)
    if path is None or path.stat().st_size > MOST_TEXT_BYTES:
        raise InputError("the text file is too large; say less at once")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is no text in UTF-8; save it as that") from error


def _speakers(page: Page, form: Form) -> None:
    import gradio as gr

    engine = form.component_of(SpeakingOptions, "engine")
    label = page.text("Language of the speakers")
    locale = gr.Textbox(page.language.split("-")[0], label=label, max_length=20, elem_id="locale")
    button = gr.Button(page.text("Who can speak?"), size="sm", elem_id="speakers")
    message = page.message()

    def ask(request: gr.Request, engine: str, locale: str) -> str:
        return page.submit(request, lambda _: _listing(engine, (locale or "").strip() or None))

    button.click(ask, [engine, locale], message, **QUIET).then(None, js=LOOK)


def _listing(engine: str, locale: str | None) -> Asked:
    if engine not in SPEECH_ENGINES:
        raise OptionError(f"engine is {engine!r:.60}; choose from {', '.join(SPEECH_ENGINES)}")

    def work(_: OnProgress) -> Outcome:
        from ultimate_rvc.speech.engines import list_voices

        found = [voice for voice in list_voices(engine) if voice.speaks(locale)]
        rows = [(voice.name, voice.locale, voice.description) for voice in found[:MOST_SPEAKERS]]
        return Outcome(said=(f"{len(rows)} / {len(found)}",), rows=tuple(rows))

    return Asked(MAKING, "speakers", locale or "–", work)
