"""The voice that is trained: the synthesizer that sings, with VITS's posterior encoder in front of its flow.

    spectrogram ─ posterior encoder ─ z ─┬─ flow ─ z_p      to be likely under the text encoder's mean and deviation
                                         └─ a cut ─ vocoder (with f0) ─ wav      to sound like the recording

B rows · F pitch frames · S spectrogram bins · C latent channels · D feature channels · G speaker channels · T samples
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from ultimate_rvc.rvc.seams import Noise
from ultimate_rvc.rvc.stored_weights import WEIGHT_NORM_KEYS, fold_weight_norm
from ultimate_rvc.rvc.synth.checkpoint import TRAINING_ONLY, Checkpoint
from ultimate_rvc.rvc.synth.encoders import RelativeAttention
from ultimate_rvc.rvc.synth.flow import Coupling, WaveNet
from ultimate_rvc.rvc.synth.generators.blocks import ResBlock
from ultimate_rvc.rvc.synth.generators.hifigan import HiFiGan
from ultimate_rvc.rvc.synth.generators.mrf import MrfHiFiGan, MrfLayer
from ultimate_rvc.rvc.synth.generators.refinegan import AddedNoise, RefineGan
from ultimate_rvc.rvc.synth.generators.source import full_precision
from ultimate_rvc.rvc.synth.synthesizer import Synthesizer
from ultimate_rvc.rvc.train.configuration import TrainingConfig

# How upstream's networks count their parts, where it is not how ours do: its optimizers know weights by their number.
UPSTREAM_ORDER = (
    *("enc_p", "dec", "enc_q", "flow", "emb_g"),
    *("m_source", "conv_pre", "pre_conv", "ups", "upsamples", "downsample_blocks", "noise_convs", "resblocks", "mrfs"),
    *("mel_conv", "upsample_conv_blocks", "conv_post", "cond"),
    *("in_layers", "res_skip_layers", "cond_layer"),
)
REFINEGAN_ORDER = (*UPSTREAM_ORDER[:14], "mel_conv", "cond", "upsample_conv_blocks", "conv_post", *UPSTREAM_ORDER[18:])
FIRST_ADDED_NOISE = 1e-4
# Where the sine's gate begins. torch's own draw lies between -1 and 1, from where it can drift through zero: the voice
# then goes on to learn from noise alone, off by hundreds of cents, while every loss falls.
FIRST_GATE = 2.0
# The gate is kept from falling below this while a voice is trained from scratch.
LEAST_GATE = 0.5


@dataclass(frozen=True)
class Batch:
    """Slices side by side, zero where a row has ended.

    features [B, F, D], coarse [B, F] int64, f0 [B, F] Hz, spectrogram [B, S, F], wav [B, 1, T]; frames, speaker [B].
    """

    features: Tensor
    coarse: Tensor
    f0: Tensor
    spectrogram: Tensor
    wav: Tensor
    frames: Tensor
    speaker: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same on the device."""
        return Batch(**{name: value.to(device, non_blocking=True) for name, value in vars(self).items()})


@dataclass(frozen=True)
class Sung:
    """What a training voice made of a batch: wav and true [B, 1, segment], and what the KL term needs [B, C, F]."""

    wav: Tensor
    true: Tensor
    z_p: Tensor
    log_q: Tensor
    mean_p: Tensor
    log_p: Tensor
    keep: Tensor


