"""A de-esser: the high band of the voice is turned down while it outweighs the rest, as it does in an s and a sh.

The band is split off by a linear-phase high-pass, and what is too much of it is subtracted, so that everything else
keeps its very samples. It is the band's share of the voice that counts, never its level: a quiet s is as sharp as a
loud one. Designed after the split-band de-essers of mixing desks; filters by scipy.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from ultimate_rvc.audio.sound import Audio, amplitude

# The filter is through at 5 kHz and lets 60 dB less pass below 4 kHz, where vowels live.
CUTOFF_HZ, TRANSITION_HZ, STOP_DB = 4_500.0, 1_000.0, 60.0
# Long enough for the loudness of noise to be steady, shorter than any s.
WINDOW_S = 0.010
# The band's share of the whole: in vowels it lies 15 dB and more below, in an s it is nearly all.
VOWEL_DB, SIBILANT_DB = -10.0, -3.0
# Below this there is only the room's hiss.
QUIET_DB = -60.0
BLOCK_S = 4


def deessed(voice: Audio, depth_db: float) -> Audio:
    """The voice [C, N] with its sibilants, about 5 kHz and above, up to depth_db quieter; itself for 0."""
    # A slow file has no band to turn down.
    if depth_db == 0 or voice.rate < 2 * (CUTOFF_HZ + TRANSITION_HZ):
        return voice
    out = np.empty_like(voice.samples)
    reduce = partial(_deessed, rate=voice.rate, depth_db=depth_db)
    for kept, block, inner in _blocks(voice):
        out[:, kept] = reduce(block)[:, inner]
    return Audio(out, voice.rate)


def _blocks(voice: Audio) -> Iterator[tuple[slice, np.ndarray, slice]]:
    """Which samples come next, those with all that reaches into them [C, n], and where in the latter they lie."""
    reach = len(_highpass(voice.rate)) + 2 * len(_window(voice.rate))
    for start in range(0, voice.length, BLOCK_S * voice.rate):
        end, first = min(start + BLOCK_S * voice.rate, voice.length), max(0, start - reach)
        yield slice(start, end), voice.samples[:, first : end + reach], slice(start - first, end - first)


def _deessed(wav: np.ndarray, rate: int, depth_db: float) -> np.ndarray:
    """wav [C, n] → [C, n]; both sides are turned down together, so that nothing moves between them."""
    from scipy.signal import oaconvolve

    # The filter may be longer than the sound, and "same" keeps the length of the longer.
    taps = _highpass(rate)
    band = oaconvolve(wav, taps[None], axes=1)[:, len(taps) // 2 :][:, : wav.shape[1]]  # [C, n]
    gain = amplitude(-depth_db * _sibilance(band, wav, _window(rate)))  # [n]
    return wav - (1 - gain) * band


def _sibilance(band: np.ndarray, wav: np.ndarray, window: np.ndarray) -> np.ndarray:
    """How much of an s sounds at each moment [n], from 0 to 1."""
    band_db, whole_db = _level_db(band, window), _level_db(wav, window)
    share = np.clip((band_db - whole_db - VOWEL_DB) / (SIBILANT_DB - VOWEL_DB), 0, 1)
    return _smoothed(np.where(band_db < QUIET_DB, 0, share), window)


def _level_db(wav: np.ndarray, window: np.ndarray) -> np.ndarray:
    """[C, n] → loudness over the window [n] in dB of full scale."""
    power = _smoothed(np.square(wav).mean(axis=0), window)
    return 10 * np.log10(np.maximum(power, np.float32(1e-12)))


def _smoothed(wav: np.ndarray, window: np.ndarray) -> np.ndarray:
    from scipy.signal import oaconvolve

    return oaconvolve(wav, window)[len(window) // 2 :][: len(wav)]


def _window(rate: int) -> np.ndarray:
    """A bell of WINDOW_S, odd in length, whose sum is 1: float32 [W]."""
    bell = np.hanning(2 * round(0.5 * WINDOW_S * rate) + 3)[1:-1]
    return (bell / bell.sum()).astype(np.float32)


def _highpass(rate: int) -> np.ndarray:
    """Linear phase, odd in length: float32 [L]."""
    from scipy.signal import firwin, kaiserord

    length, beta = kaiserord(STOP_DB, TRANSITION_HZ / (0.5 * rate))
    return firwin(length | 1, CUTOFF_HZ, window=("kaiser", beta), pass_zero=False, fs=rate).astype(np.float32)
