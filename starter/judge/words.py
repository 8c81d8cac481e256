"""Whether the words are kept, heard by PocketSphinx with the English models of its package.

Phones are recognised without a vocabulary, so singing in any language gives a string of English phones. Two strings
are compared by edit distance (Levenshtein). A sentence is told from itself in other orders of its words, which has
the same phones, as many of them, and the wrong places.
"""

import logging
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ultimate_rvc.errors import InputError
from ultimate_rvc.rvc.seams import SAMPLE_RATE_HZ

logger = logging.getLogger(__name__)

# All takes are heard at one level (peak), so that loudness is no advantage.
PEAK = 0.5
# The recogniser's front end makes a frame every 10 ms.
FRAMES_PER_SECOND = 100
PHONE_LANGUAGE_WEIGHT = 2.0
PHONE_BEAM = 1e-20
# Without limits, what is no speech keeps every word possible, and takes minutes.
WORD_LIMITS = {"maxhmmpf": 3_000, "maxwpf": 20}
ALIGN_BEAM = 1e-100
# Words that the recogniser's dictionary lacks.
ADDED_WORDS = {"thereunder": "DH EH R AH N D ER"}
OTHER_ORDERS = 99
SILENCE = "SIL"


@dataclass(frozen=True)
class Span:
    """A phone from start_s to end_s."""

    start_s: float
    end_s: float
    phone: str


@dataclass(frozen=True)
class Choice:
    """Where the true sentence stands among others: rank 1 is best; margin is how much nearer it is than the nearest
    other, in phone errors a phone, below 0 where another is nearer."""

    rank: int
    among: int
    margin: float


class Listener:
    """Hears phones and words; loads its models once."""

    def __init__(self) -> None:
        import pocketsphinx

        phones = pocketsphinx.get_model_path("en-us/en-us-phone.lm.bin")
        beams = {"beam": PHONE_BEAM, "pbeam": PHONE_BEAM}
        self.phone_decoder = pocketsphinx.Decoder(
            allphone=phones, lm=None, lw=PHONE_LANGUAGE_WEIGHT, loglevel="FATAL", **beams
        )
        self.word_decoder = pocketsphinx.Decoder(loglevel="FATAL", **WORD_LIMITS)
        for word, spelling in ADDED_WORDS.items():
            self.word_decoder.add_word(word, spelling, True)

    def phones(self, wav: np.ndarray) -> list[str]:
        """wav [T] at 16 kHz → the phones in it, without silences and noises."""
        return [name for name in self._heard(self.phone_decoder, wav) if name.isalpha() and name != SILENCE]

    def words(self, wav: np.ndarray) -> list[str]:
        """wav [T] at 16 kHz → the English words in it."""
        heard = self._heard(self.word_decoder, wav)
        return [re.sub(r"\(\d+\)", "", word) for word in heard if not word.startswith(("<", "["))]

    def spell(self, text: str) -> list[tuple[str, ...]]:
        """A text's words as phones. Raises InputError for a word that is in no dictionary."""
        return [self._spelled(word) for word in plain_words(text)]

    def _spelled(self, word: str) -> tuple[str, ...]:
        found = self.word_decoder.lookup_word(word)
        if found is None:
            raise InputError(f"{word!r} is not in the recogniser's dictionary; add it to ADDED_WORDS")
        return tuple(found.split())

    def _heard(self, decoder: Any, wav: np.ndarray) -> list[str]:
        if not np.any(wav):
            return []  # its front end makes an S of digital silence
        decode(decoder, wav)
        return [segment.word for segment in decoder.seg() or ()]


def align(wav: np.ndarray, text: str) -> list[Span]:
    """wav [T] at 16 kHz in which the English text is said → its phones in time. Raises InputError if it is not."""
    return list(_aligned(wav, plain_words(text)))