class PosteriorEncoder(nn.Module):
    """spectrogram [B, S, F], keep [B, 1, F], speaker [B, G, 1] → z, mean, log deviation [B, C, F]."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__()
        model = config.model
        self.pre = nn.Conv1d(config.data.spec_channels, model.hidden_channels, 1)
        self.enc = WaveNet(model.hidden_channels, model.gin_channels, model.posterior_layers)
        self.proj = nn.Conv1d(model.hidden_channels, 2 * model.inter_channels, 1)

    def forward(self, spectrogram: Tensor, keep: Tensor, speaker: Tensor, noise: Noise) -> tuple[Tensor, ...]:
        x = self.enc(self.pre(spectrogram) * keep, keep, speaker)
        mean, log_deviation = (self.proj(x) * keep).float().chunk(2, 1)
        z = (mean + noise.normal(mean, 2, 1) * torch.exp(log_deviation)) * keep
        return z, mean, log_deviation


class TrainedVoice(Synthesizer):
    """A synthesizer that learns; its weights are those of upstream's, key for key, under `stored`."""

    def __init__(self, config: TrainingConfig, vocoder: str, speakers: int) -> None:
        voice = config.voice(speakers)
        super().__init__(Checkpoint(config.path, voice, {}, config.version, True, vocoder, {}))
        self.enc_q = PosteriorEncoder(config)
        self.segment_frames = config.segment_frames
        self.requires_grad_(True)
        self.dec.tiled = False
        first_values(self)
        for conv in normed_convs(self):
            weight_norm(conv)

    def sing(self, batch: Batch, noise: Noise) -> Sung:
        """A cut of every row, made from its own spectrogram."""
        who = self.emb_g(batch.speaker)[..., None]  # [B, G, 1]
        keep = kept(batch.frames, batch.features.shape[1])
        mean_p, log_p = self.enc_p(batch.features, batch.coarse, keep)
        z, _, log_q = self.enc_q(batch.spectrogram, keep, who, noise)
        z_p = self.flow.to_text(z, keep, who)
        starts = self._starts(batch.frames, noise, z)
        with full_precision(z.device.type):
            excitation = self.dec.excitation(cut(batch.f0, starts, self.segment_frames), noise)
        wav = self.dec(cut(z, starts, self.segment_frames), excitation, who, noise)
        true = cut(batch.wav, starts * self.hop_samples, self.segment_frames * self.hop_samples)
        return Sung(wav, true, z_p, log_q, mean_p, log_p, keep)

    def _starts(self, frames: Tensor, noise: Noise, like: Tensor) -> Tensor:
        places = frames - self.segment_frames + 1
        return (noise.uniform((len(frames),), like) * places).long()

    def gate(self) -> Tensor:
        """The weight [1, sines] that lets the sine at the pitch through."""
        source = self.dec.m_source
        return (source.merge[0] if isinstance(self.dec, RefineGan) else source.l_linear).weight.detach()

    def hold_gate(self, least: float) -> None:
        """Lets the fundamental's gate not fall below."""
        self.gate()[:, :1].clamp_(min=least)

    @torch.no_grad()
    def even_phases(self) -> None:
        """Lets the taps of each phase of an upsampling convolution sum to the same, for every pair of channels.

        Else a steady input comes out with a pattern that repeats with the frames, which is heard as a buzz at 100 Hz
        and taken for a pitch (Sugawara et al. 2019, checkerboard artifacts). The weights' direction is changed, and
        their length with it; a vocoder that upsamples otherwise is left alone.
        """
        for conv in upsamplers(self.dec):
            length, direction = (getattr(conv.parametrizations.weight, name) for name in ("original0", "original1"))
            before = direction.norm(dim=(1, 2), keepdim=True)
            direction.copy_(with_even_phases(direction, conv.stride[0]))
            length.mul_(direction.norm(dim=(1, 2), keepdim=True) / before)

    def stored(self) -> dict[str, Tensor]:
        """The weights as checkpoints hold them: weight norm as weight_g and weight_v."""
        return stored_names(self.state_dict())

    def folded(self) -> dict[str, Tensor]:
        """The weights that a voice sings with, as `load_checkpoint` gives them."""
        weights = {key: value.detach().cpu() for key, value in self.stored().items()}
        return fold_weight_norm({k: v for k, v in weights.items() if not k.startswith(TRAINING_ONLY)}, copy=True)


def in_upstreams_order(network: nn.Module) -> list[nn.Parameter]:
    """The network's parameters as upstream counts them, so that its optimizers' states fit, and ours theirs."""
    named = list(network.named_parameters())
    order = REFINEGAN_ORDER if isinstance(getattr(network, "dec", None), RefineGan) else UPSTREAM_ORDER
    seen: dict[str, int] = {}

    def place(name: str) -> tuple[int, ...]:
        parts = name.split(".")
        paths = [".".join(parts[: i + 1]) for i in range(len(parts))]
        return tuple(
            order.index(part) if part in order else seen.setdefault(path, len(seen))
            for part, path in zip(parts, paths, strict=True)
        )

    # All names are placed in our own order first, which is upstream's wherever `order` says nothing.
    places = {name: place(name) for name, _ in named}
    return [parameter for name, parameter in sorted(named, key=lambda pair: places[pair[0]])]


def kept(frames: Tensor, longest: int) -> Tensor:
    """frames [B] → ones where each row lasts, [B, 1, longest]."""
    return (torch.arange(longest, device=frames.device) < frames[:, None])[:, None].float()


def cut(x: Tensor, starts: Tensor, length: int) -> Tensor:
    """x [B, ..., N] → [B, ..., length], each row from its own start."""
    places = starts[:, None] + torch.arange(length, device=x.device)  # [B, length]
    middle = [1] * (x.ndim - 2)
    return x.gather(-1, places.view(len(x), *middle, length).expand(*x.shape[:-1], length))


