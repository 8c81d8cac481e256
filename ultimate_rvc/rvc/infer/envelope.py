"""Loudness: the source's envelope put on the voice, a ceiling for peaks, and silence where the source is silent.

Envelopes are short rows of frames; they are drawn between frames block by block, so that an hour of audio needs no
second copy of itself. Nothing here waits for the device.
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
        rise = _line(wanted, start, len(piece), len(wanted) / len(target)).pow(1 - rate)
        fall = _line(own, start, len(piece), len(own) / len(target)).clamp_min(QUIETEST_RMS).pow(rate - 1)
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


def silence_gate(source: Tensor, samples: int, rate: int, *, threshold_db: float = SILENCE_DB) -> Tensor:
    """Gain [samples] at rate Hz: exactly 0 inside the source's silences, exactly 1 elsewhere.

    source [Ts] at 16 kHz. A silence is at least 100 ms whose every sample is at or below threshold_db (dB of full
    scale). The gain falls within 10 ms (raised cosine), some 30 ms inside the silence, so that quiet consonants and
    tails above the threshold keep every sample. Outside the signal all is silent.
    """
    if not len(source):
        return torch.zeros(samples, device=source.device)
    open_frames = _open_frames(source, 10 ** (threshold_db / 20))
    gain = torch.empty(samples, device=source.device)
    for start, piece in _blocks(gain):
        before, after, place = _neighbours(open_frames, start, len(piece), FRAMES_PER_SECOND / rate)
        piece.copy_(torch.lerp(before, after, raised_cosine(place)))
    return gain


def raised_cosine(place: Tensor) -> Tensor:
    """A step from 0 to 1 over places from 0 to 1, flat at both ends."""
    return 0.5 - 0.5 * torch.cos(math.pi * place)


def _open_frames(source: Tensor, threshold: float) -> Tensor:
    """source [Ts] → 1 where a frame of 10 ms is heard and 0 where it is silenced [F], float32."""
    frames = F.pad(source, (0, -len(source) % PITCH_HOP_SAMPLES)).view(-1, PITCH_HOP_SAMPLES)
    loud = (frames.abs().amax(1) > threshold).float()  # [F]
    # Outside is silent: the edges are filled with zeros before the two passes that drop short gaps.
    edge = MIN_GAP_FRAMES
    bridged = _widest(F.pad(loud, (edge, edge)), before=0, after=edge - 1)
    heard = 1 - _widest(1 - bridged, before=edge - 1, after=0)
    return _widest(heard, before=MARGIN_FRAMES, after=MARGIN_FRAMES)[edge:-edge]


def _widest(frames: Tensor, *, before: int, after: int) -> Tensor:
    """The largest of each frame's neighbours, so many before it and after it [F]; beyond the ends, the end itself."""
    padded = torch.cat([frames[:1].expand(before), frames, frames[-1:].expand(after)])
    return F.max_pool1d(padded[None, None], before + after + 1, stride=1)[0, 0]


def _blocks(wav: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The signal in pieces that share its memory, each with its first sample's place."""
    for start in range(0, len(wav), BLOCK_SAMPLES):
        yield start, wav[start : start + BLOCK_SAMPLES]


def _line(frames: Tensor, start: int, count: int, scale: float) -> Tensor:
    """Values [count] on straight lines between frames, from sample `start` on; `scale` is frames per sample."""
    before, after, place = _neighbours(frames, start, count, scale)
    return torch.lerp(before, after, place)


def _neighbours(frames: Tensor, start: int, count: int, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """For samples start … start + count - 1: the frame before, the frame after and the place between them (0 to 1).

    Frames and samples are seen as cells of equal whole length, as torch's interpolate with align_corners=False sees
    them. The block's own origin is worked out on the host, where it has enough digits for hours of samples.
    """
    origin = (start + 0.5) * scale - 0.5
    first = math.floor(origin)
    place = torch.arange(count, device=frames.device, dtype=frames.dtype) * scale + (origin - first)
    whole = place.floor()
    index = whole.long() + first
    last = len(frames) - 1
    return frames[index.clamp(0, last)], frames[(index + 1).clamp(0, last)], place - whole
