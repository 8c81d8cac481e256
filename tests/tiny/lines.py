"""The cases of the whole line that were recorded from the class that people use today, and their made-up inputs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tiny.sounds import voice_like

RATE_HZ = 16_000
ENCODER_SEED, NOISE_SEED = 11, 13
# With this seed no eighth and ninth neighbour are as far to the last digit, which rounding would decide.
INDEX_SEED = 15
INDEX_ROWS, INDEX_LISTS = 400, 8


@dataclass(frozen=True)
class LineCase:
    """One recorded run: voice, input and options. A long case has several spans."""

    name: str
    version: str = "v2"
    pitched: bool = True
    vocoder: str = "HiFi-GAN"
    rate_hz: int = 40_000
    indexed: bool = False
    index_rate: float = 0.0
    seconds: float = 1.3
    pitch: int = 0
    volume_envelope: float = 1.0
    protect: float = 0.33
    autotune: bool = False
    autotune_strength: float = 1.0
    proposed_pitch: bool = False
    speaker: int = 0


LINE_CASES = (
    LineCase("v2_nsf"),
    LineCase("v1_nsf_48k_index", version="v1", rate_hz=48_000, indexed=True, index_rate=0.75),
    LineCase("v2_nsf_index_envelope", indexed=True, index_rate=0.5, volume_envelope=0.25, protect=0.2),
    LineCase("v2_mrf_32k", vocoder="MRF HiFi-GAN", rate_hz=32_000),
    LineCase("v2_refine", vocoder="RefineGAN"),
    LineCase("v2_plain_32k", pitched=False, rate_hz=32_000),
    LineCase("v1_plain_index", version="v1", pitched=False, indexed=True, index_rate=1.0),
    LineCase("v2_octave_speaker", pitch=12, speaker=2, protect=0.5),
    LineCase("v2_autotune", autotune=True, autotune_strength=0.7),
    LineCase("v2_proposed", proposed_pitch=True, pitch=-2),
    LineCase("v2_spans_index", indexed=True, index_rate=0.75, seconds=5.3),
    LineCase("v2_plain_spans", pitched=False, seconds=5.3),
)


@dataclass
class LineConfig:
    """What a pipeline reads from its config, with spans so short that a five-second signal is cut."""

    x_pad: int = 1
    x_query: int = 1
    x_center: int = 2
    x_max: int = 3
    device: str = "cpu"


def line_input(case: LineCase) -> np.ndarray:
    """The signal [T] at 16 kHz, float64 as RVC tools hand it over."""
    return voice_like(case.seconds, RATE_HZ, seed=3).astype(np.float64)


def line_f0(frames: int) -> np.ndarray:
    """The melody [F] in Hz that every estimator is replaced with: a slow glide with unvoiced stretches."""
    frame = np.arange(frames)
    f0 = 230.0 * 2.0 ** (0.4 * np.sin(frame / 37.0))
    return np.where(frame % 61 < 50, f0, 0.0).astype(np.float32)


def line_index(case: LineCase, folder: Path) -> str:
    """A FAISS IVF file of random features whose first rows are its centroids, so that no clustering is needed."""
    if not case.indexed:
        return ""
    import faiss

    width = 256 if case.version == "v1" else 768
    rows = np.random.default_rng(INDEX_SEED).standard_normal((INDEX_ROWS, width)).astype(np.float32)
    quantizer = faiss.IndexFlatL2(width)
    quantizer.add(rows[:INDEX_LISTS])
    index = faiss.IndexIVFFlat(quantizer, width, INDEX_LISTS)
    index.is_trained = True
    index.add(rows)
    faiss.write_index(index, str(folder / f"{case.name}.index"))
    return str(folder / f"{case.name}.index")


def keep(wave: np.ndarray) -> dict[str, np.ndarray]:
    """What is stored of a wave [T]: its length, every 61st sample, its loudness, and both ends in full."""
    wave = np.asarray(wave, np.float32)
    return {
        "length": np.array(len(wave)),
        "sparse": wave[::61],
        "first": wave[:400],
        "last": wave[-400:],
        "rms": np.array(np.sqrt(np.mean(wave.astype(np.float64) ** 2))),
    }
