"""What each speed-up was expected to gain before it was built, so that a table can hold that against what it gains."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Expectation:
    """The stage of the line that a speed-up is about, '' for the whole, and what was expected there, in words."""

    stage: str
    gain: str


# Measured or worked out beforehand on two AVX-512 cores, on one part in isolation.
EXPECTED = {
    "tiles": Expectation("synthesize", "1.8 × (no fresh pages for each activation)"),
    "channels-last": Expectation("synthesize", "1.3 × with tiles"),
    "fast-convolution": Expectation("synthesize", "1.7 × with channels-last and tiles"),
    "halo": Expectation("synthesize", "1.2 × at 10 s, 1.05 × in spans of 38 s"),
    "silence": Expectation("", "1.5 × where 35 % is silent"),
    "encoder": Expectation("embed", "2 × (its arithmetic at the peak would be 3.4 ×)"),
    "pitch": Expectation("pitch", "2 ×"),
}
UNKNOWN = Expectation("", "nothing said beforehand")


def expectation(speedup: str) -> Expectation:
    """Of one of SPEEDUPS."""
    return EXPECTED.get(speedup, UNKNOWN)
