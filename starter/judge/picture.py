"""Takes of one clip side by side: spectrograms up to 8 kHz with the melody drawn over them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from starter.judge.melody import FRAME_MS, track
from ultimate_rvc import pictures
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL_IN, HEIGHT_IN = 4.2, 3.4
WINDOW_SAMPLES, HOP_SAMPLES = 512, 128
RANGE_DB = 70.0
LONGEST_S = 8.0
MELODY_COLOUR = "#00e5ff"
# The melody is drawn on this axis: voices reach no higher, and it would be a flat line on that of the spectrum.
MELODY_TOP_HZ = 800.0


def draw(path: Path, title: str, sounds: Mapping[str, np.ndarray]) -> Path:
    """Writes the picture of sounds [T] at 16 kHz, their first eight seconds. Raises OutputError."""
    from matplotlib.figure import Figure

    pictures.require(path)
    figure = Figure(figsize=(PANEL_IN * len(sounds), HEIGHT_IN), layout="constrained")
    panels = figure.subplots(1, len(sounds), squeeze=False, sharey=True)[0]
    for panel, (name, wav) in zip(panels, sounds.items(), strict=True):
        _panel(panel, name, wav[: round(LONGEST_S * SAMPLE_RATE_HZ)])
    panels[0].set_ylabel("kHz")
    figure.suptitle(title)
    return pictures.write(figure, path)


def _panel(panel: "Axes", name: str, wav: np.ndarray) -> None:
    seconds = len(wav) / SAMPLE_RATE_HZ
    places = {"origin": "lower", "aspect": "auto", "extent": (0, seconds, 0, SAMPLE_RATE_HZ / 2_000)}
    panel.imshow(_spectrogram(wav), cmap="magma", vmin=-RANGE_DB, vmax=0, **places)
    panel.set(title=name, xlabel="seconds")
    f0 = track(wav)
    melody = panel.twinx()
    melody.plot(np.arange(len(f0)) * FRAME_MS / 1_000, np.where(f0 > 0, f0, np.nan), color=MELODY_COLOUR, linewidth=1.2)
    melody.set(ylim=(0, MELODY_TOP_HZ), ylabel="f0, Hz")


def _spectrogram(wav: np.ndarray) -> np.ndarray:
    """dB below the loudest [K, F]."""
    import librosa

    levels = np.abs(librosa.stft(wav, n_fft=WINDOW_SAMPLES, hop_length=HOP_SAMPLES))
    return librosa.amplitude_to_db(levels, ref=np.max, top_db=RANGE_DB)
