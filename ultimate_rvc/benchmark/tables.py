"""A result as tables of words: what a terminal, a page and a reader need. No number is made here but ratios."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ultimate_rvc.benchmark.contenders import ALL, NONE, REFERENCE, SCENE_OF, THEIRS
from ultimate_rvc.benchmark.deviation import Deviation
from ultimate_rvc.benchmark.expectations import expectation
from ultimate_rvc.benchmark.results import MEASURED, Cell, Result, Search
from ultimate_rvc.benchmark.scenes import ABOUT, VOICE, Scene
from ultimate_rvc.options import SPEEDUPS

NOTHING = "–"
TIMES = (
    "Seconds of a warm call: the median of turns taken with the others, then the fastest and the slowest. RTF: seconds "
    "of work per second of sound. '× NAME': how many times faster than NAME. Peak MB: the most that the process ever "
    f"held, with everything loaded. Errors are against '{NONE}': the same line with every speed-up off, by the same "
    f"rules and with the same seed. '{REFERENCE}' is strict parity: it cuts and draws its noise as Ultimate RVC does, "
    "so its error is against Ultimate RVC, where that was measured. SNR and log-spectral distance (LSD) in dB; max "
    "error: the largest difference of a sample."
)
STAGES = "Seconds of each stage in the turn that is nearest to the median; 'rest' is what lies between stages."
GAINS = (
    f"'alone' is '{NONE}' against this one speed-up, 'in its stage' the same for the stage that it is about, 'missing' "
    f"'{ALL}' against all but this one; above 1 is faster with it. Errors as above."
)
LENGTHS = "Seconds of a warm call by length, and the RTF: a straight line through zero has one RTF at every length."
SEARCHES = (
    "Milliseconds for the blends of 2,000 queries (one span), median of warm turns; FAISS has the formula around it "
    "that RVC tools have. Vectors are random clouds of 768 dimensions; one list is searched."
)
STARTS = (
    "From the start of a process. 'loaded': imports and every file read; 'first call': before anything is warm. For "
    f"{THEIRS} the imports are those of its line alone."
)


@dataclass(frozen=True)
class Table:
    """Words in rows; `notes` stand below it, a line each."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    notes: Sequence[str] = ()


def tables(result: Result) -> list[Table]:
    """All that have a row."""
    each = [table for scene in result.scenes for table in (times(result, scene), stages(result, scene))]
    every = [machine(result), *each, gains(result), lengths(result), searches(result), starts(result)]
    return [table for table in every if table.rows]


def machine(result: Result) -> Table:
    """Where and what."""
    facts = {**result.machine, "recording": result.settings["source"], "voice": result.settings["voice"]}
    if result.settings["against"]:
        facts["beside it"] = result.settings["against"]
    return Table("Machine", ("", ""), [(name, str(words)) for name, words in facts.items()])


def times(result: Result, scene: Scene) -> Table:
    """Time, memory and error of each configuration in a scene."""
    cells = [cell for cell in result.cells if cell.scene == scene.name]
    slow = [cell for name in (THEIRS, REFERENCE, NONE) if (cell := result.cell(name, scene.name))]
    header = ["configuration", "turns", "median s", "min–max s", "RTF", *(f"× {cell.contender}" for cell in slow)]
    header += ["peak MB", *(["card MB"] if _has_card(cells) else []), "SNR dB", "max error", "LSD dB"]
    rows = [_times_row(cell, scene, slow, _has_card(cells)) for cell in cells]
    notes = [f"{cell.contender}: {cell.status}: {cell.reason}" for cell in cells if cell.reason]
    notes += [f"{cell.contender}: {cell.remark}" for cell in cells if cell.remark]
    return Table(f"{scene.name}: {ABOUT[scene.kind]}", header, rows, TIMES, notes)


def _times_row(cell: Cell, scene: Scene, slow: Sequence[Cell], has_card: bool) -> list[str]:
    if cell.status != MEASURED or not cell.seconds:
        return [cell.contender, NOTHING, cell.status, *[NOTHING] * (6 + len(slow) + has_card)]
    low, high = cell.spread_s
    row = [cell.contender, f"{len(cell.seconds)}", f"{cell.median_s:.2f}", f"{low:.2f}–{high:.2f}"]
    row += [f"{cell.median_s / scene.seconds:.3f}", *(f"{other.median_s / cell.median_s:.2f}" for other in slow)]
    row += [_megabytes(cell.peak_bytes), *([_megabytes(cell.card_bytes)] if has_card else [])]
    return row + _errors(cell.deviation)


def _has_card(cells: Iterable[Cell]) -> bool:
    return any(cell.card_bytes for cell in cells)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f}" if count else NOTHING


def _errors(deviation: Deviation | None) -> list[str]:
    if deviation is None:
        return [NOTHING] * 3
    if deviation.identical:
        return ["identical", "0", "0"]
    snr = NOTHING if deviation.snr_db is None else f"{deviation.snr_db:.1f}"
    return [snr, f"{deviation.max_abs:.1e}", f"{deviation.log_spectral_db:.2g}"]


