"""The judge's words: distances between strings of phones, a sentence among its other orders, labels of singing."""

from pathlib import Path

import numpy as np
import pytest
from tiny.modules import TREE
from tiny.sounds import white_noise

from starter.judge import labels
from starter.judge.clips import read_sound
from starter.judge.words import Span, choose, edits, errors, other_orders, plain_words

SENTENCE = [("HH", "IY"), ("T", "ER", "N", "D"), ("SH", "AA", "R", "P"), ("F", "EY", "S"), ("T", "EY", "B", "AH", "L")]
PHONES = [phone for word in SENTENCE for phone in word]
LABELS = """\
0 2000000 p@xx^xx-pau+k=a_xx%xx
2000000 3000000 c@xx^pau-k+a=N_xx
3000000 6000000 v@pau^k-a+N=sh_xx
6000000 8000000 c@k^a-N+sh=i_xx
8000000 9000000 c@a^N-sh+i=br_xx
9000000 9500000 v@N^sh-i+br=xx_xx
9500000 12000000 b@sh^i-br+xx=xx_xx
"""


@pytest.mark.parametrize(
    ("a", "b", "count"),
    [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("abcd", "bcda", 2), ("ab", "xaxbx", 3)],
)
def test_edits_are_the_fewest_changes(a: str, b: str, count: int) -> None:
    assert edits(a, b) == edits(b, a) == count


def test_errors_are_a_share_of_the_true_phones() -> None:
    assert errors(PHONES, PHONES) == 0 and errors([], PHONES) == 1 and np.isnan(errors(PHONES, []))


def test_a_sentence_heard_right_is_told_from_every_other_order() -> None:
    choice = choose(PHONES, SENTENCE)
    assert choice.rank == 1 and choice.among == 100 and choice.margin > 0


def test_a_sentence_heard_with_errors_still_is() -> None:
    heard = ["SH" if phone == "S" else phone for phone in PHONES[:-1]]
    assert choose(heard, SENTENCE).rank == 1


def test_what_is_not_heard_puts_the_true_sentence_behind_all() -> None:
    choice = choose([], SENTENCE)
    assert choice.rank == choice.among and choice.margin == 0


def test_other_orders_have_the_same_words_and_are_always_the_same() -> None:
    orders = other_orders(SENTENCE, 20)
    assert orders == other_orders(SENTENCE, 20) and SENTENCE not in orders
    assert all(sorted(order) == sorted(SENTENCE) for order in orders)


def test_a_text_is_words_without_punctuation() -> None:
    assert plain_words("He turned, sharply; don't!") == ["he", "turned", "sharply", "don't"]


def test_hts_labels_are_english_phones_in_seconds(tmp_path: Path) -> None:
    path = tmp_path / "song.lab"
    path.write_text(LABELS)
    spans = labels.read_hts(path)
    assert [span.phone for span in spans] == ["SIL", "K", "AA", "NG", "SH", "IY", "SIL"]
    assert (spans[1].start_s, spans[1].end_s) == (0.2, 0.3)
    assert labels.syllables(spans) == [("K", "AA"), ("NG", "SH", "IY")]
    assert labels.vowel_spans(spans) == [Span(0.3, 0.6, "a")]


def test_vowels_are_told_apart_by_sound_and_not_in_noise() -> None:
    rng = np.random.default_rng(0)
    spans = [Span(k / 4, (k + 1) / 4, ("AA", "IY")[k % 2]) for k in range(16)]
    at = np.arange(4_000) / 16_000
    vowel = {"AA": (700, 1_200), "IY": (300, 2_300)}
    sung = [sum(np.sin(2 * np.pi * hz * at) for hz in vowel[span.phone]) for span in spans]
    noise = 0.01 * rng.normal(size=64_000)
    assert labels.vowels_told_apart(np.concatenate(sung) + noise, spans) == 1
    assert labels.vowels_told_apart(noise, spans) < 0.9


def test_the_recogniser_hears_no_phones_in_silence_and_spells_words() -> None:
    pytest.importorskip("pocketsphinx", reason="the judge's recogniser")
    from starter.judge.words import Listener

    listener = Listener()
    assert listener.phones(np.zeros(16_000, np.float32)) == []
    assert listener.spell("He turned.") == [("HH", "IY"), ("T", "ER", "N", "D")]


def test_what_was_heard_before_changes_nothing() -> None:
    pytest.importorskip("pocketsphinx", reason="the judge's recogniser")
    from starter.judge.words import Listener

    listener, voice = Listener(), read_sound(TREE / "examples" / "vocadito_10.wav").wav_16k[:48_000]
    first = listener.phones(voice)
    listener.phones(white_noise(2, 16_000))
    assert listener.phones(voice) == first != []
