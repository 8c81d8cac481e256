"""The system's own voice, which needs no network: say on macOS, espeak-ng (or espeak) elsewhere.

The text goes in through standard input, so that nothing in it can be taken for an option, and no shell is between.
"""

import difflib
import logging
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ultimate_rvc.audio.file import load
from ultimate_rvc.audio.limiter import limit
from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.errors import AudioError, OptionError, SpeechError
from ultimate_rvc.options import SpeakingOptions
from ultimate_rvc.progress import OnProgress, Progress
from ultimate_rvc.speech.text import pieces
from ultimate_rvc.speech.voices import SpeechVoice

logger = logging.getLogger(__name__)

# A minute of speech: often enough for a bar to move, long enough for the start of a program not to count.
LONGEST_PIECE = 1_000
# Engines speak a minute in a second or two; this is for one that hangs.
PATIENCE_S = 60.0
USUAL_WPM = 175
ESPEAK_WPM = (80, 450)
# espeak's -p and how many times its usual pitch that is: medians of a spoken sentence, alike in four languages. The
# usual pitch of its man's voice is about 100 Hz.
ESPEAK_PITCH = (0, 10, 25, 40, 50, 60, 75, 90, 99)
ESPEAK_TIMES = (0.65, 0.70, 0.79, 0.91, 1.00, 1.10, 1.28, 1.51, 1.67)
ESPEAK_HZ = 100.0
# Voices that need another program and files of its own.
MBROLA = "mb/"
ESPEAK_ROW = re.compile(r"^\s*\d+\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)")
SAY_ROW = re.compile(r"^(.+?)\s+([a-z]{2,3}_\w+)\s+#\s*(.*)$")
# A language alone, or the name of one of edge-tts's voices: da, en-US, en-US-ChristopherNeural.
LANGUAGE = re.compile(r"^([a-z]{2,3})(-[a-z]{2,4})?(-\w+neural)?$")
HOW_TO_INSTALL = "install espeak-ng (apt install espeak-ng, dnf install espeak-ng, brew install espeak-ng)"


@dataclass(frozen=True)
class Program:
    """How one program is asked. `arguments` has what it needs to speak with a voice, but for the file to write."""

    name: str
    list_arguments: tuple[str, ...]
    parse_voices: Callable[[str], list[SpeechVoice]]
    arguments: Callable[[str, SpeakingOptions], list[str]]
    file_flag: str
    default_voice: str = ""


class SystemSpeaker:
    """A `Speaker` that runs a program."""

    def __init__(self, program: Program, path: str):
        self.name = program.name
        self._program, self._path = program, path

    def voices(self) -> list[SpeechVoice]:
        """The voices that are installed."""
        return self._program.parse_voices(self._run(self._program.list_arguments))

    def voice_for(self, asked: str | None) -> str:
        """The voice asked for, with its '+variant'; for another engine's, one of its language, and a warning.

        Raises OptionError where there is neither.
        """
        if asked is None:
            return self._program.default_voice
        voices = self.voices()
        base, plus, variant = asked.partition("+")
        same = next((voice.name for voice in voices if voice.name.lower() == base.lower()), None)
        if same and re.fullmatch(r"\w*", variant):
            return f"{same}{plus}{variant}"
        return _of_its_language(asked, voices, self.name)

    def speak(self, text: str, voice: str, options: SpeakingOptions, on_progress: OnProgress) -> Audio:
        """The text, spoken piece by piece."""
        arguments = self._program.arguments(voice, options)
        spoken, done = [], 0
        for part in pieces(text, LONGEST_PIECE):
            on_progress(Progress("speak", done, len(text)))
            spoken.append(self._spoken(part, arguments))
            done += len(part)
        on_progress(Progress("speak", len(text), len(text)))
        return _joined(spoken, 1 + options.tts_volume_change / 100)

    def _spoken(self, text: str, arguments: list[str]) -> Audio:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "speech.wav"
            said = self._run([*arguments, self._program.file_flag, str(path)], text)
            try:
                return load(path)
            except AudioError as error:
                raise SpeechError(f"{self.name} spoke nothing that can be read ({said or error})") from error

    def _run(self, arguments: Sequence[str], text: str = "") -> str:
        """What the program writes, once it has ended well."""
        command = [self._path, *arguments]
        try:
            done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise SpeechError(f"{self.name} did not answer within {PATIENCE_S:g} s; see whether it works") from error
        except OSError as error:
            raise SpeechError(f"{self._path} cannot be started: {error.strerror or error}") from error
        if done.returncode:
            reason = " ".join(done.stderr.decode(errors="replace").split())[:200] or "no reason given"
            raise SpeechError(f"{self.name} failed with status {done.returncode}: {reason}")
        return done.stdout.decode(errors="replace")


