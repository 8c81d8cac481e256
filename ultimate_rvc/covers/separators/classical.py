"""Vocals without any model: what is sustained, above the kick drum and, in stereo, in the middle.

Median filtering tells sustained sound from strokes: along time it keeps what lasts, along frequency what is short
(Fitzgerald, "Harmonic/percussive separation using median filtering", DAFx 2010; librosa's `decompose.hpss`). What the
two sides of a stereo mix share is most likely the singer, who stands in the middle (Avendano, "Frequency-domain source
identification and manipulation in stereo mixes", WASPAA 2003). Everything is a mask between 0 and 1 on the mix; the
instrumentals are what the vocals leave.

The window is as short as it is because vibrato must look sustained; the numbers were chosen by measurement, see
docs/separation.md.
"""

from collections.abc import Iterator
from importlib.metadata import version

import numpy as np

from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.covers.stems import StemName
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.rvc.blocks import blocks

STAGE = "separate vocals"
# At 44.1 kHz 2048 samples; other rates get the power of two nearest to as many milliseconds.
WINDOW_S = 2048 / 44_100
HOPS_PER_WINDOW = 4
# Frames along time and bins along frequency: 0.2 s, and 370 Hz.
MEDIAN_FRAMES = 17
# Below lies the kick drum and the bass, above begins the lowest voice that is worth a cover.
LOWEST_VOICE_HZ = 110.0
HIGH_PASS_ORDER = 12
# How much louder the middle must be than four times the difference of the sides to be let through by half.
SIDE_WEIGHT = 4.0
BLOCK_FRAMES = 1_024
# The median hears half its length to each side, a frame its window: beyond that, blocks know nothing of each other.
CONTEXT_FRAMES = MEDIAN_FRAMES // 2 + 2 * HOPS_PER_WINDOW
TINY = float(np.finfo(np.float32).tiny)
VERSION = 1


class Classical:
    """Harmonic part, high-pass and centre, in blocks: memory does not grow with the song but for its stems."""

    name = "classical (no model)"
    gives = (StemName.VOCALS, StemName.INSTRUMENTALS)

    def fingerprint(self, on_progress: OnProgress = silent) -> str:
        """The version of the method and of the library that filters."""
        return f"classical {VERSION}, librosa {version('librosa')}"

    def separate(self, audio: Audio, on_progress: OnProgress = silent) -> dict[StemName, Audio]:
        """Vocals and instrumentals, which add up to the audio."""
        vocals = np.zeros_like(audio.samples)
        on_progress(Progress(STAGE, 0, audio.length))
        for start, piece in _vocals(audio):
            vocals[:, start : start + piece.shape[1]] = piece
            on_progress(Progress(STAGE, start + piece.shape[1], audio.length))
        return {
            StemName.VOCALS: Audio(vocals, audio.rate),
            StemName.INSTRUMENTALS: Audio(audio.samples - vocals, audio.rate),
        }


def _vocals(audio: Audio) -> Iterator[tuple[int, np.ndarray]]:
    """Pieces [C, n] of the vocals, each with its first sample; the same whatever the blocks' length."""
    window = _window_samples(audio.rate)
    hop = window // HOPS_PER_WINDOW
    weights = _high_pass(window, audio.rate)
    frames = -(-audio.length // hop)
    for block in blocks(frames, BLOCK_FRAMES, CONTEXT_FRAMES):
        heard = audio.samples[:, block.first * hop : block.last * hop]
        kept = slice(block.kept.start * hop, min(block.kept.stop * hop, heard.shape[1]))
        yield block.first * hop + kept.start, _filtered(heard, window, weights)[:, kept]


def _filtered(samples: np.ndarray, window: int, weights: np.ndarray) -> np.ndarray:
    """[C, n] → [C, n]: the share of the samples that the mask takes for a voice."""
    import librosa

    hop = window // HOPS_PER_WINDOW
    # Zeros at the end, so that even the shortest piece fills a window.
    padded = np.pad(samples, ((0, 0), (0, max(0, window - samples.shape[1]))))
    spectra = librosa.stft(padded, n_fft=window, hop_length=hop)  # [C, K, F]
    centre = _centre(spectra) * weights[:, None]
    masked = np.stack([one * _sustained(one) * centre for one in spectra])
    return librosa.istft(masked, n_fft=window, hop_length=hop, length=padded.shape[1])[:, : samples.shape[1]]


def _sustained(spectrum: np.ndarray) -> np.ndarray:
    """The share [K, F] of each bin that lasts rather than strikes."""
    import librosa

    return librosa.decompose.hpss(np.abs(spectrum), kernel_size=MEDIAN_FRAMES, mask=True)[0]


def _centre(spectra: np.ndarray) -> np.ndarray:
    """The share [K, F] of each bin that both sides have in common; all of it where there is one side only."""
    if len(spectra) == 1:
        return np.ones_like(spectra[0], np.float32)
    middle = np.abs(spectra[0] + spectra[1]) ** 2
    side = (SIDE_WEIGHT * np.abs(spectra[0] - spectra[1])) ** 2
    return middle / np.maximum(middle + side, TINY)


def _high_pass(window: int, rate: int) -> np.ndarray:
    """A weight [K] per bin: a half at LOWEST_VOICE_HZ, next to nothing an octave below."""
    hz = np.fft.rfftfreq(window, 1 / rate)
    return (1 / (1 + (LOWEST_VOICE_HZ / np.maximum(hz, 1.0)) ** HIGH_PASS_ORDER)).astype(np.float32)


def _window_samples(rate: int) -> int:
    return 2 ** max(6, round(np.log2(WINDOW_S * rate)))
