"""Two sets of rules for what happens around the networks: our own, and upstream's with its known defects.

`Pipeline` holds one of them and never asks which. docs/parity.md lists what they do differently.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ultimate_rvc.options import OptimizationConfig, SpanOptions
from ultimate_rvc.rvc.infer import envelope, silences, spans
from ultimate_rvc.rvc.infer.highpass import DeviceHighpass, HostHighpass
from ultimate_rvc.rvc.infer.tape import Tape, finite
from ultimate_rvc.rvc.pitch import contour
from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND, PITCH_HOP_SAMPLES, SAMPLE_RATE_HZ, Noise
from ultimate_rvc.rvc.synth.noise import GlobalNoise, SeededNoise, source_phase

# Two neighbouring pieces are faded into each other over this much on each side of their border.
OVERLAP_FRAMES = 4
OUTPUT_PEAK = 0.99
# oneDNN keeps its code for every length that it met, 11 MB of it for one pass through a real voice's networks. So
# windows have lengths that come again.
CPU_STEP_FRAMES = FRAMES_PER_SECOND

Highpass = Callable[[Tensor], Tensor]
# The name of a stage → what measures it.
Stage = Callable[[str], AbstractContextManager]
# First frame and number of frames on one line → where they lie on another, in order.
Runs = Callable[[int, int], list[spans.Span]]


@dataclass(frozen=True)
class Output:
    """Of what comes out: the rate, and samples per pitch frame."""

    rate_hz: int

    @property
    def hop_samples(self) -> int:
        """Every RVC rate is a multiple of 100 Hz."""
        return self.rate_hz // FRAMES_PER_SECOND


@dataclass(frozen=True)
class Piece:
    """What one window gave: its samples [n] from its frame `first` on."""

    samples: Tensor
    first: int = 0


@dataclass(frozen=True)
class Line:
    """A song laid out for conversion: padded [P] at 16 kHz on the device, and the windows that lie on it.

    Contours [F] are those of the song with context on both sides; `runs` finds frames of `padded` among theirs.
    `render` makes the finished samples [T·rate/16000] of what the windows gave and the voice's share of the loudness;
    `crops` says whether that may be their batch's `kept` frames alone.
    """

    padded: Tensor
    windows: Sequence[spans.Window]
    runs: Runs
    render: Callable[[Iterable[Piece], float, Stage], np.ndarray]
    crops: bool

    @property
    def frames(self) -> int:
        """F."""
        runs = self.runs(0, len(self.padded) // PITCH_HOP_SAMPLES)
        return runs[-1].end if runs else 0

    @property
    def spans(self) -> int:
        """How many pieces the song is converted in."""
        return len(self.windows)

    def spread(self, contour: Tensor) -> Tensor:
        """contour [P // 160] of the padded line → [F], unvoiced where nothing was heard."""
        whole, runs = contour.new_zeros(self.frames), self.runs(0, len(contour))
        for run, part in zip(runs, contour.split([run.frames for run in runs]), strict=True):
            whole[run.start : run.end] = part
        return whole

    def batches(self, size: int) -> Iterator["Batch"]:
        """The windows in order, at most `size` at once and only of one length."""
        done = 0
        for _, alike in groupby(self.windows, lambda window: window.samples):
            windows = list(alike)
            for first in range(0, len(windows), size):
                chosen = windows[first : first + size]
                done += len(chosen)
                yield Batch(self, chosen, done)


@dataclass(frozen=True)
class Batch:
    """Some windows of one length, side by side."""

    line: Line
    windows: Sequence[spans.Window]
    done: int

    @property
    def starts(self) -> list[int]:
        """First frame of each window on the padded line."""
        return [window.start for window in self.windows]

    @property
    def kept(self) -> slice:
        """The same frames of every window of this length, among them all that come into the song."""
        alone, window = self.line.spans == 1, self.windows[0]
        edge = window.pad - (0 if alone else OVERLAP_FRAMES)
        return slice(edge, window.pad + window.span.frames if alone else window.frames - edge)

    def samples(self) -> Tensor:
        """[B, T] at 16 kHz."""
        starts = [window.start_sample for window in self.windows]
        return spans.gather(self.line.padded, starts, self.windows[0].samples)

    def frames(self, contour: Tensor | None) -> Tensor | None:
        """contour [F] → [B, F] of the windows."""
        if contour is None:
            return None
        rows = [self.line.runs(start, self.windows[0].frames) for start in self.starts]
        return torch.stack([torch.cat([contour[run.start : run.end] for run in row]) for row in rows])


class Rules(Protocol):
    """What surrounds the networks."""

    def upload(self, audio: "np.ndarray | Tensor") -> Tensor:
        """audio [T] → a tensor [T] where the high-pass wants it."""

    def highpass(self, on_device: bool) -> Highpass:
        """The filter, on the device unless that is switched off."""

    def lay_out(self, wav: Tensor) -> Line:
        """The high-passed signal [T], cut and padded."""

    def noise(self, seed: int, f0: Tensor | None, runs: Runs) -> Callable[[Sequence[int]], Noise]:
        """→ a function from the windows' first frames to the noise of their batch; f0 [F] and runs are the line's."""

    def autotune(self, f0: Tensor, strength: float) -> Tensor:
        """f0 [F] Hz → [F] pulled to the scale."""

    def shift(self, f0: Tensor, semitones: "float | Tensor", autotuned: bool) -> Tensor:
        """f0 [F] Hz → [F] in the new key."""


@dataclass(frozen=True)
class Song:
    """What is kept of a song of `samples` at 16 kHz when its own samples are gone.

    `stretches` are converted; for `heard` and `loudness`, see `envelope.open_frames` and `envelope.loudness`.
    """

    samples: int
    stretches: silences.Stretches
    heard: Tensor
    loudness: Tensor


class OwnRules:
    """Quiet cuts, a source that goes on across spans, crossfades, silence that stays silent and costs nothing."""

    def __init__(self, options: SpanOptions, output: Output, device: torch.device, optimization: OptimizationConfig):
        self.options, self.output, self.device = options, output, device
        self._planner = silences.sounding if optimization.uses("silence") else silences.whole
        self._pad = options.x_pad * FRAMES_PER_SECOND
        # A GPU wants windows of one length, to compute many at once; a CPU wants each no longer than it must be. So on
        # a CPU only neighbours that happen to be alike are batched: whatever the batch size, the windows are the same.
        self._step_frames = CPU_STEP_FRAMES if device.type == "cpu" else None

    def upload(self, audio: "np.ndarray | Tensor") -> Tensor:
        """To the device at once, as float32."""
        return torch.as_tensor(audio).to(self.device, torch.float32)

    def highpass(self, on_device: bool) -> Highpass:
        """float32 on the device, or scipy on the host."""
        return DeviceHighpass(self.device) if on_device else HostHighpass()

    def lay_out(self, wav: Tensor) -> Line:
        """Windows that tile the song, or what of it sounds. It is looked at here, and not again before it is sung."""
        heard = envelope.open_frames(spans.not_empty(wav))
        song = Song(len(wav), self._planner(heard), heard, envelope.loudness(wav, SAMPLE_RATE_HZ))
        windows = self._windows(wav, song.stretches)
        reach = max((window.start_sample + window.samples for window in windows), default=0)
        padded = spans.end_to_end(wav, self._runs(song.stretches, 0, -(-reach // PITCH_HOP_SAMPLES)), self._pad)[:reach]
        runs = partial(self._runs, song.stretches)
        return Line(padded, windows, runs, partial(self._render, song, windows), crops=True)

    def noise(self, seed: int, f0: Tensor | None, runs: Runs) -> Callable[[Sequence[int]], Noise]:
        """Numbers that depend on the seed and the place in the song, so that neighbouring windows agree."""
        phase = None if f0 is None else source_phase(f0, self.output.hop_samples, self.output.rate_hz)

        def draw(starts: Sequence[int]) -> Noise:
            firsts = [runs(start, 1)[0].start for start in starts]
            begun = None if phase is None else torch.stack([phase[first] for first in firsts])
            return SeededNoise(
                seed, starts, begun, lambda first, frames: [range(r.start, r.end) for r in runs(first, frames)]
            )

        return draw

    def autotune(self, f0: Tensor, strength: float) -> Tensor:
        """To the equal-tempered scale; unvoiced stays unvoiced."""
        return contour.autotune(f0, strength)

    def shift(self, f0: Tensor, semitones: "float | Tensor", autotuned: bool) -> Tensor:
        """Always as asked for."""
        return contour.shift(f0, semitones)

    def _windows(self, wav: Tensor, stretches: silences.Stretches) -> list[spans.Window]:
        if not stretches.spans:
            return []
        cuts = spans.QuietCuts().cut_points(spans.end_to_end(wav, stretches.spans)[: len(wav)], self.options)
        return spans.plan(cuts, stretches.frames, self._pad, step_frames=self._step_frames)

    def _runs(self, stretches: silences.Stretches, start: int, frames: int) -> list[spans.Span]:
        """Frames of the padded line → frames of the song with its context."""
        return [run.moved(self._pad) for run in stretches.runs(start - self._pad, frames)]

    def _render(
        self, song: Song, windows: Sequence[spans.Window], pieces: Iterable[Piece], rate: float, stage: Stage
    ) -> np.ndarray:
        tape = Tape(round(song.samples * self.output.rate_hz / SAMPLE_RATE_HZ))
        level, start = envelope.leveller(song.loudness, len(tape.samples), self.output.rate_hz, rate), 0
        for joined in self._joined(windows, pieces):
            with stage("finish"):
                frames = len(joined) // self.output.hop_samples
                runs = song.stretches.runs(start, frames)
                parts = joined.split([run.frames * self.output.hop_samples for run in runs])
                for run, part in zip(runs, parts, strict=True):
                    level.take(run.start * self.output.hop_samples, part)
                tape.put(self._gated(song.heard, level.ready()))
                start += frames
        tape.put(self._gated(song.heard, level.rest()))
        return tape.finished(OUTPUT_PEAK)

    def _joined(self, windows: Sequence[spans.Window], pieces: Iterable[Piece]) -> Iterator[Tensor]:
        hop, total = self.output.hop_samples, windows[-1].span.end if windows else 0
        inner = (_part(piece, _kept(window, total), hop) for piece, window in zip(pieces, windows, strict=True))
        return spans.join(inner, [w.span for w in windows], hop_samples=hop, overlap_frames=OVERLAP_FRAMES)

    def _gated(self, heard: Tensor, placed: Iterable[envelope.Placed]) -> list[envelope.Placed]:
        """Silence stays silence."""
        rate = self.output.rate_hz
        return [(at, part * envelope.silence_gate(heard, at, len(part), rate)) for at, part in placed]


class UpstreamRules:
    """Upstream's cuts, its windows of unequal length, its draws from torch's global generator, its joins."""

    def __init__(self, options: SpanOptions, output: Output, device: torch.device, optimization: OptimizationConfig):
        self.options, self.output, self.device = options, output, device

    def upload(self, audio: "np.ndarray | Tensor") -> Tensor:
        """On the host in float64, where upstream filters and cuts."""
        return torch.as_tensor(audio).to("cpu", torch.float64)

    def highpass(self, on_device: bool) -> Highpass:
        """scipy in float64, whatever was asked for: the cuts hang on its last digits."""
        return HostHighpass()

    def lay_out(self, wav: Tensor) -> Line:
        """Upstream's slices; the last one takes what is left."""
        cuts = spans.UpstreamCuts().cut_points(wav, self.options)
        windows = spans.plan_like_upstream(cuts, len(wav), self.options.x_pad * FRAMES_PER_SECOND)
        signal = wav.to(self.device, torch.float32)
        padded = spans.reflect_pad(signal, *spans.padding(windows, len(wav)))
        return Line(padded, windows, one_run, partial(self._render, signal), crops=False)

    def noise(self, seed: int, f0: Tensor | None, runs: Runs) -> Callable[[Sequence[int]], Noise]:
        """torch's global generator, which the caller seeds."""
        return lambda starts: GlobalNoise()

    def autotune(self, f0: Tensor, strength: float) -> Tensor:
        """To the nearest of a table of notes in Hz; unvoiced frames are bent too."""
        return contour.upstream_autotune(f0, strength)

    def shift(self, f0: Tensor, semitones: "float | Tensor", autotuned: bool) -> Tensor:
        """Forgotten under autotune; else on the host in float64, since a rounded factor drifts in the phase."""
        if autotuned:
            return f0
        semitones = semitones.double().cpu() if isinstance(semitones, Tensor) else semitones
        return contour.shift(f0.cpu().double(), semitones).to(f0)

    def _render(self, signal: Tensor, pieces: Iterable[Piece], rate: float, stage: Stage) -> np.ndarray:
        pad = self.options.x_pad * self.output.rate_hz
        out = spans.concatenate(piece.samples[pad:-pad] for piece in pieces)
        with stage("finish"):
            if rate != 1:
                out = envelope.match_envelope(signal, SAMPLE_RATE_HZ, out, self.output.rate_hz, rate)
            return finite(envelope.limit_peak(out, OUTPUT_PEAK).cpu().numpy())


def one_run(start: int, frames: int) -> list[spans.Span]:
    """Frames that lie where they say."""
    return [spans.Span(start, start + frames)]


def _kept(window: spans.Window, total_frames: int) -> slice:
    """A window's own frames that come into the song: its span, and what is faded over into its neighbours."""
    return window.locate(window.span.widened(OVERLAP_FRAMES, total_frames))


def _part(piece: Piece, frames: slice, hop: int) -> Tensor:
    """The samples of a window's frames."""
    return piece.samples[(frames.start - piece.first) * hop : (frames.stop - piece.first) * hop]
