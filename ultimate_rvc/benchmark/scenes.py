"""What is converted: a recording laid end to end to any length, with or without the silences of a vocal stem."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ultimate_rvc.audio.file import check_convertible, load
from ultimate_rvc.audio.resample import resample
from ultimate_rvc.errors import InputError

RATE_HZ = 16_000
PEAK = 0.95
# How much of a song's vocal stem is silence: the rests between phrases, the interludes.
SILENT_SHARE = 0.35
# What a separator or a 16-bit file leaves in a silence: half a step of such a file.
RESIDUE = 0.5 / 32_768
QUIET_DB, FRAME_SAMPLES = -45.0, 160
FADE_SAMPLES = 320
EXAMPLE = "vocadito_10.wav"
VOICE, STEM = "voice", "stem"
ABOUT = {VOICE: "voice without a pause", STEM: f"phrases with rests between them, {SILENT_SHARE:.0%} silence"}


@dataclass(frozen=True)
class Scene:
    """A kind of signal and its length."""

    kind: str
    seconds: float

    @property
    def name(self) -> str:
        """For people and for files: 'voice 10 s'."""
        return f"{self.kind} {self.seconds:g} s"


def example_recording() -> Path:
    """The recording that comes with the package, from the tree or from the installed copy. Raises InputError."""
    package = Path(__file__).parents[1]
    places = [folder / "examples" / EXAMPLE for folder in (package.parent, package)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise InputError(f"{places[0]} is missing; give a recording of a voice with --source")
    return found


def phrase_of(path: Path) -> np.ndarray:
    """The recording [T] at 16 kHz, mono, without the quiet at its ends, its peak at most 0.95. Raises AudioError."""
    audio = load(path)
    check_convertible(audio, str(path))
    wav = resample(audio.mono(), RATE_HZ).samples[0]
    loud = np.flatnonzero(_levels_db(wav) > QUIET_DB)
    first, last = (loud[0], loud[-1] + 1) if len(loud) else (0, len(wav) // FRAME_SAMPLES + 1)
    wav = wav[first * FRAME_SAMPLES : last * FRAME_SAMPLES]
    return (wav * min(1.0, PEAK / np.abs(wav).max())).astype(np.float32)


def _levels_db(wav: np.ndarray) -> np.ndarray:
    """wav [T] → rms in dB of full scale of frames of 10 ms [T // 160]."""
    frames = wav[: len(wav) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return 10 * np.log10(np.square(frames, dtype=np.float64).mean(1) + 1e-20)


def render(scene: Scene, phrase: np.ndarray) -> np.ndarray:
    """The scene [T] at 16 kHz made of a phrase; the last phrase is cut where the time is over."""
    length = round(scene.seconds * RATE_HZ)
    phrase = phrase[: round(length * (1 - SILENT_SHARE))] if scene.kind == STEM else phrase
    verse = np.concatenate([_faded(phrase), _rest(len(phrase))]) if scene.kind == STEM else _faded(phrase)
    return np.resize(verse, length)


def _faded(phrase: np.ndarray) -> np.ndarray:
    """The phrase with soft ends, so that laying it end to end makes no clicks."""
    fade = min(FADE_SAMPLES, len(phrase) // 2)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    return phrase * np.concatenate([ramp, np.ones(len(phrase) - 2 * fade, np.float32), ramp[::-1]])


def _rest(phrase_samples: int) -> np.ndarray:
    """A silence as it is in stems, in proportion to its phrase."""
    samples = round(phrase_samples * SILENT_SHARE / (1 - SILENT_SHARE))
    return np.random.default_rng(0).uniform(-RESIDUE, RESIDUE, samples).astype(np.float32)
