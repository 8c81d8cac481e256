"""The fields of one page: drawn in sections, reset, set by presets, and read back as they are shown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ultimate_rvc.errors import UrvcError
from ultimate_rvc.options import (
    CoverOptions,
    EmbedderOptions,
    FileOptions,
    MixOptions,
    PitchOptions,
    SpeechMixOptions,
    SpeechPitchOptions,
    SpeechVoiceOptions,
    VoiceOptions,
)
from ultimate_rvc.options_training import (
    FeatureOptions,
    HardwareOptions,
    IndexOptions,
    TrainingEmbedderOptions,
    TrainingOptions,
)
from ultimate_rvc.serve.board import QueueFull
from ultimate_rvc.voices import list_voices
from ultimate_rvc.web import guards, show
from ultimate_rvc.web.controls import Control, Kind, component, controls, voice_choices
from ultimate_rvc.web.desk import UPLOADS, Asked, Desk
from ultimate_rvc.web.routes import plainly
from ultimate_rvc.web.sessions import COOKIE, Session, Sessions
from ultimate_rvc.web.texts import text

# Records that share a stage with others.
TITLES = {
    PitchOptions: "Pitch",
    SpeechPitchOptions: "Pitch",
    EmbedderOptions: "Content encoder",
    VoiceOptions: "Voice",
    SpeechVoiceOptions: "Voice",
    MixOptions: "Mix and file",
    CoverOptions: "Backup vocals and cache",
    SpeechMixOptions: "Mix",
    FileOptions: "File",
    FeatureOptions: "Features",
    TrainingEmbedderOptions: "Content encoder",
    HardwareOptions: "Device",
    TrainingOptions: "Training",
    IndexOptions: "Index",
}
LOOK = "() => { window.urvc && window.urvc.look(); }"
MESSAGE = "urvc-message"
# What a list offers, looked up again whenever it may have changed.
Names = Callable[[], Sequence[Any]]
# Answers at once, beside the queue of Gradio's own.
QUIET: Mapping[str, Any] = {"show_progress": "hidden", "queue": False}


@dataclass
class Page:
    """What every tab needs: whom it serves, in which language, and with whose help."""

    desk: Desk
    sessions: Sessions
    uploads: Path
    language: str
    lists: list[tuple[Any, "Names"]] = field(default_factory=list)
    late_lists: list[tuple[Any, "Names"]] = field(default_factory=list)
    forms: list["Form"] = field(default_factory=list)

    def text(self, english: str, *values: Any) -> str:
        """A phrase in this page's language."""
        return text(english, self.language, *values)

    def session(self, request: Any) -> Session:
        """Whose request it is. Raises InputError for a browser without one."""
        found = self.sessions.find(request.cookies.get(COOKIE))
        if found is None:
            raise UrvcError("this page has been open for long; load it again")
        return found

    def submit(self, request: Any, make: Any) -> str:
        """Puts what make(session) asks for into the queue; returns the message about it."""
        with self.told() as told:
            session = self.session(request)
            asked: Asked = make(session)
            self.desk.submit(session, asked)
        return told[0]

    @contextmanager
    def told(self) -> Iterator[list[str]]:
        """Errors inside become the message."""
        message = [""]
        try:
            yield message
        except (UrvcError, QueueFull) as error:
            message[0] = show.problem(plainly(error, self.language))

    def taken_in(self, upload: Any, session: Session) -> Path | None:
        """An upload, in the session's own folder."""
        return guards.taken_in(upload, self.uploads, session.folder / UPLOADS)

    def voice_list(self, label: str, **settings: Any) -> Any:
        """A list of voices to choose from."""
        return self.listed(list_voices, label, **settings)

    def listed(self, names: Names, label: str, **settings: Any) -> Any:
        """A list to choose from, with its first name chosen unless the settings hold a value."""
        import gradio as gr

        found = names()
        value = settings.pop("value", found[0] if found else None)
        return self.keep_listed(gr.Dropdown(found, value=value, label=self.text(label), **settings), names)

    def listed_late(self, names: Names, label: str, **settings: Any) -> Any:
        """A list that is looked up once the page stands: what it takes is slow to import."""
        import gradio as gr

        one = gr.Dropdown([], value=None, label=self.text(label), **settings)
        self.late_lists.append((one, names))
        return one

    def keep_listed(self, component: Any, names: Names) -> Any:
        """Has a list renewed with all others; returns it."""
        self.lists.append((component, names))
        return component

    def renewal(self) -> tuple[Callable[[], Any], list[Any]]:
        """What looks up the lists that are drawn by now, but for the late ones, and their components."""
        return renewal_of(self.lists)

    def dropped(self, label: str, kinds: Sequence[str], **settings: Any) -> Any:
        """Where a file is dropped, or several with file_count="multiple"."""
        import gradio as gr

        return gr.File(label=self.text(label), file_types=list(kinds), height=140, **settings)

    def message(self) -> Any:
        """Where a tab says what went wrong."""
        import gradio as gr

        return gr.HTML("", elem_classes=MESSAGE)

    def jobs(self, board: str) -> None:
        """Where the jobs of a board are shown."""
        import gradio as gr

        gr.HTML(
            f'<h3>{self.text("Your jobs")}</h3><section data-urvc-jobs="{board}" aria-live="polite" '
            f'aria-label="{self.text("Your jobs")}"></section>'
        )


