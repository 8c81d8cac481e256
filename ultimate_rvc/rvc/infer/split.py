"""Where a track sounds: the parts between its silences."""

import numpy as np

from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ

# Ultimate RVC's numbers: 60 dB below the peak, over windows of 250 ms.
SILENCE_DB = 60
WINDOW_SAMPLES = SAMPLE_RATE_HZ // 4


def sounding_parts(wav: np.ndarray) -> list[tuple[int, int]]:
    """wav [T] at 16 kHz → (first, last) samples of each part that sounds; none in silence."""
    import librosa

    parts = librosa.effects.split(wav, top_db=SILENCE_DB, frame_length=WINDOW_SAMPLES, hop_length=WINDOW_SAMPLES // 2)
    return [(int(first), int(last)) for first, last in parts if wav[first:last].any()]
