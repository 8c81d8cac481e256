"""The configurations that are measured, made from the options: whatever is entered in SPEEDUPS is measured."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ultimate_rvc.benchmark.scenes import STEM, VOICE, Scene
from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import PRECISIONS, SPEEDUPS

REFERENCE, NONE, ALL, THEIRS = "reference", "none", "all on", "Ultimate RVC"
# A scene that is longer is there for its memory and its straight line; what is slow would take all day.
LONG_S = 600.0
# Who is measured on a stem: what silence costs, and what it costs others.
ON_A_STEM = (THEIRS, NONE, ALL)
# What a speed-up is about, where that is not a voice.
SCENE_OF = {"silence": STEM}
FULL = {"precision": "fp32"}
EXACT = {**FULL, "use_fp16": False, "batch_size": 1}


@dataclass(frozen=True)
class Contender:
    """A configuration. `options` are fields of OptimizationConfig; `speedup` is the one that it is about.

    `main` ones are measured at every length, the others at the shortest, or in the scene that they are about.
    """

    name: str
    about: str
    options: dict[str, Any] = field(default_factory=dict)
    speedup: str | None = None
    main: bool = True


def contenders(kind: str, *, left_out: bool = False, theirs: bool = False) -> list[Contender]:
    """All for a kind of device: cuda, mps or cpu; `left_out` adds each speed-up missing alone."""
    every = tuple(SPEEDUPS)
    chosen = [
        *([Contender(THEIRS, "a checkout of Ultimate RVC, its own classes")] if theirs else []),
        Contender(REFERENCE, "strict parity: Ultimate RVC's samples, defects included", {"strict_parity": True}),
        Contender(NONE, "own rules, every speed-up off: errors are against this", {"without": every, **EXACT}),
        Contender(ALL, "every exact speed-up: the default", {"without": (), **FULL}),
    ]
    chosen += [_alone(name) for name in every]
    chosen += [_left_out(name) for name in every] if left_out else []
    return chosen + (_precisions() if kind == "cpu" else _of_a_card())


def _alone(name: str) -> Contender:
    others = tuple(other for other in SPEEDUPS if other != name)
    return Contender(f"only {name}", SPEEDUPS[name], {"without": others, **EXACT}, name, main=False)


def _left_out(name: str) -> Contender:
    return Contender(f"all but {name}", f"not: {SPEEDUPS[name]}", {"without": (name,), **FULL}, name, main=False)


def _precisions() -> list[Contender]:
    names = [name for name in PRECISIONS if name != "fp32"]
    return [Contender(name, f"all on, and {name} in the vocoder", {"precision": name}) for name in names]


def _of_a_card() -> list[Contender]:
    """What a card does by default, taken back one by one."""
    changes = {"fp32": {"use_fp16": False}, "batch 1": {"batch_size": 1}, "filter on host": {"use_gpu_filter": False}}
    return [Contender(f"all on, {name}", "all but this", change, main=False) for name, change in changes.items()]


def chosen(every: Sequence[Contender], only: Iterable[str]) -> list[Contender]:
    """Those named, in the order of `every`, each now a main one; all as they are where nothing is named.

    A hyphen may stand for a space. Raises OptionError for an unknown name.
    """
    wanted = {_spelled(name): name for name in only}
    unknown = [name for spelled, name in wanted.items() if spelled not in {_spelled(one.name) for one in every}]
    if unknown:
        raise OptionError(f"no configuration {unknown[0]!r}; there are {', '.join(one.name for one in every)}")
    if not wanted:
        return list(every)
    return [Contender(one.name, one.about, one.options, one.speedup) for one in every if _spelled(one.name) in wanted]


def _spelled(name: str) -> str:
    return name.strip().casefold().replace("-", " ")


def scenes_for(seconds: Iterable[float], *, stem: bool) -> list[Scene]:
    """A voice of each length; and a stem of the longest that is not too long."""
    lengths = sorted(set(seconds))
    usual = [length for length in lengths if length <= LONG_S]
    return [Scene(VOICE, length) for length in lengths] + ([Scene(STEM, usual[-1])] if stem and usual else [])


def cast(scene: Scene, scenes: Sequence[Scene], every: Sequence[Contender], *, named: bool) -> list[Contender]:
    """Who is measured in a scene; `named` ones in all of them."""
    if named:
        return list(every)
    if scene.seconds > LONG_S:
        return [one for one in every if one.name == ALL]
    return [one for one in every if _is_everywhere(one, scene) or _belongs(one, scene, scenes)]


def _is_everywhere(one: Contender, scene: Scene) -> bool:
    return one.main and (scene.kind != STEM or one.name in ON_A_STEM)


def _belongs(one: Contender, scene: Scene, scenes: Sequence[Scene]) -> bool:
    """Whether it is the shortest scene of the kind that the contender is about, if there is one of that kind."""
    about = SCENE_OF.get(one.speedup or "", VOICE)
    own = [other for other in scenes if other.kind == about] or list(scenes)
    return scene == min(own, key=lambda other: other.seconds)
