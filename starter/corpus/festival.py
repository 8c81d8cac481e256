"""Speech by Festival's voices, many sentences a process, with the times of its phones (`utt.save.segs`)."""

import subprocess
from pathlib import Path

from starter.corpus.phones import FESTIVAL, Phone, joined


def speak(texts: list[str], voice: str, folder: Path) -> dict[Path, list[Phone]]:
    """Writes a WAV per text into the folder, at the voice's own rate, and gives the phones of each."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "speak.scm"
    savings = (_saving(text, folder / f"{place:05d}") for place, text in enumerate(texts))
    script.write_text(f"(voice_{voice})\n" + "".join(savings))
    subprocess.run(["festival", "-b", str(script)], check=True, capture_output=True)
    return {wav: _phones(wav.with_suffix(".segs")) for wav in sorted(folder.glob("*.wav"))}


def _saving(text: str, stem: Path) -> str:
    return f'(let ((u (SynthText "{text}"))) (utt.save.wave u "{stem}.wav" \'riff) (utt.save.segs u "{stem}.segs"))\n'


def _phones(segs: Path) -> list[Phone]:
    phones, start_s = [], 0.0
    for line in segs.read_text().split("#\n", 1)[1].splitlines():
        end, _, name = line.split()[:3]
        phones.append(Phone(start_s, float(end), FESTIVAL[name]))
        start_s = float(end)
    return joined(phones)
