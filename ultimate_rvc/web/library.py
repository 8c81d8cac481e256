"""The voice library as a table: what a voice is, is read once for each state of its file."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ultimate_rvc.errors import UrvcError
from ultimate_rvc.voices import VoiceEntry, fingerprint, list_entries
from ultimate_rvc.web import show
from ultimate_rvc.web.texts import text

SHORT_FINGERPRINT = 12
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
