"""What a model is asked for: which of its stems is taken, and what it and the rest are called here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from ultimate_rvc.covers.stems import StemName
from ultimate_rvc.errors import ModelError

T = TypeVar("T")


@dataclass(frozen=True)
class Task:
    """The stem that is taken from a model, by any of the names (lower case) that models have for it.

    `rest` is what is left of the track without it, None where nobody wants that.
    """

    stage: str
    taken: StemName
    rest: StemName | None
    names: frozenset[str]

    @property
    def gives(self) -> tuple[StemName, ...]:
        """What a separation for this task returns."""
        return (self.taken,) if self.rest is None else (self.taken, self.rest)

    def pick(self, stems: Mapping[str, T], model: str) -> T:
        """The wanted one of a model's stems. Raises ModelError that names what the model has instead."""
        found = [stem for name, stem in stems.items() if _plain(name) in self.names]
        if not found:
            raise ModelError(f"model {model!r} gives {_listed(stems)}, nothing to {self.stage} with; choose another")
        return found[0]


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())


def _listed(names: Iterable[str]) -> str:
    return " and ".join(map(repr, names)) or "no stem"


VOICES = frozenset({"vocals", "vocal", "lead vocals", "lead only", "main vocals"})
DRY = frozenset({"no reverb", "noreverb", "dry", "no echo", "noecho", "dereverb"})
TAKE_VOCALS = Task("separate vocals", StemName.VOCALS, StemName.INSTRUMENTALS, VOICES)
SPLIT_VOCALS = Task("part main and backup vocals", StemName.MAIN_VOCALS, StemName.BACKUP_VOCALS, VOICES)
TAKE_REVERB_OFF = Task("take reverb off", StemName.DRY_VOCALS, None, DRY)
