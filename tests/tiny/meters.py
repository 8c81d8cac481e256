"""What a listener would measure: frequency, cents, level, delay."""

import numpy as np


def frequency_hz(wav: np.ndarray, rate: int) -> float:
    """The strongest frequency of a steady sound [N]: the top of the parabola through the spectrum's peak."""
    size = 4 << len(wav).bit_length()
    spectrum = np.log(np.abs(np.fft.rfft(wav * np.hanning(len(wav)), size)) + 1e-30)
    top = int(spectrum[1:-1].argmax()) + 1
    before, peak, after = spectrum[top - 1 : top + 2]
    return (top + 0.5 * (before - after) / (before - 2 * peak + after)) * rate / size


def cents(hz: float, reference_hz: float) -> float:
    """How far hz lies above the reference; 100 are a semitone."""
    return 1_200 * float(np.log2(hz / reference_hz))


def level_db(wav: np.ndarray) -> float:
    """Root mean square in dB of full scale; -300 for silence."""
    return 20 * float(np.log10(np.sqrt(np.mean(np.square(wav, dtype=np.float64))) + 1e-15))


def delay_samples(late: np.ndarray, early: np.ndarray) -> int:
    """By how many samples `late` [M] comes after `early` [N], where they agree best."""
    size = 1 << (len(late) + len(early)).bit_length()
    agreement = np.fft.irfft(np.fft.rfft(late, size) * np.conj(np.fft.rfft(early, size)), size)
    lag = int(agreement.argmax())
    return lag - size if lag > size // 2 else lag


def middle(wav: np.ndarray, rate: int, edge_s: float = 0.25) -> np.ndarray:
    """A sound [..., N] without its first and last edge_s."""
    edge = round(edge_s * rate)
    return wav[..., edge : wav.shape[-1] - edge]


def true_peak_db(samples: np.ndarray) -> float:
    """The top of the wave [C, N] between its samples, eight times oversampled, in dB of full scale."""
    from scipy.signal import resample_poly

    return 20 * float(np.log10(np.abs(resample_poly(samples, 8, 1, axis=-1)).max()))
