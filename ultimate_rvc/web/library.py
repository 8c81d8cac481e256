"""The library as tables: voices, what one is being read once for each state of its file, and what they sing with."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ultimate_rvc import weights
from ultimate_rvc.errors import OptionError, UrvcError
from ultimate_rvc.voices import VoiceEntry, fingerprint, list_entries
from ultimate_rvc.voices.companions import EMBEDDERS, PREDICTORS, Companion, list_companions
from ultimate_rvc.web import show
from ultimate_rvc.web.texts import text

SHORT_FINGERPRINT = 12
COMPANIONS = (EMBEDDERS, PREDICTORS)
COMPANION_HEAD = ("Name", "Kind", "Size", "Note")
KIND_NAMES = {EMBEDDERS: "content encoder", PREDICTORS: "pitch model"}
HEAD = ("Name", "Format", "Sample rate", "Size", "Index", "Fingerprint", "Note")


@dataclass(frozen=True)
class Facts:
    """What only reading tells; `problem` says why a voice cannot be used."""

    rate_hz: int = 0
    fingerprint: str = ""
    problem: str = ""


def listing(language: str) -> str:
    """Every folder of the library. Reads the voices, which imports torch."""
    entries = list_entries()
    if not entries:
        return f"<p>{text('There are no voices yet; import one below.', language)}</p>"
    return show.table([text(word, language) for word in HEAD], [_row(entry, language) for entry in entries])


def _row(entry: VoiceEntry, language: str) -> tuple[str, ...]:
    if entry.files is None:
        return (entry.name, "", "", "", "", "", entry.problem or "")
    state = entry.files.checkpoint.stat()
    known = _facts(entry.files.checkpoint, state.st_mtime_ns, state.st_size)
    index = show.size(entry.index_bytes) if entry.index_bytes else "–"
    note = known.problem or (text("comes with the program", language) if entry.is_shipped else "")
    rate = f"{known.rate_hz / 1000:g} kHz" if known.rate_hz else "?"
    size = show.size(entry.checkpoint_bytes)
    return (entry.name, entry.format, rate, size, index, known.fingerprint[:SHORT_FINGERPRINT], note)


@lru_cache(maxsize=1000)
def _facts(checkpoint: Path, _changed_ns: int, _bytes: int) -> Facts:
    from ultimate_rvc.rvc.synth.checkpoint import load_checkpoint

    try:
        return Facts(load_checkpoint(checkpoint).sample_rate_hz, fingerprint(checkpoint))
    except (UrvcError, OSError) as error:
        return Facts(problem=str(error))


def companions(language: str) -> str:
    """Every content encoder and pitch model, here or not."""
    rows = [_companion_row(one, language) for one in _companions()]
    return show.table([text(word, language) for word in COMPANION_HEAD], rows)


def _companion_row(one: Companion, language: str) -> tuple[str, ...]:
    if one.place is None:
        size, note = "–", "not on this machine"
    else:
        size, note = show.size(one.bytes), "your own" if one.is_custom else "here"
    return one.name, text(KIND_NAMES[one.kind], language), size, text(note, language)


def _companions() -> list[Companion]:
    return [one for kind in COMPANIONS for one in list_companions(kind)]


def not_here() -> list[str]:
    """Names of those that can be fetched."""
    return [one.name for one in _companions() if one.place is None and one.name in weights.CATALOGUE]


def deletable() -> list[str]:
    """Names of those that lie in the models folder."""
    return [one.name for one in _companions() if _lies_in_the_models_folder(one)]


def _lies_in_the_models_folder(one: Companion) -> bool:
    return one.place is not None and one.place.is_relative_to(one.own_folder)


def companion(name: str | None) -> Companion:
    """One of those that may be deleted. Raises OptionError for any other."""
    found = next((one for one in _companions() if one.name == name and _lies_in_the_models_folder(one)), None)
    if found is None:
        raise OptionError("nothing is chosen that could be deleted; choose one of the list")
    return found
