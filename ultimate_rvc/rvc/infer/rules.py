"""Two sets of rules for what happens around the networks: our own, and upstream's with its known defects.

`Pipeline` holds one of them and never asks which. docs/parity.md lists what they do differently.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ultimate_rvc.options import SpanOptions
from ultimate_rvc.rvc.infer import spans
from ultimate_rvc.rvc.infer.envelope import silence_gate
from ultimate_rvc.rvc.infer.highpass import DeviceHighpass, HostHighpass
from ultimate_rvc.rvc.pitch import contour
from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND, PITCH_HOP_SAMPLES, SAMPLE_RATE_HZ, Noise
from ultimate_rvc.rvc.synth.noise import GlobalNoise, SeededNoise, source_phase

# Two neighbouring pieces are faded into each other over this much on each side of their border.
OVERLAP_FRAMES = 4


@dataclass(frozen=True)
class Output:
    """Of what comes out: the rate, and samples per pitch frame."""

    rate_hz: int

    @property
    def hop_samples(self) -> int:
        """Every RVC rate is a multiple of 100 Hz."""
        return self.rate_hz // FRAMES_PER_SECOND


@dataclass(frozen=True)
class Batch:
    """Some windows of one length, side by side, of a song of so many frames."""

    padded: Tensor
    windows: Sequence[spans.Window]
    total_frames: int
    done: int

    @property
    def starts(self) -> list[int]:
        """First frame of each window on the padded line."""
        return [window.start for window in self.windows]

    @property
    def kept(self) -> slice:
        """The same frames of every window, among them all that come into the song."""
        kept = [_kept(window, self.total_frames) for window in self.windows]
        return slice(min(frames.start for frames in kept), max(frames.stop for frames in kept))

    def samples(self) -> Tensor:
        """[B, T] at 16 kHz."""
        starts = [window.start_sample for window in self.windows]
        return spans.gather(self.padded, starts, self.windows[0].samples)

    def frames(self, contour: Tensor | None) -> Tensor | None:
        """contour [F] of the padded line → [B, F] of the windows."""
        return None if contour is None else spans.gather(contour, self.starts, self.windows[0].frames)


@dataclass(frozen=True)
class Piece:
    """What one window gave: its samples [n] from its frame `first` on."""

    samples: Tensor
    first: int = 0


@dataclass(frozen=True)
class Line:
    """A signal laid out for conversion: signal [T] and padded [P] at 16 kHz on the device, and its windows.

    `join` makes one signal of what the windows gave; `crops` says whether what a window gave may be its batch's `kept`
    frames alone.
    """

    signal: Tensor
    padded: Tensor
    windows: Sequence[spans.Window]
    join: Callable[[Iterable["Piece"]], Tensor]
    crops: bool = True

    @property
    def spans(self) -> int:
        """How many pieces the signal is converted in."""
        return len(self.windows)

    def batches(self, size: int) -> Iterator[Batch]:
        """The windows in order, at most `size` at once."""
        for first in range(0, len(self.windows), size):
            chosen = self.windows[first : first + size]
            yield Batch(self.padded, chosen, self.windows[-1].span.end, first + len(chosen))


Highpass = Callable[[Tensor], Tensor]


class Rules(Protocol):
    """What surrounds the networks."""

    def upload(self, audio: "np.ndarray | Tensor") -> Tensor:
        """audio [T] → a tensor [T] where the high-pass wants it."""

    def highpass(self, on_device: bool) -> Highpass:
        """The filter, on the device unless that is switched off."""

    def lay_out(self, wav: Tensor) -> Line:
        """The high-passed signal [T], cut and padded."""

    def noise(self, seed: int, f0: Tensor | None) -> Callable[[Sequence[int]], Noise]:
        """→ a function from the windows' first frames to the noise of their batch; f0 [F] of the padded line."""

    def autotune(self, f0: Tensor, strength: float) -> Tensor:
        """f0 [F] Hz → [F] pulled to the scale."""

    def shift(self, f0: Tensor, semitones: "float | Tensor", autotuned: bool) -> Tensor:
        """f0 [F] Hz → [F] in the new key."""

    def finish(self, signal: Tensor, out: Tensor) -> Tensor:
        """The last touch on the joined samples [T·rate/16000]."""


