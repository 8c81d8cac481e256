"""What a training's config.json says, in the layout of RVC tools: `train`, `data` and `model`.

Keys of our own, all optional, each the field's usual way where it is left out:
    train.warmup_epochs          epochs over which the learning rate climbs to its full height (RVC's own key, 0)
    train.warmup_steps           first steps on the mel loss and the KL term alone, without discriminator (0)
    train.multiscale_mel         the mel loss at seven scales, which RefineGAN always has: it hears a buzz in time with
                                 the frames, which one window of 32 ms does not (false)
    train.even_phases            upsampling convolutions that mark no frame: a steady tone stays steady (false)
    model.discriminator          "v1", "v2" or "v3": which set of discriminators (see discriminators.py)
    model.discriminator_periods  other periods than the set's
    model.discriminator_width    share of the discriminators' channels, for machines without a GPU (1.0)
    model.posterior_layers       layers of the posterior encoder, which no exported voice holds (16)
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from ultimate_rvc.errors import OptionError
from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND
from ultimate_rvc.rvc.synth.checkpoint import FEATURES_OF_VERSION, VERSION_OF_FEATURES, VOCODERS, VoiceConfig
from ultimate_rvc.rvc.train.experiment import Experiment

T = TypeVar("T")

# The second of the 18 values of a voice: a note of VITS that nothing reads, written as 32 by every trainer.
NOTED_SEGMENT = 32
DISCRIMINATORS = ("v1", "v2", "v3")


@dataclass(frozen=True)
class TrainSection:
    """How it is trained."""

    seed: int
    learning_rate: float
    betas: tuple[float, float]
    eps: float
    lr_decay: float
    segment_size: int
    c_mel: float
    c_kl: float
    log_interval: int = 200
    warmup_epochs: int = 0
    warmup_steps: int = 0
    multiscale_mel: bool = False
    even_phases: bool = False


@dataclass(frozen=True)
class DataSection:
    """How sound becomes spectrograms: all lengths in samples, all frequencies in Hz."""

    sample_rate: int
    filter_length: int
    hop_length: int
    win_length: int
    n_mel_channels: int
    mel_fmin: float = 0.0
    mel_fmax: float | None = None

    @property
    def spec_channels(self) -> int:
        """Bins of a spectrogram."""
        return self.filter_length // 2 + 1


@dataclass(frozen=True)
class ModelSection:
    """The sizes of the networks."""

    inter_channels: int
    hidden_channels: int
    filter_channels: int
    n_heads: int
    n_layers: int
    kernel_size: int
    p_dropout: float
    resblock: str
    resblock_kernel_sizes: tuple[int, ...]
    resblock_dilation_sizes: tuple[tuple[int, ...], ...]
    upsample_rates: tuple[int, ...]
    upsample_initial_channel: int
    upsample_kernel_sizes: tuple[int, ...]
    gin_channels: int
    spk_embed_dim: int = 1
    text_enc_hidden_dim: int = 768
    use_spectral_norm: bool = False
    discriminator: str | None = None
    discriminator_periods: tuple[int, ...] | None = None
    discriminator_width: float = 1.0
    posterior_layers: int = 16


@dataclass(frozen=True)
class TrainingConfig:
    """All of it."""

    train: TrainSection
    data: DataSection
    model: ModelSection
    path: Path = field(default=Path("config.json"), compare=False)

    @property
    def segment_frames(self) -> int:
        """Frames that the vocoder is trained on at once."""
        return self.train.segment_size // self.data.hop_length

    @property
    def version(self) -> str:
        """v1 or v2, by the width of the features."""
        return VERSION_OF_FEATURES[self.model.text_enc_hidden_dim]

    def voice(self, speakers: int) -> VoiceConfig:
        """The configuration of the voice that is trained."""
        model, data = self.model, self.data
        shared = {spec.name for spec in fields(VoiceConfig)} & {spec.name for spec in fields(ModelSection)}
        return VoiceConfig(
            **{name: getattr(model, name) for name in shared},
            spec_channels=data.spec_channels,
            segment_frames=NOTED_SEGMENT,
            speakers=speakers,
            speaker_channels=model.gin_channels,
            feature_channels=model.text_enc_hidden_dim,
            sample_rate_hz=data.sample_rate,
        )


def read_config(experiment: Experiment) -> TrainingConfig:
    """The experiment's configuration. Raises OptionError, with the key, where it is missing or makes no sense."""
    raw = read_json(experiment.config, "extract the features first: urvc train extract-features")
    path = experiment.config
    sections = {"train": TrainSection, "data": DataSection, "model": ModelSection}
    config = TrainingConfig(**{name: _section(raw, name, kind, path) for name, kind in sections.items()}, path=path)
    _check(config)
    return config


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """The table in a file. Raises OptionError with the remedy."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OptionError(f"{path} cannot be read ({type(error).__name__}); {remedy}") from error
    if isinstance(table, dict):
        return table
    raise OptionError(f"{path} holds no table; {remedy}")


def _section(raw: Mapping[str, Any], name: str, kind: type[T], path: Path) -> T:
    given = raw.get(name)
    if not isinstance(given, Mapping):
        raise OptionError(f"{path} has no section {name!r}; extract the features again: urvc train extract-features")
    specs = fields(kind)  # type: ignore[arg-type]
    lacking = [spec.name for spec in specs if spec.default is MISSING and spec.name not in given]
    if lacking:
        raise OptionError(f"{path} lacks {', '.join(f'{name}.{key}' for key in lacking)}; put them there")
    # Tools keep notes of their own beside these keys, process ids for example.
    return kind(**{spec.name: _frozen(given[spec.name]) for spec in specs if spec.name in given})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _check(config: TrainingConfig) -> None:
    for fits, told in (*_of_time(config), *_of_networks(config)):
        if not fits:
            raise OptionError(f"{config.path}: {told}")


def _of_time(config: TrainingConfig) -> Iterator[tuple[bool, str]]:
    """What must fit of rates and lengths, and what is said where it does not."""
    data, model = config.data, config.model
    hop = config.voice(1).hop_samples
    segment = config.train.segment_size
    stages = list(zip(model.upsample_rates, model.upsample_kernel_sizes, strict=False))
    yield hop == data.hop_length, f"upsample_rates give {hop} samples a frame, data.hop_length {data.hop_length}"
    yield (
        data.hop_length * FRAMES_PER_SECOND == data.sample_rate,
        f"data.hop_length is {data.hop_length}; expected data.sample_rate / {FRAMES_PER_SECOND}",
    )
    yield (
        segment % data.hop_length == 0 and config.segment_frames > 0,
        f"train.segment_size is {segment}; it must be whole frames of {data.hop_length}",
    )
    yield (
        len(model.upsample_rates) == len(model.upsample_kernel_sizes) and all(_upsamples(*stage) for stage in stages),
        f"model.upsample_kernel_sizes {model.upsample_kernel_sizes} do not suit upsample_rates "
        f"{model.upsample_rates}; an odd rate needs twice as many taps, an even one an even number of them",
    )


def _of_networks(config: TrainingConfig) -> Iterator[tuple[bool, str]]:
    """What must fit of the networks' sizes, and what is said where it does not."""
    model = config.model
    features, judges = model.text_enc_hidden_dim, model.discriminator
    yield (
        features in VERSION_OF_FEATURES,
        f"text_enc_hidden_dim is {features}; RVC voices have one of {FEATURES_OF_VERSION}",
    )
    yield model.resblock == "1", f"model.resblock is {model.resblock!r}; RVC voices have '1'"
    yield (
        judges in (None, *DISCRIMINATORS),
        f"model.discriminator is {judges!r}; choose from {', '.join(DISCRIMINATORS)}",
    )
    yield model.inter_channels % 2 == 0, f"model.inter_channels is {model.inter_channels}; it must be even"
    yield (
        model.hidden_channels % model.n_heads == 0,
        f"model.hidden_channels is {model.hidden_channels}; n_heads, {model.n_heads}, must divide it",
    )


def _upsamples(rate: int, taps: int) -> bool:
    """Whether a stage's length comes out as a multiple of the rate."""
    return taps == 2 * rate if rate % 2 else taps >= rate and taps % 2 == 0


def discriminator_set(config: TrainingConfig, vocoder: str) -> str:
    """Which set judges: RefineGAN's own, or that of the features' version."""
    return config.model.discriminator or ("v3" if vocoder == VOCODERS[2] else config.version)
