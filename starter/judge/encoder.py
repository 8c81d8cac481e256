"""Judges a content encoder before a voice is built on it: does it hear the words, and does it forget the speaker?

    python -m starter.judge.encoder OUT --encoder FOLDER --train CORPUS --test CORPUS [--audio FOLDER]

A linear probe and nearest neighbours learn phones from the features of some speakers and name those of others (Alain
& Bengio 2016), the same from log-mel spectra. A linear probe over speakers tells how much of them is left: the nearer
to chance, the better. With --audio also on real recordings: speech whose text is known, five vowels of sung Japanese.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from starter.judge.clips import HELD_OUT, read_clips
from starter.judge.corpus import Labelled, frame_phones, labelled_clips, read_corpus
from starter.judge.labels import FIVE_VOWELS, VOWELS
from starter.judge.report import number, table
from starter.judge.words import SILENCE
from ultimate_rvc.errors import UrvcError
from ultimate_rvc.rvc.seams import CONTENT_HOP_SAMPLES, SAMPLE_RATE_HZ

# wav [T] at 16 kHz → features [L, D], 50 a second.
Features = Callable[[np.ndarray], np.ndarray]

MELS, WINDOW_SAMPLES = 80, 400
# Frames to each side that log-mel features see too: about as long as a phone.
CONTEXT = 4
NEIGHBOURS = 8
SPEAKER = "speaker"
PROBE_STEPS = 200


@dataclass(frozen=True)
class Frames:
    """Features [N, D], the phone [N] of each, and whose [N] and which recording's [N] it is."""

    features: np.ndarray
    phones: np.ndarray
    speakers: np.ndarray
    recordings: np.ndarray

    def where(self, kept: np.ndarray) -> "Frames":
        """Those of a mask or of indices [N]."""
        return Frames(*(values[kept] for values in (self.features, self.phones, self.speakers, self.recordings)))

    def few(self, count: int) -> "Frames":
        """At most so many, drawn evenly, always the same ones."""
        order = np.random.default_rng(0).permutation(len(self.phones))[:count]
        return self.where(np.sort(order))

    @property
    def sounding(self) -> "Frames":
        """Those that are not silence."""
        return self.where(self.phones != SILENCE)


@dataclass(frozen=True)
class Accuracy:
    """Shares of frames: phones named by a linear probe and by neighbours; what the most common phone would give."""

    what: str
    features: str
    probe: float
    neighbours: float
    chance: float
    classes: int


def encoder_features(folder: Path, version: str) -> Features:
    """What voices of this version get of the encoder in that folder. Raises WeightsNotFound, CheckpointError."""
    import torch

    from ultimate_rvc.rvc.embed.hubert import embedder_for, load_encoder

    embedder = embedder_for(load_encoder(folder, "cpu"), version)
    return lambda wav: embedder(torch.from_numpy(wav)[None])[0].numpy()


def log_mel(wav: np.ndarray) -> np.ndarray:
    """wav [T] at 16 kHz → log-mel spectra [L, 80] on an encoder's frames, without the recording's mean."""
    import librosa

    bands = librosa.feature.melspectrogram(
        y=wav, sr=SAMPLE_RATE_HZ, n_fft=WINDOW_SAMPLES, hop_length=CONTENT_HOP_SAMPLES, n_mels=MELS, center=False
    )
    levels = np.log(bands.T + 1e-6)
    return (levels - levels.mean(axis=0)).astype(np.float32)


def in_context(features: Features, frames: int = CONTEXT) -> Features:
    """The same with the frames to each side: [L, D] → [L, (2·frames + 1)·D]."""

    def wider(wav: np.ndarray) -> np.ndarray:
        found = features(wav)
        padded = np.pad(found, ((frames, frames), (0, 0)), mode="edge")
        return np.concatenate([padded[k : k + len(found)] for k in range(2 * frames + 1)], axis=1)

    return wider