def open_system_speaker() -> SystemSpeaker:
    """The program that this system speaks with. Raises SpeechError that says how to install one."""
    for program in PROGRAMS[sys.platform == "darwin"]:
        if path := shutil.which(program.name):
            return SystemSpeaker(program, path)
    raise SpeechError(f"this system has no voice of its own: {HOW_TO_INSTALL}")


def _of_its_language(asked: str, voices: Sequence[SpeechVoice], engine: str) -> str:
    """A voice of the language that another engine's voice has; of its country if there is one."""
    named = LANGUAGE.match(asked.lower())
    language, country = (named[1], named[2] or "") if named else ("", "")
    speakers = [voice for voice in voices if language == voice.locale.lower().split("-")[0]]
    if not speakers:
        near = difflib.get_close_matches(asked, [voice.name for voice in voices], n=3)
        meant = f"did you mean {' or '.join(near)}? " if near else ""
        raise OptionError(f"{engine} has no voice {asked!r}; {meant}see 'list-edge-tts-voices --engine system'")
    same_country = [voice for voice in speakers if voice.locale.lower() == language + country]
    found = (same_country or speakers)[0].name
    logger.warning("%s has no voice %s; %s speaks instead", engine, asked, found)
    return found


def _joined(spoken: Sequence[Audio], volume: float) -> Audio:
    """Pieces of one rate, end to end; what gets too loud is limited, not clipped."""
    samples = np.float32(volume) * np.concatenate([part.samples for part in spoken], axis=1)
    if volume > 1:
        limit(samples, spoken[0].rate)
    return Audio(samples, spoken[0].rate)


def _words_per_minute(options: SpeakingOptions) -> int:
    return round(USUAL_WPM * (1 + options.tts_speed_change / 100))


def _espeak_arguments(voice: str, options: SpeakingOptions) -> list[str]:
    speed, pitch = _words_per_minute(options), _espeak_pitch(options.tts_pitch_shift)
    held = int(np.clip(speed, *ESPEAK_WPM))
    if held != speed:
        logger.warning("espeak cannot speak %d words a minute; it speaks %d", speed, held)
    return ["-b", "1", "-v", voice, "-s", str(held), "-p", str(pitch), "--stdin"]


def _espeak_pitch(shift_hz: int) -> int:
    times = 1 + shift_hz / ESPEAK_HZ
    if not ESPEAK_TIMES[0] <= times <= ESPEAK_TIMES[-1]:
        low, high = (ESPEAK_HZ * (each - 1) for each in (ESPEAK_TIMES[0], ESPEAK_TIMES[-1]))
        logger.warning("espeak cannot shift its voice by %d Hz, only from %.0f to %.0f Hz", shift_hz, low, high)
    return round(float(np.interp(times, ESPEAK_TIMES, ESPEAK_PITCH)))


def _espeak_voices(table: str) -> list[SpeechVoice]:
    """Rows of: priority, language, age and gender, name, file. The language is what -v takes."""
    rows = [row.groups() for row in map(ESPEAK_ROW.match, table.splitlines()) if row]
    spoken = [row for row in rows if not row[3].startswith(MBROLA)]
    return [SpeechVoice(language, language, name.replace("_", " ")) for language, _, name, _ in spoken]


def _say_arguments(voice: str, options: SpeakingOptions) -> list[str]:
    if options.tts_pitch_shift:
        logger.warning("say cannot shift its voice; tts_pitch_shift has no effect")
    speed = ["-r", str(_words_per_minute(options))] if options.tts_speed_change else []
    voices = ["-v", voice] if voice else []
    return [*voices, *speed, "--file-format=WAVE", "--data-format=LEI16@22050", "-f", "-"]


def _say_voices(table: str) -> list[SpeechVoice]:
    """Rows of: name, which may hold spaces, language, and behind a # what it says."""
    rows = [row.groups() for row in map(SAY_ROW.match, table.splitlines()) if row]
    return [SpeechVoice(name, locale.replace("_", "-"), sample) for name, locale, sample in rows]


ESPEAK = (("--voices",), _espeak_voices, _espeak_arguments, "-w", "en-us")
# Whether this is macOS → what to look for, the best first.
PROGRAMS = {
    True: (Program("say", ("-v", "?"), _say_voices, _say_arguments, "-o"), Program("espeak-ng", *ESPEAK)),
    False: (Program("espeak-ng", *ESPEAK), Program("espeak", *ESPEAK)),
}
