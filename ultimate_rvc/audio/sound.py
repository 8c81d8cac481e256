"""Sound in memory: one record that every stage of a cover takes and gives."""

from dataclasses import dataclass

import numpy as np

from ultimate_rvc.errors import AudioError


@dataclass(frozen=True, eq=False)
class Audio:
    """Samples [C, N], float32, full scale ±1, at `rate` Hz. Whoever holds one never writes into it.

    One channel may be given as [N]. Raises AudioError for any other shape and for a rate that is not positive.
    """

    samples: np.ndarray
    rate: int

    def __post_init__(self) -> None:
        samples = np.atleast_2d(np.asarray(self.samples, np.float32))
        if samples.ndim != 2:
            raise AudioError(f"samples have the shape {samples.shape}; expected [channels, samples]")
        if self.rate <= 0:
            raise AudioError(f"the sample rate is {self.rate} Hz; it must be above 0")
        object.__setattr__(self, "samples", samples)

    @property
    def channels(self) -> int:
        """C."""
        return self.samples.shape[0]

    @property
    def length(self) -> int:
        """N, samples per channel."""
        return self.samples.shape[1]

    @property
    def duration_s(self) -> float:
        """N / rate."""
        return self.length / self.rate

    @property
    def peak(self) -> float:
        """The largest magnitude of any sample; 0 for no samples."""
        # Without the copy that abs() of the whole would make.
        return float(max(self.samples.max(initial=0), -self.samples.min(initial=0)))

    def mono(self) -> "Audio":
        """The mean of the channels [1, N]; itself when there is only one."""
        return self if self.channels == 1 else Audio(self.samples.mean(axis=0, keepdims=True), self.rate)


def decibels(amplitude: float) -> float:
    """An amplitude's level in dB, -inf for 0."""
    return 20 * float(np.log10(amplitude)) if amplitude > 0 else -np.inf


def amplitude(level_db: float) -> float:
    """The factor that changes a level by so many dB."""
    return 10 ** (level_db / 20)