class OwnRules:
    """Quiet cuts, windows of one length, a source that goes on across spans, crossfades, silence that stays silent."""

    def __init__(self, options: SpanOptions, output: Output, device: torch.device):
        self.options, self.output, self.device = options, output, device

    def upload(self, audio: "np.ndarray | Tensor") -> Tensor:
        """To the device at once, as float32."""
        return torch.as_tensor(audio).to(self.device, torch.float32)

    def highpass(self, on_device: bool) -> Highpass:
        """float32 on the device, or scipy on the host."""
        return DeviceHighpass(self.device) if on_device else HostHighpass()

    def lay_out(self, wav: Tensor) -> Line:
        """Windows of one even length that tile the signal."""
        total_frames = -(-len(wav) // PITCH_HOP_SAMPLES)
        cuts = spans.QuietCuts().cut_points(wav, self.options)
        windows = spans.plan(cuts, total_frames, self.options.x_pad * FRAMES_PER_SECOND)
        padded = spans.reflect_pad(wav, *spans.padding(windows, len(wav)))
        return Line(wav, padded, windows, lambda pieces: self._join(pieces, windows, len(wav)))

    def noise(self, seed: int, f0: Tensor | None) -> Callable[[Sequence[int]], Noise]:
        """Numbers that depend on the seed and the place in the song, so that neighbouring windows agree."""
        phase = None if f0 is None else source_phase(f0, self.output.hop_samples, self.output.rate_hz)

        def draw(starts: Sequence[int]) -> Noise:
            begun = None if phase is None else torch.stack([phase[start] for start in starts])
            return SeededNoise(seed, starts, begun)

        return draw

    def autotune(self, f0: Tensor, strength: float) -> Tensor:
        """To the equal-tempered scale; unvoiced stays unvoiced."""
        return contour.autotune(f0, strength)

    def shift(self, f0: Tensor, semitones: "float | Tensor", autotuned: bool) -> Tensor:
        """Always as asked for."""
        return contour.shift(f0, semitones)

    def finish(self, signal: Tensor, out: Tensor) -> Tensor:
        """Silence stays silence."""
        return out * silence_gate(signal, len(out), self.output.rate_hz)

    def _join(self, pieces: Iterable[Piece], windows: Sequence[spans.Window], length: int) -> Tensor:
        hop, total = self.output.hop_samples, windows[-1].span.end
        inner = (_part(piece, _kept(window, total), hop) for piece, window in zip(pieces, windows, strict=True))
        joined = spans.join(inner, [w.span for w in windows], hop_samples=hop, overlap_frames=OVERLAP_FRAMES)
        return joined[: round(length * self.output.rate_hz / SAMPLE_RATE_HZ)]


class UpstreamRules:
    """Upstream's cuts, its windows of unequal length, its draws from torch's global generator, its joins."""

    def __init__(self, options: SpanOptions, output: Output, device: torch.device):
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
        return Line(signal, padded, windows, self._join, crops=False)

    def noise(self, seed: int, f0: Tensor | None) -> Callable[[Sequence[int]], Noise]:
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

    def finish(self, signal: Tensor, out: Tensor) -> Tensor:
        """Nothing."""
        return out

    def _join(self, pieces: Iterable[Piece]) -> Tensor:
        pad = self.options.x_pad * self.output.rate_hz
        return spans.concatenate(piece.samples[pad:-pad] for piece in pieces)


def _kept(window: spans.Window, total_frames: int) -> slice:
    """A window's own frames that come into the song: its span, and what is faded over into its neighbours."""
    return window.locate(window.span.widened(OVERLAP_FRAMES, total_frames))


def _part(piece: Piece, frames: slice, hop: int) -> Tensor:
    """The samples of a window's frames."""
    return piece.samples[(frames.start - piece.first) * hop : (frames.stop - piece.first) * hop]
