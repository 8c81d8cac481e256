"""Recordings of people: the telephone prompts of Debian's asterisk-core-sounds packages (16 kHz, G.722).

Source: Asterisk's core sounds. English and Spanish by Allison Smith, French by June Wallack (CC BY-SA 3.0), Italian
by Carlo Flamini and Russian by Maxim Topal (CC BY 3.0); the texts of the English ones lie beside them.
"""

import gzip
import re
from pathlib import Path

SOUNDS = Path("/usr/share/asterisk/sounds")
TEXTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
SPEAKERS = {
    "allison_en": "en_US_f_Allison",
    "allison_es": "es_MX_f_Allison",
    "june_fr": "fr_CA_f_June",
    "carlo_it": "it_IT_m_Carlo",
    "maxim_ru": "ru_RU_f_IvrvoiceRU",
}


def recordings(speaker: str) -> list[Path]:
    """The files of a speaker, tones and silences left out."""
    files = sorted((SOUNDS / SPEAKERS[speaker]).rglob("*.g722"))
    return [file for file in files if "silence" not in file.parts and not re.search("tone|beep", file.stem)]


def english_texts() -> dict[str, str]:
    """What each English prompt says, by its name without suffix; descriptions of noises are left out."""
    with gzip.open(TEXTS, "rt", errors="replace") as file:
        lines = [line.split(":", 1) for line in file if re.match(r"^[\w/-]+:", line)]
    return {name: text.strip() for name, text in lines if "[" not in text and "(" not in text}
