"""The judge of encoders: features that hold the phone, the speaker or nothing are told from each other."""

from pathlib import Path

import numpy as np
import pytest
from tiny.sounds import tone, write

from starter.judge.corpus import frame_phones, plain_phone, read_corpus
from starter.judge.encoder import (
    Exam,
    Frames,
    consonants,
    five_vowels,
    in_context,
    log_mel,
    page,
    phone_accuracy,
    speaker_accuracy,
)
from starter.judge.words import Span
from ultimate_rvc.errors import InputError

pytest.importorskip("sklearn", reason="the probes are scikit-learn's; it comes with librosa")
PHONES = ("AA", "IY", "K", "S")
HZ = {"AA": 500.0, "IY": 2_000.0, "K": 3_500.0, "S": 6_000.0}
# Four phones, or four speakers, guessed at random over a few hundred frames.
BY_CHANCE = 0.45


def _frames(speakers: tuple[str, ...], holds: str, seed: int = 0) -> Frames:
    """Features of which one holds the phone's number, the speaker's or nothing, with some noise."""
    rng = np.random.default_rng(seed)
    count = 400
    phones, who = rng.choice(PHONES, count), rng.choice(speakers, count)
    known = {"phone": phones, "speaker": who, "nothing": rng.choice(PHONES, count)}[holds]
    names = np.unique(known)
    features = 4.0 * (known[:, None] == names[None]) + rng.normal(size=(count, len(names)))
    return Frames(features.astype(np.float32), phones, who, rng.integers(0, 10, count))


def test_phones_are_named_from_features_that_hold_them_only() -> None:
    train, test = _frames(("a", "b"), "phone"), _frames(("c", "d"), "phone", seed=1)
    told = phone_accuracy("phones", "good", train, test)
    assert told.probe > 0.9 and told.neighbours > 0.9 and told.chance < BY_CHANCE and told.classes == 4
    blind = phone_accuracy("phones", "bad", _frames(("a",), "nothing"), _frames(("c",), "nothing", seed=1))
    assert blind.probe < BY_CHANCE and blind.neighbours < BY_CHANCE


def test_speakers_are_told_from_features_that_hold_them_only() -> None:
    speakers = ("a", "b", "c", "d")
    assert speaker_accuracy("leaking", _frames(speakers, "speaker")).probe > 0.9
    assert speaker_accuracy("clean", _frames(speakers, "phone")).probe < BY_CHANCE


def test_vowels_and_consonants_are_asked_apart() -> None:
    frames = _frames(("a",), "phone")
    assert set(five_vowels(frames).phones) == {"a", "i"} and set(consonants(frames).phones) == {"K", "S"}


def test_a_frame_has_the_phone_in_its_middle() -> None:
    # The first frame's middle lies at 12.5 ms, the next ones 20 ms apart.
    spans = [Span(0.0, 0.02, "AA"), Span(0.02, 0.06, "K"), Span(0.08, 0.2, "S")]
    assert list(frame_phones(spans, 6)) == ["AA", "K", "K", "SIL", "S", "S"]


def test_phones_are_spelled_in_one_way() -> None:
    assert [plain_phone(name) for name in ("ah0", "AA1", "sil", " k")] == ["AH", "AA", "SIL", "K"]


def test_log_mel_spectra_come_on_the_frames_of_encoders() -> None:
    wav = tone(500, 1.0, 16_000)
    assert log_mel(wav).shape == ((16_000 - 80) // 320, 80)
    assert in_context(log_mel, 2)(wav).shape == ((16_000 - 80) // 320, 400)


def _write_corpus(folder: Path, speakers: tuple[str, ...], octave: float) -> Path:
    """Recordings in which each phone is a tone of its own, a little higher with each speaker."""
    for at, speaker in enumerate(speakers):
        (folder / speaker).mkdir(parents=True)
        for take in range(2):
            sounds = [tone(HZ[phone] * octave * 1.02**at, 0.2, 16_000) for phone in PHONES * 2]
            write(folder / speaker / f"{take}.wav", np.concatenate(sounds), 16_000)
            lines = [f"{k / 5}\t{(k + 1) / 5}\t{phone.lower()}" for k, phone in enumerate(PHONES * 2)]
            (folder / speaker / f"{take}.tsv").write_text("\n".join(lines))
    return folder


def test_an_exam_reads_corpora_and_asks_of_unheard_speakers(tmp_path: Path) -> None:
    train = read_corpus(_write_corpus(tmp_path / "train", ("a", "b"), 1.0), 5)
    test = read_corpus(_write_corpus(tmp_path / "test", ("c", "d"), 1.01), 5)
    results = Exam(train, test, (), 1_000).results("log-mel", log_mel)
    assert [one.what for one in results] == ["phones, unheard speakers", "speaker"] and results[0].probe > 0.9
    assert "| phones, unheard speakers |" in page(results)


def test_labels_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "0.tsv").write_text("0.0 0.2 aa\n")
    with pytest.raises(InputError, match="between tabs"):
        read_corpus(tmp_path, 5)
    with pytest.raises(InputError, match="no speakers"):
        read_corpus(tmp_path / "a", 5)