def renewal_of(lists: Sequence[tuple[Any, Names]]) -> tuple[Callable[[], Any], list[Any]]:
    """What looks up these lists, as they are now, and their components."""
    import gradio as gr

    held = list(lists)

    def renewed() -> list[Any]:
        return [gr.update(choices=names()) for _, names in held]

    return renewed, [component for component, _ in held]


class Form:
    """The controls of several records, and what they hold."""

    def __init__(self, page: Page, name: str, base: Mapping[str, Any] | None = None):
        """name: tells it from the page's other forms; base: what is set before anybody touches a field, by name."""
        self.page, self.name, self.base = page, name, dict(base or {})
        self.controls: list[Control] = []
        self.components: list[Any] = []
        page.forms.append(self)

    def section(self, record: type) -> None:
        """The record's options: some at once, the rest folded away, and a button that resets them."""
        import gradio as gr

        mine = list(controls(record))
        shown = [one for one in mine if one.is_shown]
        start = len(self.components)
        with gr.Group():
            if record in TITLES:
                gr.Markdown(f"**{self.page.text(TITLES[record])}**", elem_classes="urvc-title")
            self._draw(shown)
            folded = [one for one in mine if not one.is_shown]
            if folded:
                with gr.Accordion(self.page.text("More options"), open=False):
                    self._draw(folded)
            reset = gr.Button(self.page.text("Reset"), size="sm", elem_classes="urvc-reset")
        chosen = slice(start, len(self.components))
        values = [self._default(one) for one in self.controls[chosen]]
        reset.click(lambda: values if len(values) > 1 else values[0], None, self.components[chosen], **QUIET)

    def _draw(self, those: Sequence[Control]) -> None:
        for one in those:
            drawn = component(one, self.page.language, self.name)
            if one.kind is Kind.VOICE:
                self.page.keep_listed(drawn, lambda: voice_choices(self.page.language))
            if one.kind is not Kind.FILE:
                drawn.value = self._default(one)
            self.controls.append(one)
            self.components.append(drawn)

    def _default(self, one: Control) -> Any:
        if one.kind in (Kind.FILE, Kind.VOICE):
            return None if one.kind is Kind.FILE else ""
        return one.shown(self.base.get(one.spec.name, one.spec.default))

    def component_of(self, record: type, name: str) -> Any:
        """The control of an option, for what reads that one alone."""
        key = f"{record.__name__}.{name}"
        return next(drawn for one, drawn in zip(self.controls, self.components, strict=True) if one.key == key)

    def shown(self, values: Sequence[Any]) -> dict[str, Any]:
        """What the fields hold, by their keys."""
        return {one.key: value for one, value in zip(self.controls, values, strict=True)}

    def of_preset(self, preset: Mapping[str, Any]) -> list[Any]:
        """What the fields show under a preset: its values, and defaults for everything else."""
        kept = (Kind.FILE, Kind.VOICE)
        return [
            self._default(one) if one.kind in kept else one.shown(preset.get(one.spec.name, one.spec.default))
            for one in self.controls
        ]
