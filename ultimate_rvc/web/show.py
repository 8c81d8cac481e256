"""Jobs, results and figures as HTML. Every text that is not ours is escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ultimate_rvc.covers.cover import Stage
from ultimate_rvc.serve.job import ENDED, JobView, State
from ultimate_rvc.web.desk import Task
from ultimate_rvc.web.texts import line_text, stage_text, text

# What a job is called.
KINDS: Mapping[str, str] = {
    Stage.SEPARATE: "Stems",
    Stage.CONVERT: "Converted vocals",
    Stage.EFFECTS: "Effected vocals",
    Stage.MIX: "Song cover",
    "speech": "Speech",
    "speakers": "Who can speak",
    "picture": "Picture",
    "import": "Import",
    "download": "Download",
    "verify": "Verify",
    "convert-format": "Make it .safetensors",
    "populate": "Recordings",
    "preprocess": "Slices",
    "extract": "Features",
    "run": "Training",
    "index": "Index",
    "export": "Export",
}
AUDIO = frozenset({".mp3", ".wav", ".flac", ".ogg", ".m4a", ".aac"})
PICTURES = frozenset({".png"})
# Of a training's figures, those that are drawn; the file has more.
CURVES = ("loss/g/total", "loss/d/adv", "loss/g/mel", "loss/g/kl")
WIDTH, HEIGHT, MARGIN = 640, 220, 36
COLOURS = ("#4269d0", "#ff725c", "#3ca951", "#9c6b4e")
MOST_POINTS = 400


def job(task: Task, view: JobView, language: str, voices: Sequence[str]) -> str:
    """One job with what can be done about it, and its result when it is done."""
    stop = "Remove" if view.state in ENDED else "Cancel"
    kind = text(KINDS.get(task.asked.kind, task.asked.kind), language)
    title = f"{kind}: <b>{escape(task.asked.title)}</b> <span>{_state(view, language)}</span>"
    button = f'<button type="button" data-act="cancel">{text(stop, language)}</button>'
    head = f'<div class="urvc-job-head"><div>{title}</div>{button}</div>'
    return head + _progress(view, language) + _warnings(view, language) + _ending(task, view, language, voices)


def _state(view: JobView, language: str) -> str:
    if view.state is State.QUEUED:
        return text("waiting, {} before it", language, view.ahead)
    words = {State.RUNNING: "running", State.CANCELLING: "stopping …"}
    return text(words.get(view.state, view.state.value), language)


def _progress(view: JobView, language: str) -> str:
    if view.state in (*ENDED, State.QUEUED):
        return ""
    share = f' value="{view.done}" max="{view.total}"' if view.total > 1 else ""
    percent = f" {100 * view.done // view.total} %" if view.total > 1 else ""
    left = "" if view.seconds_left is None else " · " + text("{} left", language, duration(view.seconds_left))
    stage = escape(stage_text(view.stage, language)) if view.stage else text("getting ready …", language)
    return f'<label class="urvc-progress">{stage}{percent}{left}<progress{share}></progress></label>'


def _warnings(view: JobView, language: str) -> str:
    return "".join(f'<p class="urvc-warning">{escape(line_text(line, language))}</p>' for line in view.warnings)


def _ending(task: Task, view: JobView, language: str, voices: Sequence[str]) -> str:
    if view.state is State.FAILED:
        return problem(line_text(view.error or "", language))
    return result(task, language, voices) if task.is_done else ""


def problem(line: str) -> str:
    """What went wrong and what to do."""
    return f'<p class="urvc-problem" role="alert">{escape(line)}</p>'


def notice(line: str) -> str:
    """What went well."""
    return f'<p class="urvc-notice" role="status">{escape(line)}</p>'


def result(task: Task, language: str, voices: Sequence[str]) -> str:
    """Players, downloads, the picture, what was used, timings, and the way to the same with another voice."""
    outcome = task.outcome
    if outcome is None:
        return ""
    said = "".join(notice(line_text(line, language)) for line in outcome.said)
    main = _file(task, outcome.path, language) if outcome.path else ""
    others = "".join(_file(task, path, language, text(label, language)) for label, path in outcome.files.items())
    if main and others:
        others = f"<details><summary>{text('Tracks on the way', language)}</summary>{others}</details>"
    again = _again(language, voices) if task.asked.again is not None else ""
    drawing = _button("picture", "Draw the picture", language) if outcome.path and outcome.source else ""
    return said + main + again + drawing + others + _timings(outcome.stages, language) + _rows(outcome.rows)


def _file(task: Task, path: Path, language: str, label: str = "") -> str:
    address = f"/mine/jobs/{task.key}/files/{quote(path.name)}"
    name = escape(path.name, quote=True)
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        picture = f'<img class="urvc-picture" src="{address}" alt="{escape(label, quote=True)}">'
        return f'<a href="{address}" target="_blank">{picture}</a>'
    player = f'<audio controls preload="none" src="{address}" aria-label="{name}"></audio>' if suffix in AUDIO else ""
    link = f'<a href="{address}?download=1" download="{name}">{text("Download", language)}</a>'
    return f'<div class="urvc-file"><span>{escape(label) or name}</span>{player}{link}</div>'


def _again(language: str, voices: Sequence[str]) -> str:
    names = "".join(f"<option>{escape(name)}</option>" for name in voices)
    label = text("Again with another voice", language)
    return (
        f'<div class="urvc-again"><label>{label} <select data-role="voice">{names}</select></label>'
        f"{_button('again', 'Sing it again', language)}</div>"
    )


def _button(act: str, words: str, language: str) -> str:
    return f'<button type="button" data-act="{act}">{text(words, language)}</button>'


def _timings(stages: Sequence[Any], language: str) -> str:
    if not stages:
        return ""
    kept = text("from the cache", language)
    rows = [(stage_text(one.stage, language), kept if one.cached else f"{one.seconds:.2f}") for one in stages]
    head = (text("Stage", language), text("Seconds", language))
    return f"<details><summary>{text('Timings', language)}</summary>{table(head, rows, 'urvc-timings')}</details>"


def _rows(rows: Sequence[Sequence[str]]) -> str:
    return table((), rows) if rows else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]], name: str = "urvc-table") -> str:
    """A table of texts that may be wider than a phone."""
    top = f"<thead><tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr></thead>" if head else ""
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="urvc-wide"><table class="{name}">{top}<tbody>{body}</tbody></table></div>'


def duration(seconds: float) -> str:
    """Seconds as people read them: 42 s, 3:20 min, 1:02 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def size(count: float) -> str:
    """Bytes as people read them."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def curves(records: Sequence[Mapping[str, Any]], language: str) -> str:
    """The losses of a training over its steps, a panel each."""
    names = [name for name in CURVES if any(name in one for one in records)] or _losses(records)
    panels = [_panel(name, records, colour) for name, colour in zip(names, COLOURS, strict=False)]
    if not any(panels):
        return f"<p>{text('No figures yet.', language)}</p>"
    last = records[-1]
    now = " · ".join(f"{name} {last[name]:.4g}" for name in names if name in last)
    where = text("epoch {}, step {}", language, last.get("epoch", "?"), last.get("step", "?"))
    return f'<p>{escape(where)} · {escape(now)}</p><div class="urvc-curves">{"".join(panels)}</div>'


def _losses(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return [name for name in (records[-1] if records else {}) if "loss" in name][: len(COLOURS)]


def _panel(name: str, records: Sequence[Mapping[str, Any]], colour: str) -> str:
    every = [(one["step"], one[name]) for one in records if name in one]
    points = every[:: max(1, len(every) // MOST_POINTS)]
    if not points:
        return ""
    (left, right), (low, high) = (_range(values) for values in zip(*points, strict=True))
    across, up = WIDTH - MARGIN, HEIGHT - MARGIN
    path = " ".join(
        f"{MARGIN + across * (x - left) / (right - left):.1f},{up - up * (y - low) / (high - low) + 4:.1f}"
        for x, y in points
    )
    marks = (
        f'<text x="0" y="14">{high:.3g}</text><text x="0" y="{up}">{low:.3g}</text>'
        f'<text x="{MARGIN}" y="{HEIGHT - 12}">{left:g}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 12}" text-anchor="end">{right:g}</text>'
    )
    return (
        f'<figure><figcaption>{escape(name)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(name, quote=True)}">{marks}'
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/></svg></figure>'
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
