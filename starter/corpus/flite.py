"""Speech by Flite's built-in voices, with the times of its phones as the program prints them (`-psdur`)."""

import subprocess
from pathlib import Path

from starter.corpus.phones import FESTIVAL, Phone, joined


def speak(text: str, voice: str, file: Path) -> list[Phone]:
    """Writes the speech to `file` at the voice's own rate and gives its phones."""
    command = ["flite", "-voice", voice, "-psdur", "-t", text, "-o", str(file)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    phones, start_s = [], 0.0
    for mark in printed.split():
        name, end = mark.rsplit(":", 1)
        phones.append(Phone(start_s, float(end), FESTIVAL[name]))
        start_s = float(end)
    return joined(phones)