def stored_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weight norm as checkpoints spell it."""
    return _renamed(weights, WEIGHT_NORM_KEYS[1], WEIGHT_NORM_KEYS[0])


def live_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weight norm as torch's parametrizations spell it."""
    return _renamed(weights, WEIGHT_NORM_KEYS[0], WEIGHT_NORM_KEYS[1])


def _renamed(weights: Mapping[str, Tensor], old: tuple[str, ...], new: tuple[str, ...]) -> dict[str, Tensor]:
    def name(key: str) -> str:
        for one, other in zip(old, new, strict=True):
            key = key.removesuffix(one) + other if key.endswith("." + one) else key
        return key

    return {name(key): value for key, value in weights.items()}


def normed_convs(voice: Synthesizer) -> Iterator[nn.Module]:
    """The layers under weight norm, as upstream has them: whatever is repeated, and some vocoders' edges."""
    for module in voice.modules():
        if isinstance(module, WaveNet):
            yield from (module.cond_layer, *module.in_layers, *module.res_skip_layers)
        elif isinstance(module, ResBlock):
            yield from (*module.convs1, *module.convs2)
        elif isinstance(module, MrfLayer):
            yield from (module.conv1, module.conv2)
    yield from _normed_edges(voice.dec)


def upsamplers(vocoder: nn.Module) -> tuple[nn.Module, ...]:
    """Its transposed convolutions, from the frames' rate to the samples'; RefineGAN has none."""
    if isinstance(vocoder, HiFiGan):
        return (*vocoder.ups,)
    return (*vocoder.upsamples,) if isinstance(vocoder, MrfHiFiGan) else ()


def with_even_phases(weight: Tensor, rate: int) -> Tensor:
    """weight [..., taps] of a transposed convolution → the nearest whose taps sum to the same in all `rate` phases."""
    phase = torch.arange(weight.shape[-1], device=weight.device) % rate
    sums = weight.new_zeros(*weight.shape[:-1], rate).index_add(-1, phase, weight)
    taps = (weight.shape[-1] - 1 - torch.arange(rate, device=weight.device)) // rate + 1
    # The common sum that moves the taps least: phases of few taps move dearly.
    common = (sums / taps).sum(-1, keepdim=True) / (1 / taps).sum()
    return weight - ((sums - common) / taps)[..., phase]


def _normed_edges(vocoder: nn.Module) -> tuple[nn.Module, ...]:
    if isinstance(vocoder, HiFiGan):
        return upsamplers(vocoder)
    if isinstance(vocoder, MrfHiFiGan):
        return (vocoder.conv_pre, *upsamplers(vocoder), vocoder.conv_post)
    return (vocoder.pre_conv, vocoder.mel_conv, *vocoder.downsample_blocks, vocoder.conv_post)


@torch.no_grad()
def first_values(voice: TrainedVoice) -> None:
    """What a training from scratch begins with: VITS's values, which the engine leaves out."""
    nn.init.normal_(voice.emb_g.weight)
    nn.init.normal_(voice.enc_p.emb_pitch.weight)
    for module in voice.modules():
        if isinstance(module, RelativeAttention):
            for table in (module.emb_rel_k, module.emb_rel_v):
                nn.init.normal_(table, std=table.shape[-1] ** -0.5)
            for conv in (module.conv_q, module.conv_k, module.conv_v, module.conv_o):
                nn.init.xavier_uniform_(conv.weight)
        elif isinstance(module, Coupling):
            nn.init.zeros_(module.post.weight)
            nn.init.zeros_(module.post.bias)
        elif isinstance(module, AddedNoise):
            module.weight.fill_(FIRST_ADDED_NOISE)
    for norm in (*voice.enc_p.encoder.norm_layers_1, *voice.enc_p.encoder.norm_layers_2):
        norm.gamma.fill_(1.0)
        norm.beta.zero_()
    voice.gate()[:, :1].fill_(FIRST_GATE)


def voice_of(weights: Mapping[str, Tensor], config: TrainingConfig, vocoder: str) -> Synthesizer:
    """A synthesizer that sings with these folded weights."""
    voice = config.voice(len(weights["emb_g.weight"]))
    with torch.device("meta"):
        singer = Synthesizer(Checkpoint(Path("training"), voice, {}, config.version, True, vocoder, {}))
    singer.load_state_dict(weights, assign=True)
    return singer.eval().requires_grad_(False)
