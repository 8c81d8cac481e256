"""What the encoder is taught to say: a point per third of a phone, near to those that sound alike.

Half of a point is how that third sounds in one voice (principal components of its mean cepstrum), half is the phone's
own random direction. Regressing on points makes the output their mean under the network's belief, which a softmax
would not leave in a linear layer; and a frame that lies between two phones gives a sound between them, not noise.
"""

from pathlib import Path

import numpy as np

from starter.corpus.phones import PHONES, Phone
from starter.corpus.store import RATE_HZ, phones_of

THIRDS = 3
CLASSES = 1 + (len(PHONES) - 1) * THIRDS
SOUND, NAME, LOUDNESS = 24, 24, 2
WIDTH = SOUND + NAME + LOUDNESS
MARKS_PER_S = 200
CEPSTRA = 32


def marks(phones: list[Phone], count: int) -> np.ndarray:
    """Which third of which phone sounds, 200 times a second: classes [count], 0 for silence."""
    result = np.zeros(count, np.uint8)
    for phone in phones:
        edges = np.linspace(phone.start_s, phone.end_s, THIRDS + 1) * MARKS_PER_S
        for third, (start, end) in enumerate(zip(np.round(edges[:-1]), np.round(edges[1:]), strict=True)):
            result[int(start) : int(end)] = class_of(phone.name, third)
    return result


def class_of(name: str, third: int) -> int:
    """The number of a phone's third; silence has one number."""
    place = PHONES.index(name)
    return 0 if place == 0 else 1 + (place - 1) * THIRDS + third


def phone_of_class() -> np.ndarray:
    """The phone's place in PHONES for every class."""
    return np.array([0, *(1 + i // THIRDS for i in range(CLASSES - 1))])


def points(folder: Path) -> np.ndarray:
    """The classes' points [CLASSES, SOUND + NAME], from the recordings of one speaker."""
    sound = _principal(_mean_cepstra(folder))
    names = np.random.default_rng(0).standard_normal((len(PHONES), NAME))
    names /= np.linalg.norm(names, axis=1, keepdims=True)
    both = np.concatenate([sound, names[phone_of_class()]], axis=1).astype(np.float32)
    return both / np.sqrt((both**2).mean())


def _mean_cepstra(folder: Path) -> np.ndarray:
    import librosa

    sums, counts = np.zeros((CLASSES, CEPSTRA)), np.zeros(CLASSES)
    for file in sorted(folder.glob("*_read.wav")):
        wave, _ = librosa.load(file, sr=RATE_HZ)
        heard = librosa.feature.mfcc(y=wave, sr=RATE_HZ, n_mfcc=CEPSTRA, n_mels=64, hop_length=RATE_HZ // MARKS_PER_S).T
        classes = marks(phones_of(file.with_suffix(".tsv")), len(heard))
        np.add.at(sums, classes, heard)
        np.add.at(counts, classes, 1)
    seen = counts > 0
    means = np.where(seen[:, None], sums / np.maximum(1, counts)[:, None], sums.sum(0) / counts.sum())
    return means


def _principal(means: np.ndarray) -> np.ndarray:
    """The first components, the mean length of a row 1."""
    centred = means - means.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    found = centred @ directions[:SOUND].T
    return found / np.sqrt((found**2).sum(1).mean())
