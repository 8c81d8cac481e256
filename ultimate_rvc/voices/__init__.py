"""The voice library: what is there, what it is, how it gets in and out. Plain functions, for every front end.

library     find_voice list_voices list_entries         nothing is read
reading     inspect verify verify_all fingerprint       voices are read strictly
importing   import_voice        fetching  download_voice
changes     rename delete weigh convert
companions  the same for content encoders and pitch estimators
"""

from ultimate_rvc.voices.changes import Doomed, convert, delete, rename, weigh
from ultimate_rvc.voices.fetching import download_voice
from ultimate_rvc.voices.importing import Imported, import_voice
from ultimate_rvc.voices.library import VoiceEntry, VoiceFiles, find_voice, list_entries, list_voices
from ultimate_rvc.voices.reading import IndexInfo, Verdict, VoiceInfo, fingerprint, inspect, verify, verify_all

__all__ = [
    "Doomed",
    "Imported",
    "IndexInfo",
    "Verdict",
    "VoiceEntry",
    "VoiceFiles",
    "VoiceInfo",
    "convert",
    "delete",
    "download_voice",
    "find_voice",
    "fingerprint",
    "import_voice",
    "inspect",
    "list_entries",
    "list_voices",
    "rename",
    "verify",
    "verify_all",
    "weigh",
]
