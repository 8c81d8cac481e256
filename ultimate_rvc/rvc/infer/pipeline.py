"""The straight line from a 16 kHz signal to the finished samples, on one device.

    wav ─ highpass ─┬─ pitch → f0 [F]
                    └─ spans [B,T] ─ embed [B,L,D] ─ retrieve [B,L,D] ─ ×2 [B,F,D] ─ protect ─ synthesize [B,T]
    join ─ match envelope ─ limit

B spans · T samples · L content frames (50/s) · F pitch frames (100/s) · D 768 (v2) or 256 (v1)

`Pipeline` keeps the names and the order of arguments of Ultimate RVC 0.6 (JackismyShephard/ultimate-rvc) and Applio
3.6 (IAHispano/Applio), so that code written for them works with it, also by overriding its methods.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ultimate_rvc import device as devices
from ultimate_rvc.options import OptimizationConfig, SpanOptions
from ultimate_rvc.progress import OnProgress, Progress, silent
from ultimate_rvc.rvc import pitch as pitches
from ultimate_rvc.rvc.embed.hubert import embedder_for
from ultimate_rvc.rvc.infer import retrieval
from ultimate_rvc.rvc.infer.optimization import PerformanceProfiler
from ultimate_rvc.rvc.infer.rules import Line, Output, OwnRules, Piece, UpstreamRules
from ultimate_rvc.rvc.infer.shelf import Shelf
from ultimate_rvc.rvc.pitch import contour
from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND, PITCH_HOP_SAMPLES, Embedder, Noise, Retriever
from ultimate_rvc.rvc.synth.noise import GlobalNoise

logger = logging.getLogger(__name__)

# protect's neutral value: from here on consonants are not treated apart.
PROTECT_OFF = 0.5


class Pipeline:
    """Converts signals with any content encoder and generator. Keeps loaded weights, and nothing of a signal."""

    def __init__(
        self, tgt_sr: int, config: Any, optimization: OptimizationConfig | None = None, *, shelf: Shelf | None = None
    ):
        """tgt_sr in Hz; config has x_pad, x_query, x_center, x_max (seconds) and device.

        Without `optimization` the RVC_* variables decide, on config's device.
        """
        devices.wake()
        self.tgt_sr = tgt_sr
        self.device = torch.device(config.device)
        self.spans = SpanOptions(config.x_pad, config.x_query, config.x_center, config.x_max)
        self.optimization = optimization or replace(OptimizationConfig.from_env(), device=str(self.device))
        kind = UpstreamRules if self.optimization.strict_parity else OwnRules
        self.rules = kind(self.spans, Output(tgt_sr), self.device, self.optimization)
        self.highpass = self.rules.highpass(self.optimization.use_gpu_filter)
        self.profiler = PerformanceProfiler(self.device, self.optimization.enable_profiling)
        self.shelf = shelf or Shelf()

    def pipeline(
        self,
        model: Any,
        net_g: Any,
        sid: int,
        audio: "np.ndarray | Tensor",
        pitch: float,
        f0_method: "str | Iterable[str]",
        file_index: str,
        index_rate: float,
        pitch_guidance: bool,
        volume_envelope: float,
        version: str,
        protect: float,
        f0_autotune: bool = False,
        f0_autotune_strength: float = 1.0,
        proposed_pitch: bool = False,
        proposed_pitch_threshold: float = 155.0,
        *,
        f0_methods: Iterable[str] | None = None,
        hop_length: int | None = None,
        f0_file: "str | Path | None" = None,
        seed: int = 0,
        on_progress: OnProgress = silent,
    ) -> np.ndarray:
        """audio [T] at 16 kHz → float32 [T·tgt_sr/16000], peak at most 0.99.

        model: a HuBERT whose call gives ["last_hidden_state"] (and final_proj for v1). net_g: a generator with
        infer(feats, lengths, pitch, pitchf, sid). pitch: shift in semitones. file_index: a FAISS file or "".
        f0_methods or several f0_method: their median. hop_length is taken and has no effect: f0 comes every 10 ms.
        Raises errors of ultimate_rvc.errors, ModelError for samples that are not numbers; the audio is not changed.
        """
        stage = self.profiler.stage
        with torch.inference_mode():
            line = self._lay_out(audio)
            coarse = f0 = None
            if pitch_guidance and line.windows:
                on_progress(Progress("find pitch", 0, 1))
                with stage("pitch"):
                    coarse, f0 = self.get_f0(
                        line.padded,
                        line.frames,
                        tuple(f0_methods or ()) or f0_method,
                        pitch,
                        f0_autotune,
                        f0_autotune_strength,
                        proposed_pitch,
                        proposed_pitch_threshold,
                        f0_file=f0_file,
                        spread=line.spread,
                    )  # [F]
                on_progress(Progress("find pitch", 1, 1))
            index, big_npy = self._index_for(net_g, file_index if index_rate > 0 else "")
            arguments = (index, big_npy, index_rate, version, protect)
            pieces = self._convert_spans(model, net_g, sid, line, coarse, f0, arguments, seed, on_progress)
            return line.render(pieces, volume_envelope, stage)

    def get_f0(
        self,
        x: "np.ndarray | Tensor",
        p_len: int,
        f0_method: "str | Iterable[str]" = "rmvpe",
        pitch: float = 0,
        f0_autotune: bool = False,
        f0_autotune_strength: float = 1.0,
        proposed_pitch: bool = False,
        proposed_pitch_threshold: float = 155.0,
        *,
        f0_file: "str | Path | None" = None,
        spread: Callable[[Tensor], Tensor] = lambda f0: f0,
    ) -> tuple[Tensor, Tensor]:
        """x [T] at 16 kHz → coarse [F] int64 in 1..255 and f0 [F] Hz, both at most p_len frames long.

        spread: from what is heard in x to the frames that are wanted, where x is not all of a song.
        """
        wav = torch.as_tensor(x, dtype=torch.float32, device=self.device)
        f0 = self._read_curve(f0_file, p_len) if f0_file else spread(self._estimate(wav, f0_method))
        if f0_autotune:
            f0 = self.rules.autotune(f0, f0_autotune_strength)
        proposed = contour.proposed_shift(f0, proposed_pitch_threshold) if proposed_pitch and not f0_autotune else 0
        f0 = self.rules.shift(f0, pitch + proposed, f0_autotune)
        return contour.quantise(f0)[:p_len], f0[:p_len]

    def voice_conversion(
        self,
        model: Any,
        net_g: Any,
        sid: Any,
        audio0: "np.ndarray | Tensor",
        pitch: Tensor | None,
        pitchf: Tensor | None,
        index: Any,
        big_npy: Any,
        index_rate: float,
        version: str,
        protect: float,
        *,
        noise: Noise | None = None,
        kept: slice | None = None,
    ) -> "np.ndarray | Tensor":
        """One span, or a batch of spans of one length.

        audio0: array [T] or [T, channels] → array [F·hop], as in Ultimate RVC; tensor [T] or [B, T] → tensor of as
        many axes, which stays on the device. pitch and pitchf [B, F], or None for voices without pitch. index: what
        `open_index` gave, or a FAISS index with its vectors in big_npy, or None. kept: the only frames whose samples
        are wanted, None for all.
        """
        with torch.inference_mode(), self._precision():
            wav = self._as_batch(audio0)  # [B, T]
            own = self._embed(model, version, wav)  # [B, L, D]
            found = own if index is None else self._retrieve_speaker_embeddings(own, index, big_npy, index_rate)
            frames = min(wav.shape[1] // PITCH_HOP_SAMPLES, 2 * own.shape[1])
            features = _to_pitch_frames(found, frames)  # [B, F, D]
            if pitch is not None and pitchf is not None:
                pitch, pitchf = pitch[:, :frames], pitchf[:, :frames].float()
                features = _protect(features, _to_pitch_frames(own, frames), pitchf, protect)
            with self.profiler.stage("synthesize"):
                score = features, pitch, pitchf, self._speaker(sid, len(wav))
                out = _sing(net_g, score, noise or GlobalNoise(), kept)
        return _like(audio0, out.float())

    def _retrieve_speaker_embeddings(self, feats: Tensor, index: Any, big_npy: Any, index_rate: float) -> Tensor:
        """feats [B, L, D] → [B, L, D]: index_rate of the voice's own sounds, the rest as it was."""
        with self.profiler.stage("retrieve"):
            found = self._retriever(index)(feats.float())
            return torch.lerp(feats.float(), found, index_rate)

    def open_index(self, path: "str | Path", dimensions: int | None = None) -> Retriever:
        """The retriever of a FAISS file, loaded once. Raises IndexFileError, also when dimensions (D) do not fit."""
        file = Path(path)
        state = file.stat() if file.is_file() else None
        key = (str(file), state and (state.st_mtime_ns, state.st_size), dimensions)
        return self.shelf.get("index", (*key, self.optimization), lambda: self._load_index(file, dimensions))

    def _index_for(self, net_g: Any, path: str) -> tuple[Retriever | None, "np.ndarray | None"]:
        """The retriever, and its vectors for an overridden retrieval, which knows FAISS's ways only."""
        if not path:
            return None, None
        index = self.open_index(path, getattr(net_g, "feature_channels", None))
        overridden = self._overrides("_retrieve_speaker_embeddings") and hasattr(index, "reconstruct_n")
        return index, index.reconstruct_n(0, index.ntotal) if overridden else None

    def _load_index(self, file: Path, dimensions: int | None) -> Retriever:
        exact = self.optimization.exact_retrieval
        if not self.optimization.use_gpu_retrieval:
            return retrieval.FaissRetriever(file, dimensions=dimensions, exact=exact)
        return retrieval.load_index(file, self.device, dimensions=dimensions, exact=exact)

    def _retriever(self, index: Any) -> Any:
        """Our retrievers as they are; a live FAISS index with its vectors moved to the device, once."""
        if callable(index):
            return index
        return self.shelf.get("faiss", id(index), lambda: (index, retrieval.from_faiss(index, self.device)))[1]

    def _convert_spans(
        self, model: Any, net_g: Any, sid: int, line: Line, coarse: Any, f0: Any, arguments: tuple, seed: int, tell: Any
    ) -> Iterator[Piece]:
        """What the line's windows give, in order; memory is bounded by one batch."""
        alone = self._overrides("voice_conversion")
        single = alone or self._overrides("_retrieve_speaker_embeddings")
        size = 1 if single else self.optimization.batch_size
        draw = self.rules.noise(seed, f0, line.runs)
        crops = line.crops and self.optimization.uses("halo")
        tell(Progress("convert", 0, line.spans))
        for batch in line.batches(size):
            devices.trim(self.device)
            with self.profiler.stage("gather"):
                wav, p, pf = batch.samples(), batch.frames(coarse), batch.frames(f0)
            if alone:  # an override knows nothing of batches, tensors or noise
                span = wav[0].cpu().numpy()
                out = self.voice_conversion(model, net_g, self._speaker(sid, 1), span, p, pf, *arguments)
                yield Piece(torch.as_tensor(out, dtype=torch.float32, device=self.device))
            else:
                kept, drawn = batch.kept if crops else None, draw(batch.starts)
                out = self.voice_conversion(model, net_g, sid, wav, p, pf, *arguments, noise=drawn, kept=kept)
                yield from (Piece(row, kept.start if kept else 0) for row in out)
            tell(Progress("convert", batch.done, line.spans))

    def _lay_out(self, audio: "np.ndarray | Tensor") -> Line:
        """The song on its line; what is made on the way is gone when this returns."""
        wav = self.rules.upload(audio)  # [T]
        with self.profiler.stage("highpass"):
            wav = self.highpass(wav)
        with self.profiler.stage("cut"):
            return self.rules.lay_out(wav)

    def _overrides(self, method: str) -> bool:
        """Whether a subclass brings its own; such methods were written for one span at a time."""
        return getattr(type(self), method) is not getattr(Pipeline, method)

    def _estimate(self, wav: Tensor, f0_method: "str | Iterable[str]") -> Tensor:
        """wav [T] → f0 [F] Hz, the median of the methods."""
        methods = (f0_method,) if isinstance(f0_method, str) else tuple(f0_method)
        return contour.median_of([self._estimator(name)(wav) for name in methods])

    def _estimator(self, method: str) -> Any:
        name = pitches.choose_auto(self.device.type) if method == "auto" else method
        strict, fast = self.optimization.strict_parity, self.optimization.uses("pitch")
        key = (name, str(self.device), strict, fast)
        return self.shelf.get("pitch", key, lambda: pitches.load(name, self.device, strict=strict, fast=fast))

    def _read_curve(self, path: "str | Path", frames: int) -> Tensor:
        """The file's curve [F] on the padded line: it begins where the song does."""
        pad = self.spans.x_pad * FRAMES_PER_SECOND
        curve = contour.read_curve(Path(path), frames - pad, self.device)
        return torch.nn.functional.pad(curve, (pad, 0))

    def _embed(self, model: Any, version: str, wav: Tensor) -> Tensor:
        with self.profiler.stage("embed"):
            return self._embedder(model, version)(wav)

    def _embedder(self, model: Any, version: str) -> Embedder:
        """Made once for each model; it holds the model, whose id is therefore its own as long as it is the key."""
        options = self.optimization
        ways = {
            "strict_parity": options.strict_parity,
            "fast": options.uses("encoder"),
            "bf16": self._encodes_in_bf16(),
        }
        key = (id(model), version, *ways.values())
        return self.shelf.get("embedder", key, lambda: embedder_for(model, version, **ways))

    def _encodes_in_bf16(self) -> bool:
        """Asked for by itself, or with int8, in which no encoder runs, where the CPU has it."""
        asked = self.optimization.precision
        return asked == "bf16" or (asked == "int8" and devices.computes_fast("bf16"))

    def _as_batch(self, audio0: "np.ndarray | Tensor") -> Tensor:
        if not isinstance(audio0, Tensor) and audio0.ndim == 2:
            audio0 = audio0.mean(-1)
        return torch.as_tensor(audio0).to(self.device, torch.float32).reshape(-1, audio0.shape[-1])

    def _speaker(self, sid: Any, batch: int) -> Tensor:
        return torch.as_tensor(sid, device=self.device).long().reshape(-1).expand(batch)

    def _precision(self) -> AbstractContextManager:
        half = self.optimization.use_fp16
        return torch.autocast(self.device.type, dtype=torch.float16) if half else nullcontext()


