"""A voice, put on: `VoiceConverter` loads what a conversion needs, keeps it, and hands the samples to `Pipeline`.

`convert` takes and gives audio in memory; `convert_audio` is the call of Ultimate RVC 0.6 with files and keywords.
"""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ultimate_rvc import device as devices
from ultimate_rvc import paths, weights
from ultimate_rvc.audio import board, effects
from ultimate_rvc.audio.file import Audio, load, save
from ultimate_rvc.audio.resample import resample
from ultimate_rvc.errors import CheckpointError, OptionError
from ultimate_rvc.options import (
    ConversionOptions,
    EmbedderOptions,
    OptimizationConfig,
    PitchOptions,
    SpanOptions,
    VoiceOptions,
)
from ultimate_rvc.progress import OnProgress, silent
from ultimate_rvc.rvc import pitch as pitches
from ultimate_rvc.rvc.embed.hubert import load_encoder, width_for
from ultimate_rvc.rvc.infer import gaps
from ultimate_rvc.rvc.infer.budget import budget_for
from ultimate_rvc.rvc.infer.optimization import PerformanceProfiler, StageCost, get_default_config
from ultimate_rvc.rvc.infer.pipeline import Pipeline
from ultimate_rvc.rvc.infer.shelf import Shelf
from ultimate_rvc.rvc.infer.split import sounding_parts
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ
from ultimate_rvc.rvc.synth.checkpoint import named_embedder
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer

logger = logging.getLogger(__name__)
# A logger of its own, so that a front end that shows the costs itself can leave this one out.
costs_logger = logging.getLogger("ultimate_rvc.costs")

INPUT_PEAK = 0.95
DEMONSTRATION = "demonstration, no substitute for ContentVec and a voice of your own; see 'urvc models info starter'"


@dataclass(frozen=True)
class PipelineConfig:
    """What `Pipeline` reads from its config: the device, and span lengths in seconds."""

    device: str
    x_pad: int
    x_query: int
    x_center: int
    x_max: int

    @classmethod
    def for_device(cls, device: devices.Device, *, strict_parity: bool = False) -> "PipelineConfig":
        """Span lengths that suit the device and its memory; under strict parity, upstream's."""
        budget = budget_for(device.kind, device.memory_bytes)
        spans = SpanOptions.for_memory(device.memory_bytes) if strict_parity else budget.spans
        return cls(str(device.torch), spans.x_pad, spans.x_query, spans.x_center, spans.x_max)


@dataclass(frozen=True)
class Converted:
    """The converted voice (mono, at the voice's rate), what was used to make it, and what it cost."""

    audio: Audio
    used: dict[str, str]
    costs: tuple[StageCost, ...] = ()


@dataclass(frozen=True)
class Ingredients:
    """What a conversion depends on besides audio, voice and options: settings in force, and files of weights."""

    settings: dict[str, Any]
    weights: tuple[Path, ...]


