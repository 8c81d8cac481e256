"""Speech engines that answer at once: programs for PATH, and a module in the place of edge_tts."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import soundfile

RATE_HZ = 22_050
ESPEAK_VOICES = """\
Pty Language       Age/Gender VoiceName          File                 Other Languages
 5  da              --/M      Danish             gmq/da
 2  en-gb           --/M      English_(Great_Britain) gmw/en               (en 2)
 2  en-us           --/M      English_(America)  gmw/en-US            (en 3)
 5  en-us           --/F      us-mbrola-1        mb/mb-us1            (en 8)
"""
SAY_VOICES = """\
Alex                en_US    # Most people recognize me by my voice.
Eddy (English (UK)) en_GB    # Hello! My name is Eddy.
Anna                de_DE    # Hallo! Ich heiße Anna.
"""
# Speaks half a second per piece, and notes what it was asked: its arguments, and what came in.
PROGRAM = """#!{python}
import json, sys, time, wave
arguments, text = sys.argv[1:], sys.stdin.buffer.read().decode()
with open({log!r}, "a") as log:
    log.write(json.dumps([arguments, text]) + "\\n")
if arguments in (["--voices"], ["-v", "?"]):
    sys.stdout.write({voices!r})
    sys.exit()
way = {way!r}
if way == "fail":
    print("mbrowrap error:\\n no such thing", file=sys.stderr)
    sys.exit(3)
if way == "hang":
    time.sleep(60)
if way != "mute":
    flag = "-o" if "-o" in arguments else "-w"
    with wave.open(arguments[arguments.index(flag) + 1], "wb") as file:
        file.setnchannels(1); file.setsampwidth(2); file.setframerate({rate})
        file.writeframes(b"\\x00\\x10\\x00\\xf0" * ({rate} // 4))
"""
EDGE_VOICES = [
    {
        "ShortName": name,
        "Locale": name[:5],
        "FriendlyName": f"Microsoft {name}",
        "Status": "GA",
        "VoiceTag": {"ContentCategories": [category], "VoicePersonalities": ["Friendly", "Warm"]},
    }
    for name, category in (("en-US-AvaNeural", "News"), ("en-GB-RyanNeural", "Novel"), ("da-DK-JeppeNeural", "News"))
]


def write_program(folder: Path, name: str, *, voices: str = ESPEAK_VOICES, way: str = "") -> Path:
    """An executable of that name, and the file in which it notes what it was asked; `way`: fail, hang, mute."""
    folder.mkdir(parents=True, exist_ok=True)
    path, log = folder / name, folder / f"{name}.log"
    path.write_text(PROGRAM.format(python=sys.executable, log=str(log), voices=voices, way=way, rate=RATE_HZ))
    path.chmod(0o755)
    return log


def fake_edge_tts(failure: Exception | None = None) -> Any:
    """A module as edge-tts is one; `asked` holds what it was asked to say. With a failure, nothing is answered."""
    asked: list[tuple[str, str, dict[str, str]]] = []

    class Communicate:
        def __init__(self, text: str, voice: str, **how: str):
            if not voice.endswith("Neural"):
                raise ValueError(f"Invalid voice '{voice}'.")
            asked.append((text, voice, how))

        def save_sync(self, path: str) -> None:
            if failure:
                raise failure
            wav = 0.3 * np.sin(np.arange(24_000) / 20)
            soundfile.write(path, wav, 24_000, format="MP3")

    async def list_voices() -> list[dict[str, Any]]:
        if failure:
            raise failure
        return EDGE_VOICES

    module = ModuleType("edge_tts")
    vars(module).update(vars(SimpleNamespace(Communicate=Communicate, list_voices=list_voices, asked=asked)))
    return module
