"""Labels of singing: HTS files of Japanese, their phones as English ones, and its five vowels told apart."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from starter.judge.words import SILENCE, Span
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ

HTS_TICKS_PER_SECOND = 10_000_000
# Japanese phones of HTS label files, as the nearest English ones.
ENGLISH = {
    "a": "AA", "i": "IY", "u": "UW", "e": "EH", "o": "OW", "N": "NG",
    "k": "K", "s": "S", "sh": "SH", "t": "T", "ts": "T", "ch": "CH", "n": "N", "h": "HH", "f": "F", "m": "M",
    "y": "Y", "r": "R", "w": "W", "g": "G", "z": "Z", "j": "JH", "d": "D", "b": "B", "p": "P", "v": "V",
    "ky": "K", "gy": "G", "ny": "N", "hy": "HH", "my": "M", "ry": "R", "by": "B", "py": "P",
}
# English vowels that are heard as one of five.
FIVE_VOWELS = {
    "AA": "a", "AH": "a", "AE": "a", "IY": "i", "IH": "i", "UW": "u", "UH": "u",
    "EH": "e", "EY": "e", "OW": "o", "AO": "o",
}
VOWELS = set(FIVE_VOWELS) | {"AW", "AY", "ER", "OY"}
MIN_VOWEL_S = 0.08
NEIGHBOURS = 5
CEPSTRA = 13


def read_hts(path: Path) -> list[Span]:
    """The label file's phones as English ones; pauses, breaths and closures are silence."""
    rows = (line.split(" ") for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return [_span(int(start), int(end), label.split("^")[1].split("-")[1].split("+")[0]) for start, end, label in rows]


def _span(start: int, end: int, phone: str) -> Span:
    return Span(start / HTS_TICKS_PER_SECOND, end / HTS_TICKS_PER_SECOND, ENGLISH.get(phone, SILENCE))


def syllables(spans: Sequence[Span]) -> list[tuple[str, ...]]:
    """The phones in groups that end with a vowel; those of a group's silences are left out."""
    groups: list[tuple[str, ...]] = [()]
    for span in spans:
        if span.phone != SILENCE:
            groups[-1] += (span.phone,)
        if span.phone in VOWELS:
            groups.append(())
    return [group for group in groups if group]


def vowel_spans(spans: Sequence[Span]) -> list[Span]:
    """Those of the five vowels that last long enough to be heard, named a i u e o."""
    return [
        Span(span.start_s, span.end_s, FIVE_VOWELS[span.phone])
        for span in spans
        if span.phone in FIVE_VOWELS and span.end_s - span.start_s >= MIN_VOWEL_S
    ]


def vowels_told_apart(wav: np.ndarray, spans: Sequence[Span]) -> float:
    """The share of vowels in wav [T] at 16 kHz whose nearest others, by mean cepstrum, are mostly the same vowel.

    Each is compared with all others of the same recording, so no voice is preferred.
    """
    kept = [span for span in vowel_spans(spans) if span.end_s * SAMPLE_RATE_HZ <= len(wav)]
    names = np.array([span.phone for span in kept])
    means = _standard(np.stack([_cepstrum(wav, span) for span in kept]))  # [V, 13]
    apart = np.square(means[:, None] - means[None]).sum(-1)  # [V, V]
    np.fill_diagonal(apart, np.inf)
    nearest = names[np.argsort(apart, axis=1)[:, :NEIGHBOURS]]  # [V, 5]
    return float(np.mean([_most(row) == name for row, name in zip(nearest, names, strict=True)]))


def most_common_share(names: Sequence[str]) -> float:
    """How often one is right who always says the most common name."""
    return float(np.unique(names, return_counts=True)[1].max() / len(names))


def _cepstrum(wav: np.ndarray, span: Span) -> np.ndarray:
    """The mean of the middle half's cepstra [13], without loudness."""
    import librosa

    quarter = (span.end_s - span.start_s) / 4
    first, last = (round(at * SAMPLE_RATE_HZ) for at in (span.start_s + quarter, span.end_s - quarter))
    found = librosa.feature.mfcc(y=wav[first:last], sr=SAMPLE_RATE_HZ, n_mfcc=CEPSTRA + 1, n_fft=512, hop_length=160)
    return found[1:].mean(axis=1)


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-9)


def _most(names: np.ndarray) -> str:
    """The most common; of several, the one that comes first."""
    known, first, counts = np.unique(names, return_index=True, return_counts=True)
    return known[np.lexsort((first, -counts))[0]]