class VoiceConverter:
    """Converts audio with one voice at a time; weights stay loaded between calls and between voices.

    The attributes of Ultimate RVC's class are kept; those below are None until something is loaded.
    """

    hubert_model: Any
    net_g: Any
    vc: Any
    tgt_sr: Any
    version: Any
    n_spk: Any
    use_f0: Any
    last_embedder_model: str | None
    loaded_model: str | None
    index_path: Path | None

    def __init__(self, optimization: OptimizationConfig | None = None, on_progress: OnProgress = silent):
        self.optimization = optimization or get_default_config()
        self.on_progress = on_progress
        self.device = devices.choose(self.optimization.device)
        self.config = PipelineConfig.for_device(self.device, strict_parity=self.optimization.strict_parity)
        self.shelf = Shelf()
        self.cleanup_model()

    def cleanup_model(self) -> None:
        """Puts the voice and everything that was loaded for it away, and gives the memory back."""
        self.hubert_model = self.last_embedder_model = None
        self.net_g = self.vc = self.tgt_sr = self.version = self.n_spk = self.use_f0 = None
        self.loaded_model = self.index_path = None
        self.shelf.clear()
        devices.release(self.device.torch)

    def load_voice(self, checkpoint: Path | str, index: Path | str | None = None) -> None:
        """Makes this voice the current one; the index is read when a conversion wants it.

        Raises CheckpointError or UnsafePickleError.
        """
        path = Path(checkpoint)
        self.net_g = self.shelf.get("voice", _stamp(path), lambda: self._load(path))
        self.tgt_sr, self.version = self.net_g.sample_rate_hz, self.net_g.version
        self.n_spk, self.use_f0 = self.net_g.speakers, self.net_g.has_pitch
        self.vc = Pipeline(self.tgt_sr, self.config, self.optimization, shelf=self.shelf)
        self.loaded_model, self.index_path = str(path), Path(index) if index else None

    def _load(self, path: Path) -> Any:
        """The voice; what was only needed to lay its weights out goes back to the system."""
        voice = load_synthesizer(path, self.device.torch, self.optimization)
        devices.trim(self.device.torch)
        return voice

    def get_vc(self, weight_root: str, sid: Any = 0) -> None:
        """Ultimate RVC's name for loading a voice; an empty sid puts the current one away."""
        if sid in ("", []):
            self.cleanup_model()
        self.load_voice(weight_root)

    def load_hubert(self, embedder_model: str, embedder_model_custom: str | None = None) -> None:
        """Makes this content encoder the current one, downloading it if it is not here."""
        folder = weights.chosen_encoder(EmbedderOptions(embedder_model, embedder_model_custom), self.on_progress)
        self.hubert_model = self.shelf.get("encoder", folder, lambda: load_encoder(folder, self.device.torch))
        self.last_embedder_model = embedder_model

    def load_encoder_for_voice(self, options: EmbedderOptions) -> None:
        """As `load_hubert`, for the current voice: 'auto' is resolved. Raises CheckpointError if it does not fit."""
        encoder = self._encoder(options, self.net_g.embedder)
        self._compare_encoders(encoder.name)
        self.load_hubert(encoder.embedder_model, encoder.custom_embedder_model)
        self._require_fit(encoder.name)

    def convert(self, audio: Audio, options: ConversionOptions) -> Converted:
        """The audio (any rate, mono or stereo) sung by the current voice. The input is not changed.

        Whatever can fail for want of a file does so before the first sample is computed.
        """
        self.check(options)
        self.load_encoder_for_voice(options.embedder)
        methods = self._pitch_methods(options.pitch)
        self.vc.profiler = PerformanceProfiler(self.device.torch, self.optimization.enable_profiling)
        wav = self._convert_parts(self._without_gaps(_prepare(audio), options.voice), options, methods)
        devices.release(self.device.torch)
        converted = Audio(wav[None, :], self.tgt_sr)
        if options.voice.clean:
            converted = effects.reduce_noise(converted, options.voice.clean_strength)
        self._report_costs()
        return Converted(converted, self._used(options, methods), tuple(self.vc.profiler.costs()))

    def check(self, options: ConversionOptions) -> None:
        """Raises what `convert` would raise of the current voice: a speaker or an index that does not fit."""
        self._require_voice()
        self.net_g.check_speaker(options.voice.sid)
        if self.index_path and options.voice.index_rate > 0:
            self.vc.open_index(self.index_path, self.net_g.feature_channels)

    def ingredients(self, checkpoint: Path | str, options: ConversionOptions) -> Ingredients:
        """What a conversion with this voice and these options would be made with; missing weights are fetched."""
        methods = self._named_methods(options.pitch, checkpoint)
        if any(map(pitches.needs_download, methods)):
            self.load_voice(checkpoint)  # one without pitch needs no estimator
            methods = self._pitch_methods(options.pitch)
        named = self._encoder(options.embedder, named_embedder(checkpoint))
        encoder = weights.chosen_encoder(named, self.on_progress)
        files = [encoder / name for name in (weights.CONFIG_FILE, *weights.WEIGHTS_FILES) if (encoder / name).is_file()]
        settings = {"device": self.device.kind, "spans": asdict(self.config), "pitch": methods}
        unheard = {"device", "enable_profiling"}
        settings |= {name: value for name, value in asdict(self.optimization).items() if name not in unheard}
        return Ingredients(settings, (*files, *map(pitches.require, methods)))

    def convert_audio(
        self,
        audio_input_path: str,
        audio_output_path: str,
        model_path: str,
        index_path: str,
        pitch: int = 0,
        f0_method: str = "rmvpe",
        index_rate: float = 0.75,
        volume_envelope: float = 1,
        protect: float = 0.5,
        split_audio: bool = False,
        f0_autotune: bool = False,
        f0_autotune_strength: float = 1,
        embedder_model: str = "contentvec",
        embedder_model_custom: str | None = None,
        clean_audio: bool = False,
        clean_strength: float = 0.5,
        export_format: str = "WAV",
        post_process: bool = False,
        resample_sr: int = 0,
        sid: int = 0,
        proposed_pitch: bool = False,
        proposed_pitch_threshold: float = 155.0,
        hop_length: int = 128,
        f0_file: str | None = None,
        f0_methods: Any = None,
        upscale_audio: bool = False,
        seed: int = 0,
        **effect_keywords: Any,
    ) -> str:
        """Converts a file into a file; keywords and defaults are those of Ultimate RVC 0.6 and of older dialects.

        `f0_methods` (several: their median) goes before `f0_method`. `hop_length` is taken and has no effect: pitch
        is found every 10 ms whatever it says, as in Ultimate RVC. With `post_process`, effect keywords (reverb,
        reverb_room_size, …: see audio/board.py) shape the result. Returns the path that was written, whose suffix
        follows `export_format`.
        """
        _refuse_what_is_not_here(upscale_audio, effect_keywords)
        options = ConversionOptions(
            PitchOptions(
                f0_method=tuple(sorted(f0_methods)) if f0_methods else (f0_method or "rmvpe",),
                n_semitones=pitch,
                autotune=f0_autotune,
                autotune_strength=f0_autotune_strength,
                proposed_pitch=proposed_pitch,
                proposed_pitch_threshold=proposed_pitch_threshold,
                f0_file=Path(f0_file) if f0_file else None,
            ),
            EmbedderOptions(embedder_model, embedder_model_custom),
            VoiceOptions(
                index_rate,
                volume_envelope,
                protect,
                split_audio,
                convert_silence=True,
                clean=clean_audio,
                clean_strength=clean_strength,
                sid=sid,
                seed=seed,
            ),
        )
        source = load(_unquoted(audio_input_path), mono_rate=SAMPLE_RATE_HZ)
        self.load_voice(model_path, _added_twin(_unquoted(index_path)))
        result = self.convert(source, options).audio
        if post_process:
            result = board.apply(result, effect_keywords)
        if resample_sr >= SAMPLE_RATE_HZ:
            result = resample(result, resample_sr)
        return str(save(result, Path(audio_output_path).with_suffix(f".{export_format.lower()}")))

    def _without_gaps(self, wav: np.ndarray, voice: VoiceOptions) -> np.ndarray:
        """wav [T] with silence in its gaps, unless they are to be sung too."""
        if voice.convert_silence or self.optimization.strict_parity:
            return wav
        return gaps.silenced(wav, voice.silence_db)

    def _convert_parts(self, wav: np.ndarray, options: ConversionOptions, methods: tuple[str, ...]) -> np.ndarray:
        """wav [T] at 16 kHz → [T·rate/16000]; in parts between silences if so asked."""
        if not options.voice.split:
            return self._convert_part(wav, options, methods)
        out = np.zeros(round(len(wav) * self.tgt_sr / SAMPLE_RATE_HZ), np.float32)
        for first, last in sounding_parts(wav):
            part = self._convert_part(wav[first:last], options, methods)
            start = round(first * self.tgt_sr / SAMPLE_RATE_HZ)
            out[start : start + len(part)] = part[: len(out) - start]
        return out

    def _convert_part(self, wav: np.ndarray, options: ConversionOptions, methods: tuple[str, ...]) -> np.ndarray:
        voice, pitch = options.voice, options.pitch
        return self.vc.pipeline(
            model=self.hubert_model,
            net_g=self.net_g,
            sid=voice.sid,
            audio=wav,
            pitch=pitch.semitones,
            f0_method=methods,
            file_index=str(self.index_path or ""),
            index_rate=voice.index_rate,
            pitch_guidance=self.use_f0,
            volume_envelope=voice.rms_mix_rate,
            version=self.version,
            protect=voice.protect_rate,
            f0_autotune=pitch.autotune,
            f0_autotune_strength=pitch.autotune_strength,
            proposed_pitch=pitch.proposed_pitch,
            proposed_pitch_threshold=pitch.proposed_pitch_threshold,
            f0_file=pitch.f0_file,
            seed=voice.seed,
            on_progress=self.on_progress,
        )

    def _pitch_methods(self, pitch: PitchOptions) -> tuple[str, ...]:
        """The estimators to run, 'auto' resolved and weights fetched; none for a voice without pitch."""
        methods = self._named_methods(pitch, self.loaded_model) if self.use_f0 else ()
        for name in methods:  # those that cannot be downloaded say themselves how to get them
            if pitches.needs_download(name) and name in weights.CATALOGUE:
                weights.ensure(name, self.on_progress)
        return methods

    def _named_methods(self, pitch: PitchOptions, checkpoint: Path | str) -> tuple[str, ...]:
        """The estimators that were asked for, 'auto' resolved; none where the melody comes from a file."""
        if pitch.f0_file:
            return ()
        # What comes with the program sings without a download, on a GPU too.
        auto = pitches.choose_auto(self.device.kind, may_download=not paths.is_shipped(checkpoint))
        auto = "rmvpe" if self.optimization.strict_parity else auto
        return tuple(dict.fromkeys(auto if name == "auto" else name for name in pitch.f0_method))

    def _encoder(self, options: EmbedderOptions, named: str | None) -> EmbedderOptions:
        """The encoder that was asked for, 'auto' resolved for a voice whose file names this one."""
        if options.embedder_model != "auto":
            return options
        return weights.encoder_for_voice(named, strict_parity=self.optimization.strict_parity)

    def _used(self, options: ConversionOptions, methods: tuple[str, ...]) -> dict[str, str]:
        curve = str(options.pitch.f0_file) if options.pitch.f0_file and self.use_f0 else "none (voice without pitch)"
        index = f"{self.index_path.name} at {options.voice.index_rate:g}" if self.index_path else "none"
        remark = {"voice": DEMONSTRATION} if paths.is_shipped(self.loaded_model) else {}
        return remark | {
            "device": self.device.description,
            "precision": "fp16 by autocast" if self.optimization.use_fp16 else self.optimization.precision,
            "pitch": " + ".join(methods) or curve,
            "encoder": self._encoder(options.embedder, self.net_g.embedder).name,
            "index": index if options.voice.index_rate else "none (index_rate 0)",
        }

    def _report_costs(self) -> None:
        if self.optimization.enable_profiling:
            costs_logger.info("Time per stage:\n%s", self.vc.profiler.table())

    def _compare_encoders(self, chosen: str) -> None:
        """Another encoder than the voice was trained with gives words that nobody understands."""
        own = self.net_g.embedder
        if own and own not in (chosen, "custom"):
            logger.warning("the voice was trained with the encoder %s; %s may sound wrong", own, chosen)

    def _require_fit(self, name: str) -> None:
        """Raises CheckpointError where the encoder's features are not of the width that the voice takes."""
        given, wanted = width_for(self.hubert_model, self.version), self.net_g.feature_channels
        if given not in (None, wanted):
            raise CheckpointError(
                f"the encoder {name} gives a {self.version} voice features of {given} numbers, and this one takes "
                f"{wanted}; choose the encoder that it was trained with (--embedder-model)"
            )

    def _require_voice(self) -> None:
        if self.net_g is None:
            raise OptionError("no voice is loaded; call load_voice(checkpoint, index) first")


