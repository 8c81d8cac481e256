"""A result drawn: bars of stages for each scene, and cost against length."""

from pathlib import Path
from typing import TYPE_CHECKING

from ultimate_rvc import pictures
from ultimate_rvc.benchmark.results import Cell, Result
from ultimate_rvc.benchmark.scenes import VOICE, Scene
from ultimate_rvc.errors import OptionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_IN, BAR_IN, EDGE_IN, LENGTHS_IN = 9.0, 0.28, 1.1, 3.2
REST = "rest"
COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e")
REST_COLOUR = "#b0b0b0"


def draw(result: Result, path: Path) -> Path:
    """Writes the picture."""
    from matplotlib.figure import Figure

    scenes = [(scene, _measured(result, scene)) for scene in result.scenes]
    scenes = [(scene, cells) for scene, cells in scenes if cells]
    heights = [EDGE_IN + BAR_IN * len(cells) for _, cells in scenes] + [LENGTHS_IN] * _has_lengths(result)
    if not heights:
        raise OptionError("nothing was measured that could be drawn")
    figure = Figure(figsize=(WIDTH_IN, sum(heights)), layout="constrained")
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    colours = _colours(result)
    for panel, (scene, cells) in zip(panels, scenes, strict=False):
        _bars(panel, scene, cells, colours)
    if _has_lengths(result):
        _lengths(panels[-1], result)
    return pictures.write(figure, path)


def _measured(result: Result, scene: Scene) -> list[Cell]:
    return [cell for cell in result.cells if cell.scene == scene.name and cell.seconds]


def _has_lengths(result: Result) -> bool:
    return sum(scene.kind == VOICE and bool(_measured(result, scene)) for scene in result.scenes) > 1


def _colours(result: Result) -> dict[str, str]:
    names = dict.fromkeys(name for cell in result.cells for name in cell.stages)
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)} | {REST: REST_COLOUR}


def _bars(panel: "Axes", scene: Scene, cells: list[Cell], colours: dict[str, str]) -> None:
    """One bar for each configuration, the stages end to end."""
    names = [cell.contender for cell in cells]
    left = [0.0] * len(cells)
    for stage, colour in colours.items():
        widths = [cell.rest_s if stage == REST else cell.stages.get(stage, 0.0) for cell in cells]
        panel.barh(names, widths, left=left, color=colour, label=stage)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    for place, cell in enumerate(cells):
        panel.annotate(f" {cell.median_s:.1f} s", (left[place], place), va="center", fontsize=8)
    panel.invert_yaxis()
    panel.margins(x=0.12)
    panel.set(title=scene.name, xlabel="seconds")
    panel.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _lengths(panel: "Axes", result: Result) -> None:
    """Seconds of work by seconds of sound, a line for each configuration that was measured more than once."""
    voices = [scene for scene in result.scenes if scene.kind == VOICE]
    for name in result.contenders:
        points = [(s.seconds, cell.median_s) for s in voices if (cell := result.cell(name, s.name))]
        if len(points) > 1:
            panel.plot(*zip((0.0, 0.0), *points, strict=True), marker="o", label=name)
    panel.set(title="cost against length", xlabel="seconds of sound", ylabel="seconds of work")
    panel.legend(fontsize=7)
