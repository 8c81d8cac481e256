"""Gaps between phrases, in which a separator leaves a residue of the instruments that a voice would turn into sizzle.

A gap is where the vocals are far quieter than they are when they are sung, and for long: breaths and consonants are
neither. It becomes digital silence, which the engine does not convert and keeps silent.
"""

import numpy as np

from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND, PITCH_HOP_SAMPLES

# Loudness is looked at over 50 ms, every 10 ms.
WINDOW_FRAMES = 5
# What is sung loudly: passed by one frame in twenty of those that are not silent already.
LOUD_PERCENTILE = 95
SILENT_RMS = 1e-4
SHORTEST_FRAMES = 3 * FRAMES_PER_SECOND // 10
# What a voice needs to ring out, and to begin.
TAIL_FRAMES, ONSET_FRAMES = 12, 6
assert TAIL_FRAMES + ONSET_FRAMES < SHORTEST_FRAMES
FADE_FRAMES = 2


def silenced(wav: np.ndarray, below_db: float) -> np.ndarray:
    """wav [T] at 16 kHz → [T] with zeros in its gaps: 0.3 s or more at below_db (negative) or less of the loud parts.

    A copy where there are gaps, else the array itself.
    """
    quiet = quiet_frames(wav, below_db)
    if not quiet.any():
        return wav
    gain, out = _faded(~quiet), wav.copy()
    for frames, gains in zip(_in_frames(out), _split(gain, len(wav)), strict=True):
        frames *= gains[:, None]
    return out


def quiet_frames(wav: np.ndarray, below_db: float) -> np.ndarray:
    """Which frames of 10 ms [F] lie in a gap; the last frame may be short."""
    rms = _loudness(wav)
    heard = rms[rms > SILENT_RMS]
    threshold = np.percentile(heard, LOUD_PERCENTILE) * 10 ** (below_db / 20) if len(heard) else np.inf
    return _shrunk(rms < threshold)


def _loudness(wav: np.ndarray) -> np.ndarray:
    """RMS [F] around each frame."""
    # Added up in float64 without a copy of the signal in it.
    sums = [np.einsum("fs,fs->f", frames, frames, dtype=np.float64) for frames in _in_frames(wav)]
    energy = np.concatenate(sums) / PITCH_HOP_SAMPLES
    if not len(energy):
        return energy
    around = np.convolve(np.pad(energy, WINDOW_FRAMES // 2, mode="edge"), np.ones(WINDOW_FRAMES), mode="valid")
    return np.sqrt(np.maximum(around, 0) / WINDOW_FRAMES)


def _in_frames(wav: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Views of wav [T]: its whole frames [F, 160], and what is left at the end as one short one [1, rest] or none."""
    whole = len(wav) // PITCH_HOP_SAMPLES
    rest = wav[whole * PITCH_HOP_SAMPLES :]
    frames = wav[: whole * PITCH_HOP_SAMPLES].reshape(whole, PITCH_HOP_SAMPLES)
    return frames, rest.reshape(min(1, len(rest)), len(rest))


def _split(frames: np.ndarray, samples: int) -> list[np.ndarray]:
    """Values of frames [F] as `_in_frames` has them."""
    return np.split(frames, [samples // PITCH_HOP_SAMPLES])


def _shrunk(quiet: np.ndarray) -> np.ndarray:
    """Runs of quiet frames [F] that last, without their margins; at the ends of the track there is nothing to keep."""
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    gaps = np.zeros_like(quiet)
    for first, last in edges:
        if last - first >= SHORTEST_FRAMES:
            gaps[first + TAIL_FRAMES * (first > 0) : last - ONSET_FRAMES * (last < len(quiet))] = True
    return gaps


def _faded(open_frames: np.ndarray) -> np.ndarray:
    """Gain [F] that is 1 where a frame is open and falls to 0 over the frames beside it, outside of it."""
    gain = open_frames.astype(np.float32)
    for step in range(1, FADE_FRAMES + 1):
        level = np.float32(1 - step / (FADE_FRAMES + 1))
        for beside, frames in ((gain[step:], open_frames[:-step]), (gain[:-step], open_frames[step:])):
            beside[frames & (beside < level)] = level
    return gain
