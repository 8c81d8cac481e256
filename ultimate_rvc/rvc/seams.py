"""The seams of the engine, as protocols. One contract suite runs over every implementation that is installed.

B spans · T samples · L content frames (320 samples at 16 kHz) · F pitch frames (160 samples) · D 768 (v2) or 256 (v1)
"""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE_HZ = 16_000
PITCH_HOP_SAMPLES = 160
CONTENT_HOP_SAMPLES = 320
FRAMES_PER_SECOND = SAMPLE_RATE_HZ // PITCH_HOP_SAMPLES
assert CONTENT_HOP_SAMPLES == 2 * PITCH_HOP_SAMPLES and SAMPLE_RATE_HZ % PITCH_HOP_SAMPLES == 0


class PitchEstimator(Protocol):
    """Finds the melody."""

    def __call__(self, wav: "Tensor") -> "Tensor":
        """wav [T] float32 at 16 kHz → f0 [F] float32 in Hz on wav's device, F = T // 160; finite; 0 is unvoiced."""


class Embedder(Protocol):
    """Hears the words."""

    def __call__(self, wav: "Tensor") -> "Tensor":
        """wav [B, T] at 16 kHz → features [B, L, D], L = (T - 80) // 320; a batch equals its rows alone."""


class Retriever(Protocol):
    """Finds the voice's own sounds; blending by index_rate is outside."""

    def __call__(self, features: "Tensor") -> "Tensor":
        """features [B, L, D] → [B, L, D]; pure; never NaN."""


class Noise(Protocol):
    """All of a synthesizer's randomness. Implementations: see synth/noise.py."""

    def normal(self, like: "Tensor", time_axis: int, steps_per_frame: int) -> "Tensor":
        """Standard normal numbers of like's shape, dtype and device; steps_per_frame of them per pitch frame."""

    def uniform(self, shape: tuple[int, ...], like: "Tensor") -> "Tensor":
        """Numbers in [0, 1) that do not run along time, on like's device and in its dtype."""

    def start_phase(self, like: "Tensor") -> "Tensor":
        """Phase of the fundamental before the first sample, in cycles [B] on like's device; zero unless spans go on."""


class Synthesizer(Protocol):
    """Sings."""

    sample_rate_hz: int
    hop_samples: int

    def __call__(
        self,
        features: "Tensor",
        coarse: "Tensor | None",
        f0: "Tensor | None",
        speaker: "Tensor",
        noise: Noise,
        *,
        kept: slice | None = None,
    ) -> "Tensor":
        """features [B, F, D], coarse [B, F] int64 of 1..255, f0 [B, F] Hz, speaker [B] int64 → wav [B, F·hop_samples].

        Voices without pitch ignore coarse and f0, which may be None. With `kept`, only these frames' samples.
        """
