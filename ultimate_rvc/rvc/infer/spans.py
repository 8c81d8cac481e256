"""Where a long signal is cut, which context each piece is converted with, and how the pieces become one signal again.

Everything is counted in pitch frames of 160 samples at 16 kHz. A span is what a piece contributes; a window is the span
with context on both sides, as it is sent through the networks. Upstream cuts where the sum of 160 samples is nearest
zero, which finds zero crossings, also inside held notes; `QuietCuts` looks for the least energy, and `UpstreamCuts`
keeps the other for comparison.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ultimate_rvc.errors import AudioError
from ultimate_rvc.options import SpanOptions
from ultimate_rvc.rvc.infer.envelope import raised_cosine
from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND, PITCH_HOP_SAMPLES, SAMPLE_RATE_HZ

# What the content encoder needs beyond its frames: L = (T - 80) // 320 frames from T samples.
CONTENT_EXTRA_SAMPLES = 80
# A place to cut is judged by this much sound around it.
QUIET_WINDOW_FRAMES = 4
# Below this, places are equally quiet and the one nearest to an even division wins.
QUIET_FLOOR_DB = -70.0
# What a cut may be louder per second that it is nearer to an even division: enough to decide between equals only.
DISTANCE_DB_PER_SECOND = 0.1
# Cuts lie on even frames, so that every window sees the content encoder's 320-sample grid in the same phase.
CUT_STEP_FRAMES = 2
assert QUIET_WINDOW_FRAMES % 2 == 0


@dataclass(frozen=True)
class Span:
    """Frames start … end - 1 of the signal."""

    start: int
    end: int

    @property
    def frames(self) -> int:
        """Its length."""
        return self.end - self.start

    def moved(self, frames: int) -> "Span":
        """The same span so many frames later."""
        return Span(self.start + frames, self.end + frames)

    def widened(self, frames: int, total_frames: int) -> "Span":
        """With so many more frames on both sides, as far as the signal reaches."""
        return Span(max(0, self.start - frames), min(total_frames, self.end + frames))


@dataclass(frozen=True)
class Window:
    """A stretch of the padded signal: the span, its context, and the samples that the content encoder needs for it.

    `start` and `frames` count pitch frames of the padded signal, in which the signal itself begins at frame `pad`;
    `samples` is the length of the audio slice.
    """

    span: Span
    start: int
    frames: int
    samples: int
    pad: int

    @property
    def start_sample(self) -> int:
        """Where the audio slice begins in the padded signal."""
        return self.start * PITCH_HOP_SAMPLES

    def locate(self, span: Span) -> slice:
        """Where frames of the signal lie among the window's own."""
        offset = self.pad - self.start
        return slice(span.start + offset, span.end + offset)


class Cutter(Protocol):
    """Finds the places to cut."""

    def cut_points(self, wav: Tensor, options: SpanOptions) -> list[int]:
        """wav [T] at 16 kHz → rising frames strictly inside the signal; none when it need not be cut."""


def is_long(length: int, options: SpanOptions) -> bool:
    """Whether a signal of so many samples is cut at all; upstream counts one hop more than the signal has."""
    return length + PITCH_HOP_SAMPLES > options.x_max * SAMPLE_RATE_HZ