def _aligned(wav: np.ndarray, words: list[str], start_s: float = 0.0) -> Iterator[Span]:
    """The phones of words that are said from start_s on. The second pass, which finds phones within words, gives up
    on some; then each half of the words is tried alone, and a single word's time is divided evenly."""
    decoder = _aligner()
    decoder.set_align_text(" ".join(words))
    decode(decoder, wav)
    if decoder.hyp() is None:
        raise InputError(f"the recording does not say {' '.join(words)!r}; correct the text")
    starts = [segment.start_frame for segment in decoder.seg() if segment.word[0].isalpha()]
    try:
        decoder.set_alignment()
        decode(decoder, wav)
    except RuntimeError as error:
        logger.info("%s: aligned in parts (%s)", " ".join(words), error)
        yield from _in_halves(wav, words, starts, start_s) if len(words) > 1 else _evenly(wav, words[0], start_s)
        return
    yield from (_span(phone, start_s) for phone in decoder.get_alignment().phones())


def _in_halves(wav: np.ndarray, words: list[str], starts: list[int], start_s: float) -> Iterator[Span]:
    half = len(words) // 2
    cut_s = starts[half] / FRAMES_PER_SECOND
    cut = round(cut_s * SAMPLE_RATE_HZ)
    yield from _aligned(wav[:cut], words[:half], start_s)
    yield from _aligned(wav[cut:], words[half:], start_s + cut_s)


def _evenly(wav: np.ndarray, word: str, start_s: float) -> Iterator[Span]:
    phones = _aligner().lookup_word(word).split()
    each_s = len(wav) / SAMPLE_RATE_HZ / len(phones)
    yield from (Span(start_s + k * each_s, start_s + (k + 1) * each_s, phone) for k, phone in enumerate(phones))


def _aligner() -> Any:
    """A decoder that was told nothing yet."""
    import pocketsphinx

    beams = dict.fromkeys(("beam", "wbeam", "pbeam"), ALIGN_BEAM)
    decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL", **beams)
    for word, spelling in ADDED_WORDS.items():
        decoder.add_word(word, spelling, True)
    return decoder


def _span(phone: Any, start_s: float) -> Span:
    first, last = (start_s + frame / FRAMES_PER_SECOND for frame in (phone.start, phone.start + phone.duration))
    return Span(first, last, phone.name if phone.name.isalpha() else SILENCE)


def decode(decoder: Any, wav: np.ndarray) -> None:
    """Lets a decoder hear all of wav [T] at 16 kHz, at one level."""
    peak = np.abs(wav).max(initial=0)
    samples = np.round(wav * (PEAK * 32_767 / peak if peak else 0)).astype(np.int16)
    decoder.reinit_feat()  # else what was heard before decides what is taken for the mean of this
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()


def plain_words(text: str) -> list[str]:
    """Lower case, no punctuation."""
    return re.findall(r"[a-z']+", text.lower())


def errors(heard: Sequence[str], true: Sequence[str]) -> float:
    """Substitutions, insertions and deletions that make `true` of `heard`, a symbol of `true`; NaN for no symbols."""
    return edits(heard, true) / len(true) if true else np.nan


def edits(a: Sequence[str], b: Sequence[str]) -> int:
    """The least number of changes that make one of the other (Levenshtein 1966)."""
    row = np.arange(len(b) + 1)
    symbols = np.array(list(b), dtype=object)
    for i, symbol in enumerate(a, 1):
        step = np.concatenate([[i], np.minimum(row[:-1] + (symbols != symbol), row[1:] + 1)])
        # An insertion costs one a place: the best of all that lie to the left.
        row = np.minimum.accumulate(step - np.arange(len(step))) + np.arange(len(step))
    return int(row[-1])


def choose(heard: Sequence[str], sentence: Sequence[tuple[str, ...]], others: int = OTHER_ORDERS) -> Choice:
    """heard: phones; sentence: its words as phones. Ties count against it."""
    true = errors(heard, _flat(sentence))
    wrong = np.array([errors(heard, _flat(order)) for order in other_orders(sentence, others)])
    return Choice(1 + int(np.sum(wrong <= true)), len(wrong) + 1, float(wrong.min() - true) if len(wrong) else np.nan)


def other_orders(sentence: Sequence[tuple[str, ...]], count: int) -> list[list[tuple[str, ...]]]:
    """Up to `count` orders of the words that sound different, always the same ones."""
    dice, seen, orders = random.Random(0), {_flat(sentence)}, []
    for _ in range(10 * count):
        order = list(sentence)
        dice.shuffle(order)
        if len(orders) < count and _flat(order) not in seen:
            seen.add(_flat(order))
            orders.append(order)
    return orders


def _flat(sentence: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(phone for word in sentence for phone in word)