def stages(result: Result, scene: Scene) -> Table:
    """Seconds of each stage of each configuration in a scene."""
    cells = [cell for cell in result.cells if cell.scene == scene.name and cell.stages]
    names = list(dict.fromkeys(name for cell in cells for name in cell.stages))
    rows = [
        [cell.contender, *(_seconds(cell.stages.get(name)) for name in names), _seconds(cell.rest_s)] for cell in cells
    ]
    return Table(f"{scene.name}, stage by stage", ["configuration", *names, "rest"], rows, STAGES)


def _seconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def gains(result: Result) -> Table:
    """A line for each speed-up: what it should have gained, what it gained, its error."""
    rows = [_gain_row(result, name) for name in SPEEDUPS]
    header = [
        "speed-up",
        "stage",
        "should gain there",
        "gains there",
        "alone",
        "missing",
        "SNR dB",
        "max error",
        "LSD dB",
    ]
    return Table("Speed-ups", header, [row for row in rows if row], GAINS)


def _gain_row(result: Result, name: str) -> list[str]:
    """Nothing where the speed-up was not measured alone."""
    scene = _scene_of(result, name)
    none, alone = result.cell(NONE, scene), result.cell(f"only {name}", scene)
    whole, without = result.cell(ALL, scene), result.cell(f"all but {name}", scene)
    if not (none and alone):
        return []
    expected = expectation(name)
    row = [name, expected.stage or "all", expected.gain, _stage_gain(none, alone, expected.stage)]
    return [*row, _ratio(none, alone), _ratio(without, whole), *_errors(alone.deviation)]


def _scene_of(result: Result, speedup: str) -> str:
    """Where it was measured alone, first where it belongs."""
    found = [cell.scene for cell in result.cells if cell.contender == f"only {speedup}" and cell.seconds]
    kind = SCENE_OF.get(speedup, VOICE)
    return min(found, key=lambda scene: not scene.startswith(kind), default="")


def _ratio(slow: Cell | None, fast: Cell | None) -> str:
    return f"{slow.median_s / fast.median_s:.2f} ×" if slow and fast else NOTHING


def _stage_gain(none: Cell, alone: Cell, stage: str) -> str:
    if not stage:
        return _ratio(none, alone)
    before, after = none.stages.get(stage), alone.stages.get(stage)
    return f"{before / after:.2f} ×" if before and after else NOTHING


def lengths(result: Result) -> Table:
    """Cost against length, where more than one length was measured."""
    voices = [scene for scene in result.scenes if scene.kind == VOICE]
    names = [name for name in result.contenders if sum(bool(result.cell(name, s.name)) for s in voices) > 1]
    rows = [[name, *(_cost(result.cell(name, scene.name), scene) for scene in voices)] for name in names]
    return Table("Cost against length", ["configuration", *(f"{s.seconds:g} s" for s in voices)], rows, LENGTHS)


def _cost(cell: Cell | None, scene: Scene) -> str:
    return f"{cell.median_s:.2f} s, RTF {cell.median_s / scene.seconds:.3f}" if cell else NOTHING


def searches(result: Result) -> Table:
    """Retrieval alone."""
    header = ["vectors", "search", "median ms", "min–max ms", "loading ms", "peak MB", "max error"]
    rows = [_search_row(search) for search in result.searches if search.seconds]
    notes = [f"{search.who}: {search.status}: {search.reason}" for search in result.searches if search.reason]
    return Table("Retrieval alone", header, rows, SEARCHES, notes)


def _search_row(search: Search) -> list[str]:
    times, loading = _milliseconds(search.seconds), _milliseconds([search.load_s or 0.0])[0]
    error = NOTHING if search.max_abs is None else f"{search.max_abs:.1e}"
    return [f"{search.vectors:,}", search.who, *times, loading, _megabytes(search.peak_bytes), error]


def _milliseconds(seconds: Sequence[float]) -> list[str]:
    middle = sorted(seconds)[len(seconds) // 2]
    return [f"{1e3 * middle:.1f}", f"{1e3 * min(seconds):.1f}–{1e3 * max(seconds):.1f}"]


def starts(result: Result) -> Table:
    """What people wait for who start a program."""
    header = ["what", "times", "median s", "min–max s"]
    rows = [
        [
            start.name,
            f"{len(start.seconds)}",
            f"{start.median_s:.2f}",
            f"{min(start.seconds):.2f}–{max(start.seconds):.2f}",
        ]
        for start in result.starts
        if start.status == MEASURED and start.seconds
    ]
    rows += [row for name in (ALL, REFERENCE, THEIRS) for row in _cold_rows(result, name)]
    notes = [f"{start.name}: {start.status}: {start.reason}" for start in result.starts if start.reason]
    return Table("Starting", header, rows, STARTS, notes)


def _cold_rows(result: Result, name: str) -> list[list[str]]:
    """Loading and the first call of one configuration, in the first scene where it was measured."""
    cells = (cell for cell in result.cells if cell.contender == name and cell.first_s and cell.load_s)
    cell = next(cells, None)
    if cell is None:
        return []
    what = f"{name}: first call, {cell.first_of_s:g} s of sound"
    return [
        [f"{name}: loaded", "1", f"{cell.load_s:.2f}", NOTHING],
        [what, "1", f"{cell.first_s:.2f}", NOTHING],
        [f"{name}: loaded and first call", "1", f"{cell.load_s + cell.first_s:.2f}", NOTHING],
    ]
