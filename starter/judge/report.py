"""Findings as a page and as JSON: a short table for the model card, all of them, and what the aims make of them."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from starter.judge.judge import Finding, clip_names, finding
from starter.judge.melody import Following
from starter.judge.takes import CONDITIONS, CONVERTED, SHUFFLED, SOURCE, WORLD

NOTHING = "–"
TARGET = "target"
AIM_CENTS, AIM_GROSS = 20.0, 0.03
AIM_HISS_DBFS = -60.0
# Clicks a second more than in the source.
AIM_CLICKS = 0.1
CAPTION = """\
*cents*: the middle error of the melody on frames voiced in both, of the conversion / of WORLD's resynthesis, which \
is about the best to be had; *gross*: frames more than 20 % off, of both, and of the conversion *where sure*: where a \
second tracker, pYIN, agrees with WORLD's on the source; *voicing*: frames voiced in one only (WORLD's tracker, not \
the one that conversions use). *voice*: cosine with the target's mean voice / with the source's own (Resemblyzer). \
*phones*: errors a phone against those heard in the source itself (PocketSphinx), of the conversion / with its \
content frames shuffled / of WORLD's resynthesis. *sentence*: the rank of the true words among other orders of them, \
for the conversion / shuffled / source. *clicks* a second, and in the source; *hiss*: dBFS where the source is \
silent; *full*: samples at full scale."""
EVERY_CAPTION = """\
*far*: frames more than 50 cents off. *truth*: phone errors a phone against the words' own spelling; *words*: word \
errors a word; *margin*: phone errors a phone by which the true sentence is nearer than any other; *vowels*: vowels \
whose likest others are the same. *level*: dBFS where the source is not silent."""


@dataclass(frozen=True)
class Report:
    """Everything that the page says."""

    settings: dict[str, Any]
    findings: Sequence[Finding]
    tracker: dict[str, Following]
    pictures: dict[str, str] = field(default_factory=dict)

    @property
    def judged(self) -> list[str]:
        """The clips that are not the target's own."""
        return clip_names([one for one in self.findings if one.kind != TARGET])

    @property
    def own(self) -> list[str]:
        """The target's clips."""
        return clip_names([one for one in self.findings if one.kind == TARGET])


def write(report: Report, folder: Path) -> tuple[Path, Path]:
    """Writes report.md and report.json."""
    page, data = folder / "report.md", folder / "report.json"
    page.write_text(markdown(report), encoding="utf-8")
    data.write_text(json.dumps(_plain(as_json(report)), indent=1, ensure_ascii=False), encoding="utf-8")
    return page, data


def as_json(report: Report) -> dict[str, Any]:
    """Everything by name; what was not measured is null once it is written."""
    return {
        "settings": report.settings,
        "aims": aims(report),
        "findings": [asdict(one) for one in report.findings],
        "tracker": {name: asdict(error) for name, error in report.tracker.items()},
        "pictures": report.pictures,
    }


def markdown(report: Report) -> str:
    """The page."""
    parts = ["# What the voice can do\n", *_settings(report), *_aims(report), card(report)]
    if report.own:
        parts.append(_section("The target's own recordings, the same ways", _every_header(), report, report.own))
    parts.append(_section("Every take", _every_header(), report, report.judged, EVERY_CAPTION))
    parts += _tracker(report)
    parts += [f"![{name}: source, converted, shuffled]({path})\n" for name, path in report.pictures.items()]
    return "\n".join(parts)


def card(report: Report) -> str:
    """The short table: a line a clip, references within the cells."""
    melody = ("cents", "gross", "where sure", "voicing")
    header = ("clip", "shift", *melody, "voice", "phones", "sentence", "clicks", "hiss", "full")
    rows = [_card_row(report, clip) for clip in report.judged if finding(report.findings, clip, CONVERTED)]
    return "\n".join(["## By clip\n", *table(header, rows), "", CAPTION, ""])


def _card_row(report: Report, clip: str) -> list[str]:
    by = {name: finding(report.findings, clip, name) for name in CONDITIONS}
    out = by[CONVERTED]
    assert out is not None
    return [
        clip,
        f"{out.semitones:+d}",
        " / ".join(_of(by[name], lambda one: number(one.melody.median_cents, 0)) for name in (CONVERTED, WORLD)),
        " / ".join(_of(by[name], lambda one: percent(one.melody.gross)) for name in (CONVERTED, WORLD)),
        percent(out.sure.gross),
        percent(out.melody.voicing),
        f"{out.likeness.to_target:.2f} / {out.likeness.to_source:.2f}",
        " / ".join(_of(by[name], lambda one: number(one.words.from_source)) for name in (CONVERTED, SHUFFLED, WORLD)),
        " / ".join(_of(by[name], _rank) for name in (CONVERTED, SHUFFLED, SOURCE)) if out.words.choice else NOTHING,
        f"{out.faults.clicks:.1f} / " + _of(by[SOURCE], lambda one: f"{one.faults.clicks:.1f}"),
        number(out.faults.hiss_dbfs, 0),
        str(out.faults.clipped),
    ]


def _of(one: Finding | None, show: Callable[[Finding], str]) -> str:
    return show(one) if one else NOTHING


def _melody(one: Finding) -> list[str]:
    wrong = (one.melody.gross, one.sure.gross, one.melody.far)
    return [number(one.melody.median_cents, 0), *map(percent, wrong)]


def _rank(one: Finding) -> str:
    return f"{one.words.choice.rank}" if one.words.choice else NOTHING


def aims(report: Report) -> dict[str, list[str]]:
    """Which clips' conversions reach each aim. An aim that cannot be told of a clip is not reached."""
    return {name: [clip for clip in report.judged if _reached(report, clip, reached)] for name, reached in AIMS.items()}


def _reached(report: Report, clip: str, reached: Callable[..., bool]) -> bool:
    takes = [finding(report.findings, clip, name) for name in (CONVERTED, SOURCE, SHUFFLED)]
    return None not in takes and reached(*takes)


AIMS: dict[str, Callable[[Finding, Finding, Finding], bool]] = {
    "melody: median under 20 cents": lambda out, source, spoilt: out.melody.median_cents < AIM_CENTS,
    "melody: under 3 % gross errors": lambda out, source, spoilt: out.melody.gross < AIM_GROSS,
    "the same where two trackers agree on the source": lambda out, source, spoilt: out.sure.gross < AIM_GROSS,
    "voice: nearer to the target than to the source": lambda out, source, spoilt: out.likeness.moved,
    "words: phones nearer to the source's than with shuffled content": lambda out, source, spoilt: (
        out.words.from_source < spoilt.words.from_source
    ),
    "no clicks that the source has not": lambda out, source, spoilt: (
        out.faults.clicks <= source.faults.clicks + AIM_CLICKS
    ),
    "hiss in silence below -60 dBFS": lambda out, source, spoilt: (
        math.isnan(out.faults.hiss_dbfs) or out.faults.hiss_dbfs < AIM_HISS_DBFS
    ),
    "no clipping": lambda out, source, spoilt: out.faults.clipped == 0,
}


def _aims(report: Report) -> list[str]:
    every = report.judged
    rows = [
        [name, f"{len(clips)} of {len(every)}", ", ".join(clip for clip in every if clip not in clips) or NOTHING]
        for name, clips in aims(report).items()
    ]
    return ["## Aims\n", *table(("aim", "reached", "not by"), rows), ""]


def _settings(report: Report) -> list[str]:
    return [f"- {name}: {value}" for name, value in report.settings.items()] + [""]


def _tracker(report: Report) -> list[str]:
    lines = [
        f"The tracker itself against the melody of {name} marked by hand: {number(error.median_cents, 1)} cents, "
        f"{percent(error.gross)} gross errors, {percent(error.voicing)} voicing.\n"
        for name, error in report.tracker.items()
    ]
    return lines


def _section(title: str, header: Sequence[str], report: Report, clips: Sequence[str], caption: str = "") -> str:
    rows = [_every_row(one) for clip in clips for one in report.findings if one.clip == clip]
    return "\n".join([f"## {title}\n", *table(header, rows), "", caption, ""])


def _every_header() -> tuple[str, ...]:
    melody = ("cents", "gross", "sure", "far", "voicing")
    words = ("phones", "truth", "words", "sentence", "margin", "vowels")
    return ("clip", "take", *melody, "voice", *words, "clicks", "hiss", "level", "full")


def _every_row(one: Finding) -> list[str]:
    words, wrong, choice = one.words, one.faults, one.words.choice
    return [
        *(one.clip, one.condition, *_melody(one), percent(one.melody.voicing)),
        f"{one.likeness.to_target:.2f} / {one.likeness.to_source:.2f}",
        *(number(words.from_source), number(words.from_truth), number(words.word_errors)),
        f"{choice.rank} of {choice.among}" if choice else NOTHING,
        number(choice.margin) if choice else NOTHING,
        percent(words.vowels),
        *(f"{wrong.clicks:.1f}", number(wrong.hiss_dbfs, 0), number(wrong.level_dbfs, 0), str(wrong.clipped)),
    ]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table of Markdown."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return [f"| {' | '.join(words)} |" for words in lines]


def number(value: float, digits: int = 2) -> str:
    """A dash where there is none."""
    return NOTHING if math.isnan(value) else f"{value:.{digits}f}"


def percent(share: float) -> str:
    """A share in percent, with a digit below ten."""
    return NOTHING if math.isnan(share) else f"{100 * share:.{0 if share >= 0.0995 else 1}f} %"


def _plain(value: Any) -> Any:
    """Without NaN, which JSON has not."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