class QuietCuts:
    """Equal parts of about x_center, each border moved to the quietest place within x_query.

    The search runs on the signal's device; the few places come to the host in one transfer at its end, before any
    span is converted.
    """

    def cut_points(self, wav: Tensor, options: SpanOptions) -> list[int]:
        """wav [T] at 16 kHz → even frames; each at most x_query (and a quarter of a part) from an equal division."""
        if not is_long(len(wav), options):
            return []
        total = len(wav) // PITCH_HOP_SAMPLES
        parts = max(2, math.ceil(total / (options.x_center * FRAMES_PER_SECOND)))
        radius = min(options.x_query * FRAMES_PER_SECOND, total // parts // 4) // CUT_STEP_FRAMES
        even = [round(total * i / parts / CUT_STEP_FRAMES) * CUT_STEP_FRAMES for i in range(1, parts)]
        offsets = torch.arange(-radius, radius + 1, device=wav.device) * CUT_STEP_FRAMES
        places = torch.tensor(even, device=wav.device)[:, None] + offsets  # [parts - 1, 2·radius + 1]
        penalty = offsets.abs() * (DISTANCE_DB_PER_SECOND / FRAMES_PER_SECOND)
        best = (border_level_db(wav)[places] + penalty).argmin(1, keepdim=True)
        return places.gather(1, best)[:, 0].tolist()


def border_level_db(wav: Tensor) -> Tensor:
    """Level around each border between two frames, in dB of full scale and not below the floor: [T // 160 + 1]."""
    frames = wav[: len(wav) // PITCH_HOP_SAMPLES * PITCH_HOP_SAMPLES].view(-1, PITCH_HOP_SAMPLES)
    power = torch.linalg.vector_norm(frames, dim=1).square() / PITCH_HOP_SAMPLES  # [T // 160]
    around = F.avg_pool1d(power[None, None], QUIET_WINDOW_FRAMES, 1, QUIET_WINDOW_FRAMES // 2)[0, 0]
    return 10 * torch.log10(around.clamp_min(10 ** (QUIET_FLOOR_DB / 10)))


class UpstreamCuts:
    """Upstream's places to the frame: the first smallest |sum of 160 samples| near every multiple of x_center.

    Works on the host in float64. A running sum finds the few candidates; only those are added up in upstream's order,
    so that rounding cannot choose another place.
    """

    def cut_points(self, wav: Tensor, options: SpanOptions) -> list[int]:
        """wav [T] at 16 kHz, float64 for upstream's own digits → frames."""
        if not is_long(len(wav), options):
            return []
        samples = wav.detach().cpu().numpy().astype(np.float64)
        half = PITCH_HOP_SAMPLES // 2
        padded = np.pad(samples, (half, half), mode="reflect")
        center, radius = options.x_center * SAMPLE_RATE_HZ, options.x_query * SAMPLE_RATE_HZ
        centers = range(center, len(samples), center)
        found = [_calmest(padded, max(0, c - radius), min(len(samples), c + radius)) for c in centers]
        return [place // PITCH_HOP_SAMPLES for place in found]


def _calmest(padded: np.ndarray, first: int, last: int) -> int:
    """The first of the places first … last - 1 at which |sum of the next 160 samples| is smallest."""
    region = padded[first : last + PITCH_HOP_SAMPLES]
    running = np.concatenate([[0.0], np.cumsum(region)])
    rough = np.abs(running[PITCH_HOP_SAMPLES:] - running[:-PITCH_HOP_SAMPLES])[: last - first]
    # A bound on what the running sum can be off by.
    doubt = np.finfo(np.float64).eps * len(region) * np.abs(region).sum() + np.finfo(np.float64).tiny
    candidates = np.flatnonzero(rough <= rough.min() + 2 * doubt)
    sums = np.zeros(len(candidates))
    for step in range(PITCH_HOP_SAMPLES):
        sums += region[candidates + step]
    return first + int(candidates[np.abs(sums).argmin()])


def divide(cuts: Sequence[int], total_frames: int) -> list[Span]:
    """The spans between the cuts: they tile the signal."""
    borders = [0, *cuts, total_frames]
    return [Span(a, b) for a, b in pairwise(borders)]


def plan(cuts: Sequence[int], total_frames: int, pad_frames: int, *, step_frames: int | None = None) -> list[Window]:
    """Windows of even length, each with pad_frames of context before its span and at least as many after it.

    All are as long as the longest, or with step_frames, each as long as its span, rounded up to a multiple of that: a
    few lengths that come again and again. The slice of every window has the 80 samples more that make the content
    encoder give exactly frames / 2.
    """
    spans = divide(cuts, total_frames)
    step = step_frames if step_frames and len(spans) > 1 else max(span.frames for span in spans)
    return [_window(span, -(-span.frames // step) * step + 2 * pad_frames, pad_frames) for span in spans]


def _window(span: Span, frames: int, pad_frames: int) -> Window:
    frames += frames % 2
    return Window(span, span.start, frames, frames * PITCH_HOP_SAMPLES + CONTENT_EXTRA_SAMPLES, pad_frames)


def plan_like_upstream(cuts: Sequence[int], length: int, pad_frames: int) -> list[Window]:
    """Upstream's windows for a signal of so many samples: of unequal length, the slice one frame longer than the pitch.

    The last one reaches to the end of the padded signal; its slice keeps the samples beyond the last whole frame.
    """
    padded = length + 2 * pad_frames * PITCH_HOP_SAMPLES
    spans = divide(cuts, length // PITCH_HOP_SAMPLES)
    inner = [_upstream_window(span, span.frames + 2 * pad_frames, pad_frames) for span in spans[:-1]]
    last = spans[-1]
    rest = padded - last.start * PITCH_HOP_SAMPLES
    return [*inner, Window(last, last.start, rest // PITCH_HOP_SAMPLES, rest, pad_frames)]


def _upstream_window(span: Span, frames: int, pad_frames: int) -> Window:
    return Window(span, span.start, frames, (frames + 1) * PITCH_HOP_SAMPLES, pad_frames)


def padding(windows: Sequence[Window], length: int) -> tuple[int, int]:
    """Samples that a signal of so many samples is padded by on the left and on the right for these windows."""
    left = windows[0].pad * PITCH_HOP_SAMPLES
    reach = max(window.start_sample + window.samples for window in windows)
    return left, max(left, reach - left - length)


def not_empty(wav: Tensor) -> Tensor:
    """wav; an AudioError when it holds no samples."""
    if not len(wav):
        raise AudioError("the signal holds no samples; hand in at least one")
    return wav


def end_to_end(wav: Tensor, spans: Sequence[Span], pad_frames: int = 0) -> Tensor:
    """wav [T], padded by so many frames (see `reflect_pad`) → its spans' samples as one line; a view of a single one.

    Without padding, a last frame may be short.
    """
    pieces = [piece for span in spans for piece in _samples(wav, span.moved(-pad_frames), mirror=pad_frames > 0)]
    pieces = [piece for piece in pieces if len(piece)] or [wav[:0]]
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces)


def _samples(wav: Tensor, span: Span, *, mirror: bool) -> list[Tensor]:
    start, end = span.start * PITCH_HOP_SAMPLES, span.end * PITCH_HOP_SAMPLES
    return reflected(wav, start, end) if mirror else [wav[start:end]]


def reflect_pad(wav: Tensor, left: int, right: int) -> Tensor:
    """wav [T] → [left + T + right], mirrored about its first and last sample as often as needed.

    As numpy.pad(mode="reflect") does for any length; a single sample is repeated.
    """
    return torch.cat(reflected(not_empty(wav), -left, len(wav) + right))


def reflected(wav: Tensor, start: int, end: int) -> list[Tensor]:
    """Samples start … end - 1 of wav [T], mirrored beyond its ends; in three pieces, the middle one a view."""
    before = torch.arange(start, min(0, end), device=wav.device) if start < 0 else wav[:0].long()
    after = torch.arange(max(start, len(wav)), max(end, start, len(wav)), device=wav.device)
    inside = wav[max(0, start) : max(0, end)]
    return [wav[_mirrored(before, len(wav))], inside, wav[_mirrored(after, len(wav))]]


def _mirrored(places: Tensor, length: int) -> Tensor:
    """Places on an endless line → places inside the signal: a triangle wave of period 2·(length - 1)."""
    period = max(1, 2 * (length - 1))
    inside = places % period
    return torch.minimum(inside, period - inside)


def gather(padded: Tensor, starts: Sequence[int], length: int) -> Tensor:
    """padded [T] → [B, length], a row from each start."""
    return torch.stack([padded[start : start + length] for start in starts])


def join(pieces: Iterable[Tensor], spans: Sequence[Span], *, hop_samples: int, overlap_frames: int) -> Iterator[Tensor]:
    """Pieces as they come, one per span → the whole in as many, each as soon as no later piece reaches into it.

    Piece i covers `spans[i].widened(overlap_frames, total)`. Where two meet, the new one fades in over both overlaps
    by a raised cosine of equal gain, written so that equal samples stay exactly what they are.
    """
    total = spans[-1].end if spans else 0
    covered = [span.widened(overlap_frames, total).start * hop_samples for span in spans] + [total * hop_samples]
    held = None
    for piece, (start, following) in zip(pieces, pairwise(covered), strict=True):
        held = piece if held is None else _faded(held, piece)
        yield held[: following - start]
        held = held[following - start :]


def _faded(held: Tensor, piece: Tensor) -> Tensor:
    """The end of what came before, and a piece that begins with it and fades in over it."""
    both = min(len(held), len(piece))
    rise = raised_cosine((torch.arange(both, device=piece.device, dtype=piece.dtype) + 0.5) / max(1, both))
    return torch.cat([torch.lerp(held[:both], piece[:both], rise), held[both:], piece[both:]])


def concatenate(pieces: Iterable[Tensor]) -> Tensor:
    """Upstream's way: one after the other, of any length."""
    return torch.cat(list(pieces))
