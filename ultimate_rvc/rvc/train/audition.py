"""A voice in training sings a slice at each save, and a tracker that knows nothing of it says how well in tune.

A voice whose sine has died still has falling losses; its pitch gives it away.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ultimate_rvc.audio.file import save
from ultimate_rvc.audio.resample import resample
from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.rvc.pitch.registry import load
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ
from ultimate_rvc.rvc.synth.noise import SeededNoise
from ultimate_rvc.rvc.synth.synthesizer import Synthesizer
from ultimate_rvc.rvc.train.dataset import Dataset, Slice

logger = logging.getLogger(__name__)

TRACKER = "swift"
CENTS_PER_OCTAVE = 1200
OFF_PITCH_CENTS = 50.0
# Slices among which the one with most melody is taken.
LISTENED = 64
SEED = 0


@dataclass(frozen=True)
class Heard:
    """What was sung [T], and its median distance from the melody in cents; None where no pitch was found in either."""

    audio: Audio
    cents: float | None


def reference(dataset: Dataset) -> Slice:
    """The slice with most voiced frames among the first ones."""
    candidates = [dataset[i] for i in range(min(LISTENED, len(dataset)))]
    return max(candidates, key=lambda one: int((one.f0 > 0).sum()))


@torch.no_grad()
def audition(voice: Synthesizer, heard: Slice) -> Heard:
    """The voice sings the slice's words and melody, from content and pitch alone."""
    features = heard.features.repeat_interleave(2, 0)[: heard.frames].cpu()
    f0 = heard.f0.cpu()
    speaker = torch.tensor([heard.speaker])
    wav = voice(features[None], heard.coarse.cpu()[None], f0[None], speaker, SeededNoise(SEED, [0]))
    audio = Audio(wav[0].numpy(), voice.sample_rate_hz)
    return Heard(audio, off_pitch(audio, f0))


def off_pitch(audio: Audio, f0: Tensor) -> float | None:
    """Median distance in cents between the audio's pitch and f0 [F] Hz, where both have one."""
    wav = torch.from_numpy(resample(audio, SAMPLE_RATE_HZ).samples[0])
    found = load(TRACKER, torch.device("cpu"))(wav)
    frames = min(len(found), len(f0))
    wanted, found = f0[:frames].numpy(), found[:frames].numpy()
    both = (wanted > 0) & (found > 0)
    if not both.any():
        return None
    return float(np.median(np.abs(CENTS_PER_OCTAVE * np.log2(found[both] / wanted[both]))))


def keep(heard: Heard, folder: Path, epoch: int) -> Path:
    """Writes the sample beside the checkpoints' figures, and warns where it is out of tune."""
    if heard.cents is None:
        logger.warning("epoch %d: the sample has no pitch that could be found; the voice does not sing yet", epoch)
    elif heard.cents > OFF_PITCH_CENTS:
        logger.warning(
            "epoch %d: the sample is %.0f cents off its melody; the voice does not sing yet", epoch, heard.cents
        )
    return save(heard.audio, folder / f"sample_{epoch:05d}.wav")