def _prepare(audio: Audio) -> np.ndarray:
    """Mono at 16 kHz, its peak at most 0.95: what the encoders were trained on. [T] float32"""
    wav = resample(audio.mono(), SAMPLE_RATE_HZ).samples[0]
    peak = float(np.abs(wav).max(initial=0.0))
    return wav * (INPUT_PEAK / peak) if peak > INPUT_PEAK else wav


def _stamp(path: Path) -> tuple:
    """A key that changes when the file does."""
    if not path.is_file():
        return (str(path),)
    state = path.stat()
    return (str(path.resolve()), state.st_mtime_ns, state.st_size)


def _unquoted(path: str) -> str:
    """A path as people paste it: without the quotes and spaces around it."""
    return str(path).strip().strip('"').strip()


def _added_twin(index_path: str) -> str:
    """Older tools name the index that was only trained; the filled one lies beside it under 'added'."""
    twin = Path(index_path.replace("trained", "added"))
    return str(twin) if index_path and twin.is_file() else index_path


def _refuse_what_is_not_here(upscale_audio: bool, effect_keywords: dict[str, Any]) -> None:
    if upscale_audio:
        raise OptionError("upscale_audio is not available: save the result and upscale it with a tool made for that")
    if effect_keywords.pop("formant_shifting", False):
        raise OptionError("formant_shifting is not available: shift the source's formants before the conversion")
    unknown = sorted(set(effect_keywords) - board.keywords() - {"formant_qfrency", "formant_timbre"})
    if unknown:
        raise OptionError(f"convert_audio has no keyword {', '.join(unknown)}; see its help for those that exist")
