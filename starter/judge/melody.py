"""Whether the melody is followed: two tracks of one tracker, frame by frame, in cents.

The tracker is WORLD's (Morise 2016: Harvest, StoneMask, D4C's LoveTrain for voicing), which no conversion uses.
Gross error: the share of voiced frames more than 20 % off, as in Drugman & Alwan 2011.
In noise and at the edges of words the tracker errs in the source itself; a second one tells where (`agreed`).
"""

from dataclasses import dataclass

import numpy as np

from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ

FRAME_MS = 5.0
FLOOR_HZ, CEILING_HZ = 60.0, 1_100.0
# LoveTrain's share of energy below 4 kHz (Morise, D4C); the value of WORLD's own example.
VOICED_SHARE = 0.85
# WORLD's synthesis needs spectra of at least this pitch; below it a window would be longer than the spectrum.
SPECTRUM_FLOOR_HZ = 71.0
GROSS_SHARE = 0.2
PYIN_SAMPLES = 1_024
FAR_CENTS = 50.0


@dataclass(frozen=True)
class Following:
    """How one melody follows another, on frames where both are voiced; NaN where there are none.

    `gross` and `far` are shares of those frames (more than 20 % off, more than 50 cents off); `voicing` is the share
    of all frames that one calls voiced and the other does not.
    """

    median_cents: float
    gross: float
    far: float
    voicing: float
    frames: int


def track(wav: np.ndarray) -> np.ndarray:
    """wav [T] at 16 kHz → f0 [F] in Hz every 5 ms, 0 where unvoiced; F = T // 80 + 1."""
    import pyworld

    samples = wav.astype(np.float64)
    f0, at = pyworld.harvest(samples, SAMPLE_RATE_HZ, FLOOR_HZ, CEILING_HZ, FRAME_MS)
    f0 = pyworld.stonemask(samples, f0, at, SAMPLE_RATE_HZ)
    noise = pyworld.d4c(samples, f0, at, SAMPLE_RATE_HZ, threshold=VOICED_SHARE)
    return np.where(noise[:, 0] > 0.999, 0.0, f0)  # LoveTrain marks a frame without a voice by ones


def agreed(wav: np.ndarray, f0: np.ndarray) -> np.ndarray:
    """f0 [F] of wav [T] at 16 kHz, 0 where pYIN (Mauch & Dixon 2014, librosa's) hears no voice or a pitch 20 % off."""
    import librosa

    hop = round(2 * FRAME_MS * SAMPLE_RATE_HZ / 1_000)
    hz, is_voiced, _ = librosa.pyin(
        wav, fmin=FLOOR_HZ, fmax=CEILING_HZ, sr=SAMPLE_RATE_HZ, frame_length=PYIN_SAMPLES, hop_length=hop
    )
    second = np.where(is_voiced, np.nan_to_num(hz), 0.0)[np.minimum(np.arange(len(f0)) // 2, len(hz) - 1)]
    return np.where(np.abs(second - f0) <= GROSS_SHARE * f0, f0, 0.0)


def every_frame(curve: np.ndarray, frames: int) -> np.ndarray:
    """A curve of rows (seconds, Hz) → f0 [frames] every 5 ms, the nearest row's; 0 outside."""
    at = np.arange(frames) * FRAME_MS / 1_000
    nearest = np.abs(np.searchsorted((curve[1:, 0] + curve[:-1, 0]) / 2, at))
    return np.where(at <= curve[-1, 0] + FRAME_MS / 1_000, curve[nearest, 1], 0.0)


def follow(found: np.ndarray, true: np.ndarray, semitones: float = 0.0) -> Following:
    """found, true [F] Hz (the shorter counts), where `found` is meant to lie so many semitones above `true`."""
    frames = min(len(found), len(true))
    found, true = found[:frames], true[:frames] * 2 ** (semitones / 12)
    both = (found > 0) & (true > 0)
    voicing = float(np.mean((found > 0) != (true > 0))) if frames else np.nan
    if not both.any():
        return Following(np.nan, np.nan, np.nan, voicing, 0)
    ratio = found[both] / true[both]
    cents = np.abs(1_200 * np.log2(ratio))
    gross = float(np.mean(np.abs(ratio - 1) > GROSS_SHARE))
    return Following(float(np.median(cents)), gross, float(np.mean(cents > FAR_CENTS)), voicing, int(both.sum()))


def median_hz(f0: np.ndarray) -> float:
    """The middle of the voiced frames; NaN where there are none."""
    return float(np.median(f0[f0 > 0])) if (f0 > 0).any() else np.nan


def nearest_octave(own_hz: float, wanted_hz: float) -> int:
    """Semitones, in whole octaves, that bring own_hz nearest to wanted_hz; 0 where either is unknown."""
    octaves = np.log2(wanted_hz / own_hz)
    return 12 * round(octaves) if np.isfinite(octaves) else 0


def resynthesised(wav: np.ndarray, semitones: float = 0.0, stretch: float = 1.0) -> np.ndarray:
    """wav [T] at 16 kHz, taken apart and put together again by WORLD → [T].

    Sung so many semitones higher, with formants `stretch` times as high.
    """
    import pyworld

    samples = wav.astype(np.float64)
    f0, at = pyworld.harvest(samples, SAMPLE_RATE_HZ, SPECTRUM_FLOOR_HZ, CEILING_HZ, FRAME_MS)
    f0 = pyworld.stonemask(samples, f0, at, SAMPLE_RATE_HZ)
    spectrum = pyworld.cheaptrick(samples, f0, at, SAMPLE_RATE_HZ)
    noise = pyworld.d4c(samples, f0, at, SAMPLE_RATE_HZ, threshold=VOICED_SHARE)
    if stretch != 1:
        spectrum = _stretched(spectrum, stretch)
    sung = pyworld.synthesize(f0 * 2 ** (semitones / 12), spectrum, noise, SAMPLE_RATE_HZ, FRAME_MS)
    return np.pad(sung, (0, max(0, len(wav) - len(sung))))[: len(wav)].astype(np.float32)


def _stretched(spectrum: np.ndarray, stretch: float) -> np.ndarray:
    bins = np.arange(spectrum.shape[1])
    return np.exp(np.stack([np.interp(bins / stretch, bins, row) for row in np.log(spectrum)]))
