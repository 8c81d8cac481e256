"""A cover beside its source: both waveforms, and what was sung before and after on one staff of note names."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ultimate_rvc import pictures
from ultimate_rvc.audio.file import load
from ultimate_rvc.covers.cover import CoverResult
from ultimate_rvc.covers.song import CONVERTED, VOCALS
from ultimate_rvc.progress import OnProgress, Progress
from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND, SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from matplotlib.axes import Axes

logger = logging.getLogger(__name__)

WIDTH_IN, PANEL_IN, MELODY_IN = 11.0, 1.8, 3.6
COLUMNS = 2_000
SOURCE_COLOUR, COVER_COLOUR = "#4269d0", "#ff725c"
NOTES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
A4_HZ, A4_NOTE = 440.0, 69
# Notes that are named on the axis, at most.
NAMED_NOTES = 16


def draw(path: Path, waves: dict[str, Path], melodies: dict[str, Path]) -> Path:
    """Writes the picture: a panel for each wave, and the melodies of these tracks in one. Raises OutputError."""
    from matplotlib.figure import Figure

    heights = [PANEL_IN] * len(waves) + [MELODY_IN] * bool(melodies)
    figure = Figure(figsize=(WIDTH_IN, sum(heights)), layout="constrained")
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights, sharex=True)[:, 0]
    for panel, colour, (title, track) in zip(panels, (SOURCE_COLOUR, COVER_COLOUR), waves.items(), strict=False):
        _wave(panel, track, title, colour)
    if melodies:
        _melodies(panels[-1], melodies)
    panels[-1].set(xlabel="seconds")
    return pictures.write(figure, path)


def of_cover(result: CoverResult, path: Path, on_progress: OnProgress) -> CoverResult:
    """The result with a picture of it among its files."""
    on_progress(Progress("plot", 0, 1))
    melodies = {"source": result.sung, "cover": result.intermediates.get(f"{CONVERTED} {VOCALS}")}
    there = {name: track for name, track in melodies.items() if track}
    if len(there) < len(melodies):
        logger.warning("The converted vocals are no longer kept, so the cover's melody is not drawn; use --no-cache")
    draw(path, {"source": result.source or result.path, "cover": result.path}, there)
    on_progress(Progress("plot", 1, 1))
    return replace(result, intermediates={**result.intermediates, "Plot": path})


def note_name(number: int) -> str:
    """A MIDI note number's name: 69 is A4."""
    return f"{NOTES[number % 12]}{number // 12 - 1}"


def note_number(hz: np.ndarray) -> np.ndarray:
    """f0 [F] in Hz → MIDI note numbers [F]; NaN where it is unvoiced."""
    return A4_NOTE + 12 * np.log2(np.where(hz > 0, hz, np.nan) / A4_HZ)


def melody(track: Path) -> np.ndarray:
    """The track's f0 [F] in Hz, 100 a second, by the estimator that needs no download."""
    import torch

    from ultimate_rvc.rvc import pitch

    wav = load(track, mono_rate=SAMPLE_RATE_HZ).samples[0]
    with torch.inference_mode():
        return pitch.load("swift", torch.device("cpu"))(torch.from_numpy(wav)).numpy()


def _wave(panel: "Axes", track: Path, title: str, colour: str) -> None:
    wave = load(track, mono_rate=SAMPLE_RATE_HZ)
    step = max(1, wave.length // COLUMNS)
    columns = wave.samples[0, : wave.length // step * step].reshape(-1, step)
    panel.fill_between(
        np.arange(len(columns)) * step / wave.rate, columns.min(axis=1), columns.max(axis=1), color=colour, linewidth=0
    )
    panel.set(title=title, ylim=(-1, 1))


def _melodies(panel: "Axes", tracks: dict[str, Path]) -> None:
    for colour, (title, track) in zip((SOURCE_COLOUR, COVER_COLOUR), tracks.items(), strict=False):
        notes = note_number(melody(track))
        panel.plot(np.arange(len(notes)) / FRAMES_PER_SECOND, notes, color=colour, label=title, linewidth=1)
    low, high = map(int, np.round(panel.get_ylim()))
    ticks = range(low, high + 1, max(1, -(-(high - low) // NAMED_NOTES)))
    panel.set_yticks(list(ticks), [note_name(tick) for tick in ticks])
    panel.grid(axis="y", alpha=0.3)
    panel.set(title="melody")
    panel.legend(loc="upper right", fontsize=8)
