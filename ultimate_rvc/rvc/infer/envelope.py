"""Loudness: the source's envelope put on the voice, a ceiling for peaks, and silence where the source is silent.

Envelopes are short rows of frames; they are drawn between frames block by block, so that an hour of audio needs no
second copy of itself: samples come and go in pieces, each with its place in the song. Nothing here waits for the
device.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ultimate_rvc.rvc.seams import FRAMES_PER_SECOND, PITCH_HOP_SAMPLES

# Samples that are drawn at once.
BLOCK_SAMPLES = 1 << 20
# Upstream's floor under the loudness that is divided by.
QUIETEST_RMS = 1e-6
# Silence: below this for at least MIN_GAP_FRAMES. Room noise and reverb tails of a recording lie above it.
SILENCE_DB = -80.0
MIN_GAP_FRAMES = FRAMES_PER_SECOND // 10
# Silence begins and ends this far inside a gap: what a voice needs to ring out, and to breathe in.
MARGIN_FRAMES = 3
assert 2 * MARGIN_FRAMES + 1 < MIN_GAP_FRAMES


def match_envelope(source: Tensor, source_rate: int, target: Tensor, target_rate: int, rate: float) -> Tensor:
    """The target with its half-second loudness moved towards the source's: 1 keeps its own, 0 takes the source's.

    source [Ts] at source_rate Hz and target [Tt] at target_rate Hz → [Tt]. RVC's definition: RMS over frames of one
    second, half a second apart, and straight lines between them, stretched over the target's length.
    """
    if rate == 1 or not len(target):
        return target
    wanted, own = loudness(source, source_rate), loudness(target, target_rate)
    out = torch.empty_like(target)
    for start, piece in _blocks(target):
        rise = _line(wanted, start, len(piece), len(target)).pow(1 - rate)
        fall = _line(own, start, len(piece), len(target)).clamp_min(QUIETEST_RMS).pow(rate - 1)
        out[start : start + len(piece)] = piece * (rise * fall)
    return out


def loudness(wav: Tensor, rate: int) -> Tensor:
    """wav [T] at rate Hz → RMS [1 + T // hop] over frames of one second centred every half, zeros outside.

    A frame is two halves, so the squares are summed once per half.
    """
    hop = rate // 2
    whole = len(wav) // hop * hop
    halves = torch.linalg.vector_norm(wav[:whole].view(-1, hop), dim=1)  # [T // hop]
    rest = torch.linalg.vector_norm(wav[whole:]).view(1)
    power = F.pad(torch.cat([halves, rest]).square(), (1, 0))  # [2 + T // hop]
    return ((power[:-1] + power[1:]) / (2 * hop)).sqrt()


def limit_peak(wav: Tensor, ceiling: float) -> Tensor:
    """wav [T] scaled down as a whole until no sample exceeds the ceiling; untouched when none does."""
    if not len(wav):
        return wav
    peak = torch.maximum(wav.max(), -wav.min())
    return wav / (peak / ceiling).clamp_min(1)


Placed = tuple[int, Tensor]


def leveller(wanted: Tensor, samples: int, sample_rate: int, rate: float) -> "Leveller | NoLeveller":
    """What moves a voice's loudness towards the wanted one, if it is to be moved; see `Leveller`."""
    return NoLeveller() if rate == 1 else Leveller(wanted, samples, sample_rate, rate)


class Leveller:
    """`match_envelope` for a target that comes in pieces [n] with their places; what is between them is silence.

    A sample can be levelled when a second behind it is known, so that pieces leave later than they came.
    """

    def __init__(self, wanted: Tensor, samples: int, sample_rate: int, rate: float):
        """wanted: the source's `loudness`; samples: the target's whole length, at sample_rate Hz."""
        self._wanted, self._rate, self._hop = wanted, rate, sample_rate // 2
        self._energy = wanted.new_zeros(2 + samples // self._hop)  # of each half second, from the second entry on
        self._samples, self._known = samples, 0
        self._waiting: list[Placed] = []

    def take(self, start: int, piece: Tensor) -> None:
        """The next piece."""
        piece = piece[: max(0, self._samples - start)]
        for first in range(start // self._hop * self._hop, start + len(piece), self._hop):
            part = piece[max(0, first - start) : first + self._hop - start]
            self._energy[1 + first // self._hop] += torch.linalg.vector_norm(part).square()
        self._waiting.append((start, piece))
        self._known = start + len(piece)

    def ready(self) -> list[Placed]:
        """What can be levelled by now."""
        return self._levelled(
            math.floor((self._known // self._hop - 0.5) * self._samples / (len(self._energy) - 1) - 0.5)
        )

    def rest(self) -> list[Placed]:
        """What is left when no more pieces come."""
        return self._levelled(self._samples)

    def _levelled(self, end: int) -> list[Placed]:
        """Everything before this place that waits, with its gain."""
        own = ((self._energy[:-1] + self._energy[1:]) / (2 * self._hop)).sqrt()
        ready = [(start, piece[: end - start]) for start, piece in self._waiting if start < end]
        left = [(max(start, end), piece[max(0, end - start) :]) for start, piece in self._waiting]
        self._waiting = [(start, piece) for start, piece in left if len(piece)]
        return [(start, piece * self._gain(own, start, len(piece))) for start, piece in ready]

    def _gain(self, own: Tensor, start: int, count: int) -> Tensor:
        rise = _line(self._wanted, start, count, self._samples).pow(1 - self._rate)
        return rise * _line(own, start, count, self._samples).clamp_min(QUIETEST_RMS).pow(self._rate - 1)


class NoLeveller:
    """Leaves the voice its own loudness, so that nothing need wait."""

    def __init__(self) -> None:
        self._taken: list[Placed] = []

    def take(self, start: int, piece: Tensor) -> None:
        """The next piece."""
        self._taken.append((start, piece))

    def ready(self) -> list[Placed]:
        """Whatever was taken."""
        taken, self._taken = self._taken, []
        return taken

    def rest(self) -> list[Placed]:
        """Whatever was taken."""
        return self.ready()


def silence_gate(open_frames: Tensor, start: int, count: int, rate: int) -> Tensor:
    """Gain [count] for the samples from `start` on at rate Hz: exactly 0 in silences, exactly 1 elsewhere.

    open_frames [F] as `open_frames` gives them. The gain rises and falls within 10 ms (raised cosine).
    """
    before, after, place = _neighbours(open_frames, start, count, (FRAMES_PER_SECOND, rate))
    return torch.lerp(before, after, raised_cosine(place))


def open_frames(source: Tensor, *, threshold_db: float = SILENCE_DB) -> Tensor:
    """source [Ts] at 16 kHz → 1 where a frame of 10 ms is heard and 0 where it is silenced [F], float32.

    A silence is at least 100 ms whose every sample is at or below threshold_db (dB of full scale). Some 30 ms at both
    its ends stay open, so that quiet consonants and tails above the threshold keep every sample. Outside the signal
    all is silent.
    """
    loud = (_frame_peaks(source) > 10 ** (threshold_db / 20)).float()  # [F]
    # Outside is silent: the edges are filled with zeros before the two passes that drop short gaps.
    edge = MIN_GAP_FRAMES
    bridged = _widest(F.pad(loud, (edge, edge)), before=0, after=edge - 1)
    heard = 1 - _widest(1 - bridged, before=edge - 1, after=0)
    return _widest(heard, before=MARGIN_FRAMES, after=MARGIN_FRAMES)[edge:-edge]


def raised_cosine(place: Tensor) -> Tensor:
    """A step from 0 to 1 over places from 0 to 1, flat at both ends."""
    return 0.5 - 0.5 * torch.cos(math.pi * place)


def _frame_peaks(source: Tensor) -> Tensor:
    """source [Ts] → the largest magnitude in each frame of 10 ms [F], the last one perhaps short."""
    whole = len(source) // PITCH_HOP_SAMPLES * PITCH_HOP_SAMPLES
    low, high = source[:whole].view(-1, PITCH_HOP_SAMPLES).aminmax(dim=1)
    rest = source[whole:].abs().amax(0, keepdim=True) if whole < len(source) else source[:0]
    return torch.cat([torch.maximum(high, -low), rest])


def _widest(frames: Tensor, *, before: int, after: int) -> Tensor:
    """The largest of each frame's neighbours, so many before it and after it [F]; beyond the ends, the end itself."""
    padded = torch.cat([frames[:1].expand(before), frames, frames[-1:].expand(after)])
    return F.max_pool1d(padded[None, None], before + after + 1, stride=1)[0, 0]


def _blocks(wav: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The signal in pieces that share its memory, each with its first sample's place."""
    for start in range(0, len(wav), BLOCK_SAMPLES):
        yield start, wav[start : start + BLOCK_SAMPLES]


def _line(frames: Tensor, start: int, count: int, samples: int) -> Tensor:
    """Values [count] on straight lines between frames, from sample `start` on; the frames span so many samples."""
    before, after, place = _neighbours(frames, start, count, (len(frames), samples))
    return torch.lerp(before, after, place)


def _neighbours(frames: Tensor, start: int, count: int, scale: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """For samples start … start + count - 1: the frame before, the frame after and the place between them (0 to 1).

    Frames and samples are seen as cells, as torch's interpolate with align_corners=False sees them; `scale` is frames
    per samples. Counted in whole numbers, so that a sample gets the same gain in whatever piece it comes.
    """
    steps, cell = 2 * scale[0], 2 * scale[1]
    first, offset = divmod((2 * start + 1) * scale[0] - scale[1], cell)
    passed = torch.arange(count, device=frames.device) * steps + offset
    index = torch.div(passed, cell, rounding_mode="floor")
    place = (passed - index * cell).to(frames.dtype) / cell
    last = len(frames) - 1
    return frames[(index + first).clamp(0, last)], frames[(index + first + 1).clamp(0, last)], place
