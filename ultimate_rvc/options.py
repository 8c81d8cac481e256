"""Every option once: frozen records, one per stage, checked at the door. Knows no torch.

A field's metadata holds what a front end needs to offer it: help, range, choices and command-line flags. Defaults
are those of the command line; `VoiceConverter.convert_audio` has its own, older ones.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ultimate_rvc.errors import OptionError

F0_METHODS = ("auto", "rmvpe", "fcpe", "crepe", "crepe-tiny", "swift")
EMBEDDERS = (
    "contentvec",
    "spin",
    "spin-v2",
    "chinese-hubert-base",
    "japanese-hubert-base",
    "korean-hubert-base",
    "starter",
    "custom",
)
# Ways to take a song apart; covers/separators/presets.py says which models each of them means.
SEPARATORS = (
    *("auto", "none", "classical"),
    *("upstream", "mdx", "mdx23c", "vr", "demucs", "bs-roformer", "mel-roformer"),
)
# Those that have no model that another could be put in the place of.
MODELLESS_SEPARATORS = ("none", "classical")
AUDIO_FORMATS = ("mp3", "wav", "flac", "ogg", "m4a", "aac")
# What each lossy format can be asked for; wav and flac have no bitrate. An mp3's are the MPEG-1 standard's own, ogg's
# those that the Vorbis encoder has a quality for.
BITRATES_KBPS: dict[str, Sequence[int]] = {
    "mp3": (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    "ogg": range(64, 501),
    "m4a": range(32, 321),
    "aac": range(32, 321),
}
SPEECH_ENGINES = ("auto", "edge", "system")
OUTPUT_RATES_HZ = (16_000, 44_100, 48_000, 96_000, 192_000)
PRECISIONS = ("fp32", "bf16", "int8")
# Ways of being faster, each with what it does. All are on unless strict parity is asked for, and each can be switched
# off to be measured or doubted. They give the same samples within rounding, but for `silence`: what sounds then has
# less silence around it that the networks hear too.
SPEEDUPS = {
    "tiles": "the vocoder in tiles of time that stay in the processor's cache",
    "channels-last": "convolutions on the CPU with the channels innermost in memory",
    "fast-convolution": "long convolutions on the CPU as products of transformed tiles",
    "halo": "flow and vocoder on a span and what it hears, not on all of its context",
    "silence": "what is silent for long is not converted",
    "encoder": "the content encoder's convolutions on the CPU as products of matrices, in tiles of time",
    "pitch": "RMVPE's convolutions on the CPU in tiles of time, with the channels innermost in memory",
}


def knob(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple | None = None,
    flags: tuple[str, ...] = (),
    env: str | None = None,
) -> Any:
    """A field with what front ends and checks need to know about it.

    `flags` are the command-line names when they differ from the field's own, `env` the variable that sets it.
    """
    about = {"help": help, "low": low, "high": high, "choices": choices, "flags": flags, "env": env}
    return field(default=default, metadata=about)


class Checked:
    """A record whose values are held against their ranges and choices when it is made."""

    def __post_init__(self) -> None:
        for spec in fields(self):  # type: ignore[arg-type]
            check(spec, getattr(self, spec.name))


def check(spec: Field, value: Any) -> None:
    """Raises OptionError unless the value (or each of a tuple's) is inside the field's range and choices."""
    if "help" not in spec.metadata or value is None:
        return
    low, high, choices = (spec.metadata[k] for k in ("low", "high", "choices"))
    for item in value if isinstance(value, tuple) else (value,):
        if choices is not None and item not in choices:
            raise OptionError(f"{spec.name} is {item!r}; choose from {', '.join(map(str, choices))}")
        if (low is not None and not low <= item) or (high is not None and not item <= high):
            raise OptionError(f"{spec.name} is {item}; it must lie between {_bound(low)} and {_bound(high)}")


def _bound(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


@dataclass(frozen=True)
class PitchOptions(Checked):
    """How the melody is found and changed."""

    f0_method: tuple[str, ...] = knob(
        ("auto",),
        "How pitch is estimated; repeat it for the median of several. 'auto' is rmvpe where its weights are on disk "
        "or the device is a GPU, else swift, which needs no download.",
        choices=F0_METHODS,
    )
    n_octaves: int = knob(0, "Octaves to shift the voice by: 1 for male to female, -1 for the reverse.", low=-4, high=4)
    n_semitones: int = knob(0, "Semitones to shift the voice and the instrumentals by.", low=-48, high=48)
    autotune: bool = knob(
        False, "Snap the pitch to the chromatic scale.", flags=("--autotune-vocals", "--autotune-voice")
    )
    autotune_strength: float = knob(1.0, "How strongly autotune pulls, from 0 to 1.", low=0, high=1)
    proposed_pitch: bool = knob(False, "Shift the melody into the range of the voice.")
    proposed_pitch_threshold: float = knob(
        155.0, "The range's centre in Hz: about 155 for male voices, 255 for female.", low=50, high=1200
    )
    f0_file: Path | None = knob(None, "A pitch curve to sing instead: lines of 'seconds,Hz'.")

    @property
    def semitones(self) -> int:
        """The whole shift of the voice."""
        return 12 * self.n_octaves + self.n_semitones


@dataclass(frozen=True)
class EmbedderOptions(Checked):
    """Which content encoder hears the words."""

    embedder_model: str = knob(
        "auto",
        "The content encoder that the voice was trained with. 'auto' is the one that the voice's file names, if it is "
        "one of these or a custom one, else contentvec; 'starter' comes with the program.",
        choices=("auto", *EMBEDDERS),
    )
    custom_embedder_model: str | None = knob(
        None, "Name or folder of a custom encoder, with '--embedder-model custom'."
    )

    @property
    def name(self) -> str:
        """What the encoder is called: of a custom one, its own name."""
        return str(self.custom_embedder_model) if self.embedder_model == "custom" else self.embedder_model


@dataclass(frozen=True)
class VoiceOptions(Checked):
    """How the voice is put on."""

    index_rate: float = knob(0.3, "How much the index pulls towards the voice's own sound.", low=0, high=1)
    rms_mix_rate: float = knob(
        1.0, "Loudness: 0 follows the source's envelope, 1 keeps the voice's own.", low=0, high=1
    )
    protect_rate: float = knob(0.33, "Protects consonants and breaths; 0 most, 0.5 turns it off.", low=0, high=0.5)
    split: bool = knob(
        False, "Convert the track in pieces between its silences.", flags=("--split-vocals", "--split-voice")
    )
    convert_silence: bool = knob(False, "Sing the gaps between phrases too, with whatever noise is in them.")
    silence_db: float = knob(
        -35.0, "What counts as a gap: 0.3 s that are so many dB below the loud parts of the track.", low=-80, high=-20
    )
    clean: bool = knob(False, "Reduce the noise of the converted voice.", flags=("--clean-vocals", "--clean-voice"))
    clean_strength: float = knob(0.7, "How strongly noise is reduced, from 0 to 1.", low=0, high=1)
    sid: int = knob(0, "The speaker, for voices that hold several.", low=0)
    seed: int = knob(0, "The seed of the synthesizer's noise; the same seed gives the same samples.", low=0)


@dataclass(frozen=True)
class ConversionOptions:
    """Everything that shapes one conversion. Raises OptionError for combinations that make no sense."""

    pitch: PitchOptions = field(default_factory=PitchOptions)
    embedder: EmbedderOptions = field(default_factory=EmbedderOptions)
    voice: VoiceOptions = field(default_factory=VoiceOptions)

    def __post_init__(self) -> None:
        # A curve runs through the whole track; each piece would sing its beginning again.
        if self.voice.split and self.pitch.f0_file:
            raise OptionError("a pitch curve cannot be sung in pieces; use either an f0 file or splitting, not both")


@dataclass(frozen=True)
class SeparationOptions(Checked):
    """How a song is taken apart. Raises OptionError for combinations that make no sense."""

    separator: str = knob(
        "auto",
        "How vocals are taken out of a song: 'none' for a source that already is vocals, 'classical' without any "
        "model (poorer), 'upstream' with the models of Ultimate RVC, or a family of models. 'auto' is mel-roformer on "
        "a GPU and mdx on the CPU, or classical where these cannot be had.",
        choices=SEPARATORS,
    )
    separator_model: str | None = knob(
        None, "Any model of audio-separator by its file name, instead of the separator's own."
    )
    split_backup: bool | None = knob(
        None, "Part main and backup vocals with a karaoke model. On where the separator has one."
    )
    karaoke_model: str | None = knob(None, "The model that parts main and backup vocals, instead of the separator's.")
    dereverb: bool | None = knob(None, "Take the reverb off the main vocals. On with 'upstream', else off.")
    dereverb_model: str | None = knob(None, "The model that takes the reverb off, instead of the separator's.")
    segment_size: int = knob(
        0, "Frames that a model hears at once: less takes less memory; 0 is what suits the model.", low=0, high=4096
    )
    separation_batch: int = knob(
        0, "Segments that a model works on at once; 0 follows the device and its memory.", low=0, high=64
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.separator_model and self.separator in MODELLESS_SEPARATORS:
            raise OptionError(
                f"separator {self.separator!r} uses no model, and separator_model is {self.separator_model!r}; "
                "leave one of them out"
            )
        for off, model, name in (
            (self.split_backup is False, self.karaoke_model, "karaoke_model"),
            (self.dereverb is False, self.dereverb_model, "dereverb_model"),
        ):
            if off and model:
                raise OptionError(f"{name} is {model!r}, but what it is for is switched off; leave one of them out")


@dataclass(frozen=True)
class EffectOptions(Checked):
    """What is done to the converted vocals: de-esser, compressor, reverb."""

    deess: float = knob(0.0, "De-esser: dB that sharp s sounds are turned down by; 0 is off.", low=0, high=24)
    compressor: bool = knob(True, "Compress the vocals, so that loud and quiet words come closer.")
    compressor_threshold: float = knob(-15.0, "Compressor: level in dB above which it works.", low=-60, high=0)
    compressor_ratio: float = knob(4.0, "Compressor: dB of the voice for one that comes out.", low=1, high=20)
    compressor_attack: float = knob(1.0, "Compressor: milliseconds until it has turned down.", low=0.1, high=500)
    compressor_release: float = knob(100.0, "Compressor: milliseconds until it has let go.", low=1, high=5_000)
    room_size: float = knob(0.15, "Reverb: size of the room.", low=0, high=1)
    wet_level: float = knob(0.2, "Reverb: level of the reflections.", low=0, high=1)
    dry_level: float = knob(0.8, "Reverb: level of the voice itself.", low=0, high=1)
    damping: float = knob(0.7, "Reverb: absorption of high frequencies.", low=0, high=1)
    reverb_width: float | None = knob(
        None,
        "Reverb: spread of the reflections over both sides, 1 is widest; left out, a mono voice stays mono.",
        low=0,
        high=1,
    )


@dataclass(frozen=True)
class FileOptions(Checked):
    """What kind of file the result is. Raises OptionError for a bitrate that the format does not have."""

    output_sr: int = knob(44_100, "Sample rate of the result in Hz.", choices=OUTPUT_RATES_HZ)
    output_format: str = knob("mp3", "File format of the result.", choices=AUDIO_FORMATS)
    bitrate: int | None = knob(
        None, "Bitrate of mp3, ogg, m4a or aac in kbit/s; left out: 256.", low=32, high=500, flags=("--bitrate",)
    )
    limiter: bool = knob(True, "Limit loud moments only; off: what is too loud is turned down as a whole.")
    output_name: str | None = knob(None, "Name of the result, instead of '<what is heard> (<voice> …)'.")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bitrate(self.output_format, self.bitrate)


def check_bitrate(audio_format: str, kbps: int | None) -> None:
    """Raises OptionError for a bitrate that this one of AUDIO_FORMATS cannot have; None is always fine."""
    known = BITRATES_KBPS.get(audio_format)
    if kbps is None or (known and kbps in known):
        return
    if not known:
        raise OptionError(f"the bitrate is {kbps} kbit/s, but {audio_format} has none; leave it out")
    allowed = (
        f"between {known[0]} and {known[-1]}" if isinstance(known, range) else "one of " + ", ".join(map(str, known))
    )
    raise OptionError(f"the bitrate is {kbps} kbit/s; for {audio_format} it must be {allowed}")


@dataclass(frozen=True)
class MixOptions(FileOptions):
    """How the cover is mixed and saved."""

    main_gain: float = knob(0, "Gain of the vocals in dB.", low=-60, high=60)
    inst_gain: float = knob(0, "Gain of the instrumentals in dB.", low=-60, high=60)
    backup_gain: float = knob(0, "Gain of the backup vocals in dB.", low=-60, high=60)


@dataclass(frozen=True)
class SpeakingOptions(Checked):
    """How a text is spoken before it is converted."""

    engine: str = knob(
        "auto",
        "Who speaks: edge (Microsoft's voices, needs the network), system (say on macOS, espeak-ng on Linux), or auto: "
        "the first of them that works.",
        choices=SPEECH_ENGINES,
    )
    tts_voice: str | None = knob(
        None,
        "The engine's voice; left out, en-US-ChristopherNeural of edge, or the system's own.",
        flags=("--tts-voice", "--voice"),
    )
    tts_pitch_shift: int = knob(
        0, "Hz that the spoken voice is shifted by.", low=-300, high=300, flags=("--tts-pitch-shift", "--pitch-shift")
    )
    tts_speed_change: int = knob(
        0, "Percent that is spoken faster.", low=-90, high=300, flags=("--tts-speed-change", "--speed-change")
    )
    tts_volume_change: int = knob(
        0, "Percent that is spoken louder.", low=-100, high=100, flags=("--tts-volume-change", "--volume-change")
    )


@dataclass(frozen=True)
class SpeechPitchOptions(PitchOptions):
    """PitchOptions under the names that they have for speech."""

    autotune: bool = knob(False, "Snap the pitch to the chromatic scale.", flags=("--autotune-speech",))


@dataclass(frozen=True)
class SpeechVoiceOptions(VoiceOptions):
    """VoiceOptions under the names, and with the defaults, that they have for speech."""

    split: bool = knob(True, "Convert the speech in pieces between its pauses.", flags=("--split-speech",))
    clean: bool = knob(True, "Reduce the noise of the converted voice.", flags=("--clean-speech",))


@dataclass(frozen=True)
class SpeechMixOptions(Checked):
    """What is done to converted speech before it is saved."""

    effects: bool = knob(False, "Give the speech the effects of a cover's vocals, as the options for effects say.")
    output_gain: float = knob(0, "Gain of the speech in dB.", low=-60, high=60)


@dataclass(frozen=True)
class CoverOptions(Checked):
    """What a cover is made of, and what is kept of the work."""

    backup_model: str | None = knob(None, "A voice for the backup vocals: a name or a path, as for --model.")
    convert_backup: bool = knob(False, "Sing the backup vocals with the cover's own voice.")
    cache: bool = knob(True, "Take what was made before from the cache, and keep what is made now.")
    cache_limit_gb: float = knob(
        10.0, "Gigabytes that the cache may take; the least recently used goes first.", low=0, env="URVC_CACHE_LIMIT_GB"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.backup_model and self.convert_backup:
            raise OptionError("backup_model and convert_backup name two voices for the backup vocals; use one of them")


@dataclass(frozen=True)
class SpanOptions(Checked):
    """Lengths in seconds that a long signal is cut by: padding, cut search radius, cut distance, longest span."""

    x_pad: int = knob(1, "Context on both sides of a span.", low=1)
    x_query: int = knob(6, "Radius in which a quiet place to cut is searched.", low=1)
    x_center: int = knob(38, "Distance between cuts.", low=2)
    x_max: int = knob(41, "Longest signal that is not cut.", low=2)

    @classmethod
    def for_memory(cls, memory_bytes: float) -> "SpanOptions":
        """Upstream's two sets: shorter spans at 4 GB of device memory or less."""
        return cls() if memory_bytes > 4 * 1024**3 else cls(x_query=5, x_center=30, x_max=32)


@dataclass(frozen=True)
class OptimizationConfig(Checked):
    """What runs where. Precedence of `resolved`: argument, RVC_* variable, preset, the device's default."""

    use_gpu_retrieval: bool = knob(
        True, "Search the index with tensors on the device; off: FAISS on the host.", env="RVC_GPU_RETRIEVAL"
    )
    use_fp16: bool = knob(False, "Half precision by autocast where it is safe.", env="RVC_USE_FP16")
    use_gpu_filter: bool = knob(True, "High-pass on the device; off: scipy on the host.", env="RVC_GPU_FILTER")
    batch_size: int = knob(1, "Spans converted at once.", low=1, high=64, env="RVC_BATCH_SIZE")
    device: str = knob("auto", "cuda, cuda:N, mps, cpu, or auto.", env="RVC_DEVICE")
    enable_profiling: bool = knob(False, "Print a table of time and memory per stage.", env="RVC_PROFILING")
    exact_retrieval: bool = knob(
        False, "Search every vector of the index instead of its nearest lists.", env="RVC_EXACT_RETRIEVAL"
    )
    strict_parity: bool = knob(
        False, "Upstream's result, known defects and order of noise included.", env="RVC_STRICT_PARITY"
    )
    precision: str = knob(
        "fp32",
        "Arithmetic of vocoder and content encoder on the CPU: bf16 and int8 (encoder: bf16 where the CPU has it) are "
        "faster and less exact.",
        choices=PRECISIONS,
        env="RVC_PRECISION",
    )
    without: tuple[str, ...] = knob(
        (), "Ways of being faster that are switched off, to compare.", choices=tuple(SPEEDUPS), env="RVC_WITHOUT"
    )

    def uses(self, speedup: str) -> bool:
        """Whether this one of SPEEDUPS is on."""
        return not self.strict_parity and speedup not in self.without

    @classmethod
    def for_apple_silicon(cls) -> "OptimizationConfig":
        """MPS: everything on the device, in fp32: nobody has measured half precision there yet."""
        return cls(device="mps")

    @classmethod
    def for_nvidia_gpu(cls) -> "OptimizationConfig":
        """CUDA: half precision and four spans at once."""
        return cls(device="cuda", use_fp16=True, batch_size=4)

    @classmethod
    def for_cpu(cls) -> "OptimizationConfig":
        """CPU: fp32, one span at a time."""
        return cls(device="cpu")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "OptimizationConfig":
        """The defaults, changed by the RVC_* variables that are set."""
        return replace(cls(), **from_environment(environ))


@dataclass(frozen=True)
class ServerOptions(Checked):
    """Where the HTTP server listens, and how much it holds at most."""

    host: str = knob("127.0.0.1", "The address to listen on; one that other machines can reach needs --listen.")
    port: int = knob(7866, "The port; 0 takes a free one.", low=0, high=65_535)
    listen: bool = knob(False, "Answer other machines too: whoever reaches the port can use the server.")
    server_name: tuple[str, ...] = knob(
        (), "With --listen, a name by which others ask for this machine, beside its addresses; repeatable."
    )
    queue: int = knob(8, "Jobs that may wait; more are refused.", low=1, high=1000)
    keep: int = knob(20, "Finished jobs that are kept with their results; older ones are removed.", low=1, high=10_000)
    keep_minutes: float = knob(60.0, "Minutes after which a finished job is removed.", low=0.01, high=100_000)
    upload_mb: float = knob(200.0, "Largest request in megabytes.", low=0.001, high=100_000)
    longest_minutes: float = knob(60.0, "Longest recording that is taken.", low=0.01, high=6000)


def from_environment(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The OptimizationConfig fields that RVC_* variables set, parsed. Raises OptionError naming the variable."""
    environ = os.environ if environ is None else environ
    set_here = [(spec, environ.get(spec.metadata["env"], "").strip()) for spec in fields(OptimizationConfig)]
    return {spec.name: _parse(spec, text) for spec, text in set_here if text}


def _parse(spec: Field, text: str) -> Any:
    name = spec.metadata["env"]
    if isinstance(spec.default, bool):
        return parse_bool(text, name)
    if isinstance(spec.default, int):
        return _parse_int(spec, text)
    value = tuple(text.replace(",", " ").split()) if isinstance(spec.default, tuple) else text
    return _parse_choice(spec, value)


def _parse_choice(spec: Field, value: Any) -> Any:
    try:
        check(spec, value)
    except OptionError as error:
        raise OptionError(str(error).replace(spec.name, spec.metadata["env"], 1)) from error
    return value


def _parse_int(spec: Field, text: str) -> int:
    name = spec.metadata["env"]
    try:
        value = int(text)
        check(spec, value)
    except ValueError as error:
        low, high = spec.metadata["low"], spec.metadata["high"]
        raise OptionError(f"{name} is {text!r}; it must be a whole number from {low} to {high}") from error
    return value


TRUE = ("true", "1", "yes", "on")
FALSE = ("false", "0", "no", "off")


def parse_bool(text: str, name: str) -> bool:
    """True or false as people write them; anything else is an OptionError that names the variable."""
    word = text.strip().lower()
    if word not in TRUE + FALSE:
        raise OptionError(f"{name} is {text!r}; write one of {', '.join(TRUE + FALSE)}")
    return word in TRUE


RECORDS = (
    PitchOptions,
    EmbedderOptions,
    VoiceOptions,
    SeparationOptions,
    EffectOptions,
    MixOptions,
    CoverOptions,
    SpeakingOptions,
    SpeechMixOptions,
    OptimizationConfig,
)


def changed(*records: Any) -> dict[str, Any]:
    """The knobs of these records that are not at their defaults: what has to be known to make a sound again.

    Not what it is called, and of a path only the name: a folder says more about its owner than about the sound.
    """
    values = ((spec, getattr(record, spec.name)) for record in records for spec in fields(record))
    return {
        spec.name: value.name if isinstance(value, Path) else value
        for spec, value in values
        if "help" in spec.metadata and value != spec.default and spec.name != "output_name"
    }


def all_knobs() -> Iterator[tuple[type, Field]]:
    """Every option with the record it belongs to: the keys that a preset may hold."""
    for record in RECORDS:
        for spec in fields(record):
            yield record, spec