def frames_of(corpus: Sequence[Labelled], features: Features) -> Frames:
    """The features of every recording in one."""
    rows = []
    for at, one in enumerate(corpus):
        found = features(one.wav)
        count = len(found)
        rows.append((found, frame_phones(one.spans, count), np.full(count, one.speaker), np.full(count, at)))
    return Frames(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def phone_accuracy(what: str, name: str, train: Frames, test: Frames) -> Accuracy:
    """How well the phones of `test` are named by what learnt those of `train`; silence is left out of both."""
    return _accuracy((what, name), train.sounding, test.sounding, "phones")


def speaker_accuracy(name: str, frames: Frames) -> Accuracy:
    """How well speakers are named in every second recording by what learnt them in the others."""
    even = frames.recordings % 2 == 0
    return _accuracy((SPEAKER, name), frames.where(even).sounding, frames.where(~even).sounding, "speakers")


def vowel_accuracy(what: str, name: str, train: Frames, test: Frames) -> Accuracy:
    """The five vowels alone."""
    return _accuracy((what, name), five_vowels(train), five_vowels(test), "phones")


def five_vowels(frames: Frames) -> Frames:
    """The frames of vowels that are one of five, under its name."""
    kept = frames.where(np.isin(frames.phones, list(FIVE_VOWELS)))
    return Frames(kept.features, np.array([FIVE_VOWELS[p] for p in kept.phones]), kept.speakers, kept.recordings)


def consonants(frames: Frames) -> Frames:
    """The frames that are neither vowel nor silence."""
    return frames.where(~np.isin(frames.phones, [*VOWELS, SILENCE]))


def _accuracy(titles: tuple[str, str], train: Frames, test: Frames, what: str) -> Accuracy:
    learnt, asked = (getattr(frames, what).astype(str) for frames in (train, test))
    mean, spread = train.features.mean(axis=0), train.features.std(axis=0) + 1e-6
    x, y = (train.features - mean) / spread, (test.features - mean) / spread
    kinds, counts = np.unique(asked, return_counts=True)
    named = (np.mean(guess(x, learnt, y) == asked) for guess in (linear_guess, neighbour_guess))
    return Accuracy(*titles, *map(float, named), float(counts.max() / counts.sum()), len(kinds))


def linear_guess(x: np.ndarray, names: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x [N, D] with their names [N] → names for y [M, D], by logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=PROBE_STEPS, C=0.1, tol=1e-3).fit(x, names).predict(y)


def neighbour_guess(x: np.ndarray, names: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x [N, D] with their names [N] → names for y [M, D], by the nearest eight in angle."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(NEIGHBOURS, metric="cosine", algorithm="brute").fit(x, names).predict(y)


@dataclass(frozen=True)
class Exam:
    """What encoders are asked: a corpus to learn from, one of other speakers, real recordings, and how many frames."""

    train: Sequence[Labelled]
    test: Sequence[Labelled]
    real: Sequence[Labelled]
    frames: int

    def results(self, name: str, features: Features) -> list[Accuracy]:
        """Of one kind of features."""
        train, test = (frames_of(part, features).few(self.frames) for part in (self.train, self.test))
        found = [phone_accuracy("phones, unheard speakers", name, train, test)]
        found += [phone_accuracy(f"phones, {one.speaker}", name, train, frames_of([one], features)) for one in self.real
                  if one.speaker not in self._sung]  # fmt: skip
        for one in self.real:
            if one.speaker in self._sung:
                sung = frames_of([one], features)
                found.append(vowel_accuracy(f"five vowels, {one.speaker}", name, train, sung))
                found.append(phone_accuracy(f"consonants, {one.speaker}", name, consonants(train), consonants(sung)))
        return [*found, speaker_accuracy(name, test)]

    @property
    def _sung(self) -> set[str]:
        """Those that know Japanese phones only."""
        return {one.speaker for one in self.real if not {span.phone for span in one.spans} & {"AH", "IH", "AE"}}


def page(results: Sequence[Accuracy]) -> str:
    """A line for each question, features side by side: probe / neighbours."""
    names = list(dict.fromkeys(one.features for one in results))
    rows = []
    for what in dict.fromkeys(one.what for one in results):
        same = {one.features: one for one in results if one.what == what}
        first = next(iter(same.values()))
        cells = [f"{number(same[name].probe)} / {number(same[name].neighbours)}" for name in names]
        rows.append([what, *cells, number(first.chance), f"{first.classes}"])
    head = ["# What the encoder hears\n", "Share of frames named right: linear probe / nearest neighbours.\n"]
    return "\n".join([*head, *table(("what", *names, "most common", "kinds"), rows), ""])


@click.command(help=__doc__.replace("\n\n    ", "\n\n\b\n    "))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--encoder", required=True, type=click.Path(path_type=Path), help="The encoder's folder.")
@click.option("--train", required=True, type=click.Path(path_type=Path), help="The corpus that is learnt from.")
@click.option("--test", required=True, type=click.Path(path_type=Path), help="A corpus of other speakers.")
@click.option("--version", type=click.Choice(["v1", "v2"]), default="v2", help="v1: ninth layer and final_proj.")
@click.option("--audio", type=click.Path(path_type=Path), help="Where the held-out clips lie.")
@click.option("--per-speaker", default=20, show_default=True, help="Recordings of each speaker.")
@click.option("--frames", default=20_000, show_default=True, help="Frames that are learnt from, and asked.")
def main(out: Path, encoder: Path, train: Path, test: Path, version: str, audio: Path | None,
         per_speaker: int, frames: int) -> None:  # fmt: skip
    """The command line."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            real = labelled_clips(read_clips(HELD_OUT, audio), Path(folder)) if audio else []
            exam = Exam(read_corpus(train, per_speaker), read_corpus(test, per_speaker), real, frames)
            kinds = {"encoder": encoder_features(encoder, version), "log-mel": log_mel,
                     f"log-mel ±{CONTEXT}": in_context(log_mel)}  # fmt: skip
            results = [one for name, features in kinds.items() for one in exam.results(name, features)]
    except UrvcError as error:
        sys.exit(f"error: {error}")
    (out / "encoder.md").write_text(page(results), encoding="utf-8")
    (out / "encoder.json").write_text(json.dumps([asdict(one) for one in results], indent=1), encoding="utf-8")
    print(page(results))


if __name__ == "__main__":
    main()
