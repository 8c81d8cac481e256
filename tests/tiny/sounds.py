"""Sounds whose answer is known (tones, chirps, a synthetic singer) and the odd files that people hand in.

Signals are float32 [N] arrays, N = round(seconds · rate); files are written into a folder and their path is returned.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

# A singer's vibrato: about half a semitone to each side, between five and six times a second.
VIBRATO_HZ = 5.5
VIBRATO_CENTS = 40.0
# Formants of an open vowel: centre and bandwidth.
FORMANTS_HZ = ((700.0, 130.0), (1_220.0, 170.0), (2_600.0, 250.0), (3_500.0, 350.0))
BREATH_DB = -46.0
# Above this only breath is left.
VOICE_BAND_HZ = 8_000.0
PHRASE_S, REST_S = 2.0, 0.25


def seconds_axis(seconds: float, rate: int) -> np.ndarray:
    """Time of every sample in seconds, float64 [N]."""
    return np.arange(round(seconds * rate)) / rate


def silence(seconds: float, rate: int) -> np.ndarray:
    """Zeros [N]."""
    return np.zeros(round(seconds * rate), np.float32)


def tone(hz: float, seconds: float, rate: int, *, peak: float = 0.5) -> np.ndarray:
    """A sine [N] that starts at phase 0."""
    return (peak * np.sin(2 * np.pi * hz * seconds_axis(seconds, rate))).astype(np.float32)


def chirp(low_hz: float, high_hz: float, seconds: float, rate: int, *, peak: float = 0.5) -> np.ndarray:
    """A sine [N] that rises evenly in octaves, from low_hz at the start to high_hz at the end."""
    octaves = np.log2(high_hz / low_hz) * seconds_axis(seconds, rate) / seconds
    return _sing(low_hz * 2**octaves, rate, peak)


def white_noise(seconds: float, rate: int, seed: int = 0, *, peak: float = 0.1) -> np.ndarray:
    """Even noise [N] between -peak and peak."""
    return np.random.default_rng(seed).uniform(-peak, peak, round(seconds * rate)).astype(np.float32)


def voice_f0(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """The melody of `voice_like` [N] in Hz: a note of its own per seed, with vibrato."""
    note_hz = 220.0 * 2 ** (np.random.default_rng(seed).integers(-5, 6) / 12)
    vibrato = np.sin(2 * np.pi * VIBRATO_HZ * seconds_axis(seconds, rate))
    return note_hz * 2 ** (VIBRATO_CENTS * vibrato / 1_200)


def voice_like(seconds: float, rate: int, seed: int = 0, *, peak: float = 0.5) -> np.ndarray:
    """A vowel sung in phrases [N]: glottal harmonics through formants, vibrato, some breath, rests between phrases."""
    f0 = voice_f0(seconds, rate, seed)
    band_hz = min(VOICE_BAND_HZ, 0.5 * rate)
    glottis = sum(_harmonic(f0, k, rate) for k in range(1, int(band_hz / f0.min()) + 1))
    breath = np.random.default_rng(seed).normal(0, 10 ** (BREATH_DB / 20), len(f0)) * np.abs(glottis).max()
    wav = (glottis + breath) * _phrases(seconds, rate)
    return (peak * wav / np.abs(wav).max()).astype(np.float32)


def write(path: Path, samples: np.ndarray, rate: int, subtype: str | None = None) -> Path:
    """Writes [N] or [C, N] in the format of path's suffix."""
    soundfile.write(path, np.asarray(samples).T, rate, subtype=subtype)
    return path


def text_as_wav(folder: Path) -> Path:
    """A shopping list that calls itself a wav."""
    path = folder / "text.wav"
    path.write_text("two lemons, butter, a pound of flour\n" * 40)
    return path


def zero_bytes(folder: Path) -> Path:
    """A file without content."""
    path = folder / "zero_bytes.wav"
    path.touch()
    return path


def zero_samples(folder: Path) -> Path:
    """A valid wav of no length."""
    return write(folder / "zero_samples.wav", silence(0, 44_100), 44_100)


def fifty_ms(folder: Path) -> Path:
    """A tone that is too short to be sung."""
    return write(folder / "fifty_ms.wav", tone(440, 0.05, 44_100), 44_100)


def silent(folder: Path) -> Path:
    """Three seconds of digital silence."""
    return write(folder / "silent.wav", silence(3, 44_100), 44_100)


def with_nan(folder: Path) -> Path:
    """A float wav of one second; three samples from 0.25 s on are not numbers."""
    samples = tone(440, 1, 44_100)
    samples[11_025:11_028] = np.nan, np.inf, -np.inf
    return write(folder / "with_nan.wav", samples, 44_100, "FLOAT")


def five_channels(folder: Path) -> Path:
    """A tone in each of five channels."""
    return write(folder / "five_channels.wav", np.stack([tone(110 * k, 1, 44_100) for k in range(1, 6)]), 44_100)


def eight_khz(folder: Path) -> Path:
    """Two seconds of voice at the rate of a telephone."""
    return write(folder / "eight_khz.wav", voice_like(2, 8_000), 8_000)


def studio_192_khz(folder: Path) -> Path:
    """One second of voice at the highest rate that studios use."""
    return write(folder / "studio_192_khz.wav", voice_like(1, 192_000), 192_000)


# Every file here must end in one clear line and a non-zero exit.
UNUSABLE: dict[str, Callable[[Path], Path]] = {
    make.__name__: make for make in (text_as_wav, zero_bytes, zero_samples, fifty_ms, silent, with_nan, five_channels)
}
# Every file here is unusual, and works.
UNUSUAL: dict[str, Callable[[Path], Path]] = {make.__name__: make for make in (eight_khz, studio_192_khz)}


def _sing(f0: np.ndarray, rate: int, peak: float) -> np.ndarray:
    phase = 2 * np.pi * np.cumsum(f0) / rate
    return (peak * np.sin(phase - phase[0])).astype(np.float32)


def _harmonic(f0: np.ndarray, k: int, rate: int) -> np.ndarray:
    """The k-th overtone of a pulse train that falls 12 dB per octave, weighed by the formants, none above Nyquist."""
    hz = k * f0
    formants = sum(1 / (1 + ((hz - centre) / (0.5 * width)) ** 2) for centre, width in FORMANTS_HZ)
    audible = np.clip((0.5 * rate - hz) / 100, 0, 1)
    return _sing(hz, rate, 1.0) * (0.05 + formants) * audible / k


def _phrases(seconds: float, rate: int) -> np.ndarray:
    """Loudness [N] from 0 to 1: phrases that fade in and out within 50 ms; the last REST_S of each is silent."""
    at = seconds_axis(seconds, rate) % PHRASE_S
    return np.clip(np.minimum(at, PHRASE_S - REST_S - at) / 0.05, 0, 1)
