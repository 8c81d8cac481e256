"""What is done to a melody after it was found: shifted, quantised, snapped to notes, chosen among several.

f0 [F] in Hz, 0 = unvoiced, on any device; every function stays on that device, waits for nothing, and leaves its
arguments alone. Unvoiced frames stay unvoiced.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ultimate_rvc.rvc.pitch.curve import read_curve

__all__ = ["autotune", "median_of", "proposed_shift", "quantise", "read_curve", "shift", "upstream_autotune"]

LOWEST_HZ, HIGHEST_HZ = 50.0, 1100.0
COARSE_STEPS = 255
CONCERT_PITCH_HZ = 440.0
SEMITONES = 12
LONGEST_SHIFT_SEMITONES = 12
# RVC tools snap to a table of notes from G1 to C6 that is rounded to cents of a hertz.
TABLE_HZ = tuple(round(CONCERT_PITCH_HZ * 2 ** ((note - 69) / SEMITONES), 2) for note in range(31, 85))


def shift(f0: Tensor, semitones: float | Tensor) -> Tensor:
    """f0 [F] moved by semitones, a number or a 0-dim tensor."""
    return f0 * 2 ** (semitones / SEMITONES)


def quantise(f0: Tensor) -> Tensor:
    """f0 [F] → steps [F] int64 of 1..255, even in mel from 50 to 1100 Hz; unvoiced and lower is 1, higher is 255."""
    low, high = (_mel(hz) for hz in (LOWEST_HZ, HIGHEST_HZ))
    mel = 1127 * torch.log1p(f0 / 700)
    return ((mel - low) * ((COARSE_STEPS - 1) / (high - low)) + 1).clamp(1, COARSE_STEPS).round().long()


def _mel(hz: float) -> float:
    return 1127 * math.log1p(hz / 700)


def median_of(contours: Sequence[Tensor]) -> Tensor:
    """The median of several estimates [F] each → f0 [F].

    A frame is voiced when at least half of them say so, and the median is taken of those. Where two are in the middle
    it is their mean, but the lower one when they are more than a semitone apart: never a note that nobody heard.
    """
    stacked = torch.stack(list(contours))  # [E, F]
    voices = (stacked > 0).sum(0)  # [F]
    ranked = torch.where(stacked > 0, stacked, torch.inf).sort(0).values
    middles = torch.stack(((voices - 1).clamp(min=0) // 2, voices // 2))  # [2, F]
    low, high = ranked.gather(0, middles)
    near = high <= low * 2 ** (1 / SEMITONES)
    return torch.where(2 * voices >= len(stacked), torch.where(near, (low + high) / 2, low), 0.0)


def autotune(f0: Tensor, strength: float) -> Tensor:
    """f0 [F] pulled towards the nearest note of the equal-tempered scale (A4 = 440 Hz), by a strength of 0 to 1."""
    voiced = f0 > 0
    notes = SEMITONES * (torch.where(voiced, f0, CONCERT_PITCH_HZ) / CONCERT_PITCH_HZ).log2()
    return torch.where(voiced, shift(f0, (notes.round() - notes) * strength), 0.0)


def upstream_autotune(f0: Tensor, strength: float) -> Tensor:
    """f0 [F] pulled as RVC tools do: towards the nearest in Hz of a table of notes, unvoiced frames towards G1 too."""
    table = torch.tensor(TABLE_HZ, device=f0.device)
    nearest = (f0[:, None] > (table[1:] + table[:-1]) / 2).sum(1)  # [F]; half-way is the lower note
    return f0 + (table[nearest] - f0) * strength


def proposed_shift(f0: Tensor, target_hz: float) -> Tensor:
    """Whole semitones, 0-dim, that bring the melody's median near target_hz; at most an octave, 0 without a melody.

    The median is of f0 [F] with gaps bridged by straight lines, as RVC tools take it.
    """
    bridged = _bridged(f0).sort().values
    length = f0.shape[0]
    if not length:
        return f0.new_zeros(())
    median = (bridged[(length - 1) // 2] + bridged[length // 2]) / 2
    heard = (f0 > 0).sum() >= 2
    semitones = (SEMITONES * (target_hz / torch.where(heard, median, target_hz)).log2()).round()
    return semitones.clamp(-LONGEST_SHIFT_SEMITONES, LONGEST_SHIFT_SEMITONES)


def _bridged(f0: Tensor) -> Tensor:
    """f0 [F] with straight lines over its gaps, and level before its first and after its last voiced frame."""
    length = f0.shape[0]
    frames = torch.arange(length, device=f0.device)
    voiced = f0 > 0
    rank = voiced.cumsum(0)  # [F], voiced frames so far
    # Where the n-th voiced frame lies; unvoiced ones are written to a slot behind, which nothing reads.
    where = frames.new_zeros(length + 2).scatter(0, torch.where(voiced, rank, length + 1), frames)
    total = rank[-1:] if length else rank
    before = where[rank.clamp(min=1).minimum(total)]
    after = where[torch.where(voiced, rank, rank + 1).minimum(total)]
    part = (frames - before) / (after - before).clamp(min=1)
    return f0[before] + (f0[after] - f0[before]) * part.clamp(0, 1)
