"""The voices that were recorded from another project: each version, with and without pitch, each vocoder, each rate."""

from dataclasses import dataclass

from tiny.voices import FEATURES

NOISE_SEED = 20
FRAMES = 24


@dataclass(frozen=True)
class Singer:
    """One recorded case; `voice` are the arguments of `tiny_checkpoint`."""

    version: str
    pitch: bool
    vocoder: str
    rate: int
    speakers: int = 1
    batch: int = 1
    frames: int = FRAMES

    @property
    def name(self) -> str:
        vocoder = self.vocoder.replace(" ", "").replace("-", "").lower()
        return f"{self.version}_{'pitch' if self.pitch else 'nopitch'}_{vocoder}_{self.rate // 1000}k_b{self.batch}"

    @property
    def width(self) -> int:
        return FEATURES[self.version]

    @property
    def voice(self) -> dict:
        names = ("version", "pitch", "vocoder", "rate", "speakers")
        return {name: getattr(self, name) for name in names}


SINGERS = (
    Singer("v1", True, "HiFi-GAN", 40_000),
    Singer("v2", True, "HiFi-GAN", 48_000),
    Singer("v2", True, "HiFi-GAN", 40_000, speakers=3, batch=2, frames=12),
    Singer("v1", False, "HiFi-GAN", 32_000),
    Singer("v2", False, "HiFi-GAN", 40_000),
    Singer("v1", True, "MRF HiFi-GAN", 32_000),
    Singer("v2", True, "MRF HiFi-GAN", 24_000, speakers=2, batch=2, frames=16),
    Singer("v1", True, "RefineGAN", 24_000),
    Singer("v2", True, "RefineGAN", 40_000, speakers=2, batch=2, frames=12),
)