def _to_pitch_frames(features: Tensor, frames: int) -> Tensor:
    """[B, L, D] at 50 frames a second → [B, F, D] at 100, each one twice."""
    return features.repeat_interleave(2, dim=1)[:, :frames]


def _protect(found: Tensor, own: Tensor, f0: Tensor, protect: float) -> Tensor:
    """Unvoiced frames keep 1 - protect of their own features, so that consonants and breaths stay crisp."""
    if protect >= PROTECT_OFF:
        return found
    share = torch.where(f0 < 1, protect, 1.0)[..., None]  # [B, F, 1]
    return torch.lerp(own.to(found.dtype), found, share.to(found.dtype))


def _sing(net_g: Any, score: tuple, noise: Noise, kept: slice | None) -> Tensor:
    """score: features [B, F, D], coarse [B, F], f0 [B, F], speaker [B] → the kept frames' samples [B, frames·hop].

    What keeps the Synthesizer seam gets its noise; a foreign generator draws its own, and sings the whole.
    """
    if hasattr(net_g, "hop_samples"):
        return net_g(*score, noise, kept=kept)
    features, *rest = score
    lengths = torch.full((len(features),), features.shape[1], device=features.device)
    out = net_g.infer(features.float(), lengths, *rest)[0][:, 0]
    hop = out.shape[-1] // features.shape[1]
    return out if kept is None else out[:, kept.start * hop : kept.stop * hop]


def _like(given: "np.ndarray | Tensor", out: Tensor) -> "np.ndarray | Tensor":
    """out [B, T] in the form in which the input came."""
    if not isinstance(given, Tensor):
        return out[0].cpu().numpy()
    return out if given.ndim == 2 else out[0]
