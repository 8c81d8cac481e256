"""Every take of every clip, measured: melody, voice, words, faults."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from starter.judge import labels
from starter.judge.clips import Clip
from starter.judge.faults import Faults, faults
from starter.judge.melody import Following, agreed, every_frame, follow, track
from starter.judge.speaker import Ear, Likeness, likeness
from starter.judge.takes import CONVERTED, SOURCE, WORLD, Take
from starter.judge.words import Choice, Listener, choose, errors, plain_words

# Whole words are looked for where there may be any; it takes long.
WITH_WORDS = (SOURCE, WORLD, CONVERTED)


@dataclass(frozen=True)
class Words:
    """Phone errors a phone against what is heard in the source, and against the truth; word errors a word; the true
    sentence among others; vowels told apart. NaN or None where there is nothing to compare with."""

    from_source: float
    from_truth: float
    word_errors: float
    choice: Choice | None
    vowels: float
    heard: str


@dataclass(frozen=True)
class Finding:
    """All that was measured of one take; `sure` is the melody where two trackers agree on the source's."""

    clip: str
    kind: str
    condition: str
    semitones: int
    melody: Following
    sure: Following
    likeness: Likeness
    words: Words
    faults: Faults


@dataclass(frozen=True, eq=False)
class Source:
    """What the takes of a clip are compared with."""

    clip: Clip
    f0: np.ndarray
    sure_f0: np.ndarray
    voice: np.ndarray
    phones: list[str]
    sentence: list[tuple[str, ...]]


class Judge:
    """Compares takes with their clip and with the target's voice [256]; loads the judges' models once."""

    def __init__(self, ear: Ear, target: np.ndarray):
        self.ear, self.target, self.listener = ear, target, Listener()

    def hear(self, clip: Clip, f0: np.ndarray) -> Source:
        """The clip's own melody (f0 [F], by hand where there is such), voice and phones."""
        wav = clip.sound.wav_16k
        true = f0 if clip.f0 is None else every_frame(clip.f0, len(f0))
        sure = agreed(wav, true)
        return Source(clip, true, sure, self.ear.voice(wav), self.listener.phones(wav), self._sentence(clip))

    def judge(self, take: Take, source: Source) -> Finding:
        """One take of the source."""
        wav, clip = take.sound.wav_16k, source.clip
        f0 = track(wav)
        melody, sure = (follow(f0, true, take.semitones) for true in (source.f0, source.sure_f0))
        voice = likeness(self.ear.voice(wav), self.target, source.voice)
        wrong = faults(take.sound.audio, clip.audio)
        words = self._words(wav, source, take.condition)
        return Finding(clip.name, clip.kind, take.condition, take.semitones, melody, sure, voice, words, wrong)

    def _words(self, wav: np.ndarray, source: Source, condition: str) -> Words:
        heard, clip = self.listener.phones(wav), source.clip
        has_words = clip.text and condition in WITH_WORDS
        true = [phone for word in source.sentence for phone in word]
        return Words(
            errors(heard, source.phones),
            errors(heard, true),
            errors(self.listener.words(wav), plain_words(clip.text)) if has_words else np.nan,
            choose(heard, source.sentence) if len(source.sentence) > 1 else None,
            labels.vowels_told_apart(wav, labels.read_hts(clip.labels)) if clip.labels else np.nan,
            " ".join(heard),
        )

    def _sentence(self, clip: Clip) -> list[tuple[str, ...]]:
        """The clip's words (or syllables) as phones, as far as it is known what they are."""
        if clip.text:
            return self.listener.spell(clip.text)
        if clip.labels:
            return labels.syllables(labels.read_hts(clip.labels))
        return [tuple(word.split()) for word in clip.phones]


def finding(findings: Sequence[Finding], clip: str, condition: str) -> Finding | None:
    """That of a clip under a condition."""
    return next((one for one in findings if (one.clip, one.condition) == (clip, condition)), None)


def clip_names(findings: Sequence[Finding]) -> list[str]:
    """In the order in which they were judged."""
    return list(dict.fromkeys(one.clip for one in findings))


def tracker_error(clips: Sequence[Clip]) -> dict[str, Following]:
    """How far the tracker itself is off where the melody was annotated by hand."""
    found = ((clip, track(clip.sound.wav_16k)) for clip in clips if clip.f0 is not None)
    return {clip.name: follow(f0, every_frame(clip.f0, len(f0))) for clip, f0 in found}
