"""A voice that sings: VITS (Kim, Kong and Son, 2021) as RVC trains it, for inference alone.

    features, pitch ─ text encoder ─ mean, deviation ─ + noise ─ flow, backwards ─ z ─ vocoder (with f0) ─ wav

B spans · F pitch frames · D feature channels · C latent channels · T = F · hop samples
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from ultimate_rvc.errors import CheckpointError, OptionError
from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.rvc.seams import Noise
from ultimate_rvc.rvc.synth.checkpoint import Checkpoint, check_weights, load_checkpoint
from ultimate_rvc.rvc.synth.encoders import TextEncoder, table
from ultimate_rvc.rvc.synth.flow import REACH_FRAMES, Flow
from ultimate_rvc.rvc.synth.generators.hifigan import HiFiGan
from ultimate_rvc.rvc.synth.generators.mrf import MrfHiFiGan
from ultimate_rvc.rvc.synth.generators.nsf import NsfHiFiGan
from ultimate_rvc.rvc.synth.generators.refinegan import RefineGan
from ultimate_rvc.rvc.synth.noise import GlobalNoise

# How much of the latent's spread is used: RVC's own number.
NOISE_SCALE = 0.66666
GENERATORS = {
    ("HiFi-GAN", True): NsfHiFiGan,
    ("HiFi-GAN", False): HiFiGan,
    ("MRF HiFi-GAN", True): MrfHiFiGan,
    ("RefineGAN", True): RefineGan,
}

Inner = tuple[Tensor, Tensor, Tensor, Tensor]


def load_synthesizer(
    path: Path | str, device: torch.device | str = "cpu", optimization: OptimizationConfig | None = None
) -> "Synthesizer":
    """The voice in a .pth or .safetensors file, on the device, in float32, ready to sing.

    `optimization` says which ways of being faster are used; without it all that are exact.

    Raises CheckpointError or UnsafePickleError; see `load_checkpoint`.
    """
    checkpoint = load_checkpoint(path)
    synthesizer = skeleton(checkpoint)
    synthesizer.load_state_dict(checkpoint.weights, strict=True, assign=True)
    synthesizer = synthesizer.eval().requires_grad_(False).to(device)
    synthesizer.dec.optimize(optimization or OptimizationConfig())
    return synthesizer


def skeleton(checkpoint: Checkpoint) -> "Synthesizer":
    """The network that the checkpoint fits exactly, without numbers. Raises CheckpointError where none does."""
    try:
        with torch.device("meta"):
            synthesizer = Synthesizer(checkpoint)
    except (ArithmeticError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{checkpoint.path} describes no network; its config is damaged") from error
    check_weights(checkpoint, synthesizer.state_dict())
    return synthesizer


class Synthesizer(nn.Module):
    """See seams.Synthesizer; `infer` is the same for callers of Ultimate RVC and Applio."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        config = checkpoint.config
        self.sample_rate_hz, self.hop_samples = config.sample_rate_hz, config.hop_samples
        self.speakers, self.feature_channels = config.speakers, config.feature_channels
        self.version, self.vocoder, self.has_pitch = checkpoint.version, checkpoint.vocoder, checkpoint.has_pitch
        self.embedder = checkpoint.embedder
        self.enc_p = TextEncoder(config, self.has_pitch)
        self.flow = Flow(config)
        self.dec = GENERATORS[self.vocoder, self.has_pitch](config)
        self.emb_g = table(config.speakers, config.speaker_channels)

    def check_speaker(self, sid: int) -> int:
        """sid, if the voice holds that speaker; an OptionError otherwise."""
        if 0 <= sid < self.speakers:
            return sid
        raise OptionError(f"speaker {sid} is not in this voice; choose from 0 to {self.speakers - 1}")

    def forward(
        self,
        features: Tensor,
        coarse: Tensor | None,
        f0: Tensor | None,
        speaker: Tensor,
        noise: Noise,
        *,
        kept: slice | None = None,
    ) -> Tensor:
        """features [B, F, D], coarse [B, F] int64, f0 [B, F] Hz, speaker [B] int64 → wav [B, T] float32.

        With `kept`, only the samples of these frames.
        """
        keep = torch.ones(len(features), 1, features.shape[1], device=features.device)
        wanted = range(features.shape[1])[kept] if kept else range(features.shape[1])
        return self._sing((features, coarse, f0, speaker), keep, noise, wanted)[0][:, 0]

    @torch.no_grad()
    def infer(
        self,
        feats: Tensor,
        lengths: Tensor,
        pitch: Tensor | None = None,
        pitchf: Tensor | None = None,
        sid: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Inner]:
        """feats [B, F, D], lengths [B] frames → wav [B, 1, T], mask [B, 1, F], (z, z_p, mean, log deviation) [B, C, F].

        Draws from torch's global generator, in the order and shapes of Ultimate RVC 0.6.
        """
        speaker = torch.zeros(len(feats), dtype=torch.long, device=feats.device) if sid is None else sid
        keep = (torch.arange(feats.shape[1], device=feats.device) < lengths[:, None])[:, None].to(feats.dtype)
        wav, inner = self._sing((feats, pitch, pitchf, speaker), keep, GlobalNoise(), range(feats.shape[1]))
        return wav, keep, inner

    def _sing(self, score: tuple, keep: Tensor, noise: Noise, wanted: range) -> tuple[Tensor, Inner]:
        """The wanted frames' samples; z among the inner signals covers them and what the vocoder hears around them."""
        features, coarse, f0, speaker = score
        if self.has_pitch and (coarse is None or f0 is None):
            raise OptionError("this voice sings with pitch; give it coarse pitch and f0")
        who = self.emb_g(speaker)[..., None]  # [B, G, 1]
        mean, log_deviation = self.enc_p(features, coarse, keep)  # [B, C, F]
        z_p = (mean + torch.exp(log_deviation) * noise.normal(mean, 2, 1) * NOISE_SCALE) * keep
        excitation = self.dec.excitation(f0, noise)
        near = self._heard(wanted, z_p.shape[-1])
        z = self.flow(z_p[..., near], keep[..., near], who)
        if excitation is not None:
            excitation = excitation[..., near.start * self.hop_samples : near.stop * self.hop_samples]
        inside = range(wanted.start - near.start, wanted.stop - near.start)
        wav = self.dec(z * keep[..., near], excitation, who, noise, inside)
        return wav, (z, z_p, mean, log_deviation)

    def _heard(self, wanted: range, frames: int) -> slice:
        """The frames that flow and vocoder hear for the wanted ones."""
        if self.dec.reach is None:
            return slice(0, frames)
        reach = self.dec.reach + REACH_FRAMES
        return slice(max(0, wanted.start - reach), min(frames, wanted.stop + reach))
