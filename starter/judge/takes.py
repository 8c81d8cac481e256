"""What is judged of a clip: itself, taken apart and put together again, and converted, also with its words spoilt.

    source      the recording as it is: words at their best, the voice not moved
    world       the same through WORLD: what analysis and synthesis alone cost
    converted   by the voice
    shuffled    by the voice, with the content frames in another order: the melody kept, the words lost
    constant    by the voice, with the mean content frame all the time

A clip of the target speaker goes the same ways. What `world` loses of it no voice can do better, and what
`converted` loses of it the voice loses by itself: its encoder heard the very speaker it was trained with.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from starter.judge.clips import Clip, Sound
from starter.judge.melody import resynthesised
from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.options import ConversionOptions
from ultimate_rvc.rvc.embed.hubert import embedder_for
from ultimate_rvc.rvc.infer.infer import VoiceConverter
from ultimate_rvc.rvc.infer.shelf import Shelf
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ, Embedder

if TYPE_CHECKING:
    from ultimate_rvc.voices.library import VoiceFiles

SOURCE, WORLD, CONVERTED, SHUFFLED, CONSTANT = CONDITIONS = ("source", "world", "converted", "shuffled", "constant")
SEED = 0
Arrange = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Take:
    """A clip under a condition, meant to be so many semitones above the clip."""

    condition: str
    sound: Sound
    semitones: int = 0


def shuffled(features: torch.Tensor) -> torch.Tensor:
    """features [B, L, D] in another order of L, always the same one."""
    order = torch.randperm(features.shape[1], generator=torch.Generator().manual_seed(SEED))
    return features[:, order.to(features.device)]


def constant(features: torch.Tensor) -> torch.Tensor:
    """The mean frame in the place of every frame of features [B, L, D]."""
    return features.mean(dim=1, keepdim=True).expand_as(features).clone()


ARRANGEMENTS: dict[str, Arrange] = {SHUFFLED: shuffled, CONSTANT: constant}


class Rearranged:
    """An encoder in the form that others' have, whose frames are rearranged."""

    def __init__(self, embedder: Embedder, arrange: Arrange):
        self.embedder, self.arrange = embedder, arrange

    def __call__(self, wav: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"last_hidden_state": self.arrange(self.embedder(wav))}

    def final_proj(self, features: torch.Tensor) -> torch.Tensor:
        """What v1 voices ask for; the embedder has projected already."""
        return features


class RearrangingConverter(VoiceConverter):
    """A converter whose encoder is spoilt, in everything else the same; it shares what was loaded."""

    def __init__(self, arrange: Arrange, shelf: Shelf):
        super().__init__()
        self.arrange, self.shelf = arrange, shelf

    def load_hubert(self, embedder_model: str, embedder_model_custom: str | None = None) -> None:
        super().load_hubert(embedder_model, embedder_model_custom)
        self.hubert_model = Rearranged(embedder_for(self.hubert_model, self.version), self.arrange)


class Stage:
    """Makes the takes of clips, with one voice and one set of options."""

    def __init__(self, voice: "VoiceFiles", options: ConversionOptions):
        self.options, self.voice, plain = options, voice, VoiceConverter()
        spoilt = {name: RearrangingConverter(arrange, plain.shelf) for name, arrange in ARRANGEMENTS.items()}
        self.converters: dict[str, VoiceConverter] = {CONVERTED: plain, **spoilt}
        for converter in self.converters.values():
            converter.load_voice(voice.checkpoint, voice.index)

    def takes(self, clip: Clip, conditions: tuple[str, ...], semitones: int) -> Iterator[Take]:
        """The clip's takes in the order of `conditions`; conversions are so many semitones higher."""
        for condition in conditions:
            if condition == SOURCE:
                yield Take(SOURCE, clip.sound)
            elif condition == WORLD:
                yield Take(WORLD, Sound(Audio(resynthesised(clip.sound.wav_16k), SAMPLE_RATE_HZ)))
            else:
                yield Take(condition, self._converted(clip, condition, semitones), semitones)

    def used(self, clip: Clip) -> dict[str, Any]:
        """What the conversion of a clip is made with, in words."""
        return self.converters[CONVERTED].convert(_beginning(clip.audio), self.options).used

    def _converted(self, clip: Clip, condition: str, semitones: int) -> Sound:
        pitch = replace(self.options.pitch, n_octaves=0, n_semitones=semitones)
        return Sound(self.converters[condition].convert(clip.audio, replace(self.options, pitch=pitch)).audio)


def _beginning(audio: Audio, seconds: float = 1.0) -> Audio:
    return Audio(np.ascontiguousarray(audio.samples[:, : round(seconds * audio.rate)]), audio.rate)


def save_takes(folder: Path, clip: Clip, takes: list[Take]) -> list[Path]:
    """Writes the takes as FOLDER/CLIP/CONDITION.flac."""
    from ultimate_rvc.audio.file import save

    return [save(take.sound.audio, folder / clip.name / f"{take.condition}.flac") for take in takes]
