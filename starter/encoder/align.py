"""Finds the phones in people's recordings whose text is known, with an encoder that has heard none of them.

`python -m starter.encoder.align CORPUS OUT` reads OUT/learner.pt and writes CORPUS/train/prompts_SPEAKER: the recording
with its phones, and two sung versions. eSpeak NG says which phones a text has; the encoder's beliefs say when
(Viterbi over thirds of phones, any of which may be skipped but never two in a row).
"""

import argparse
import random
from pathlib import Path

import numpy as np
import torch

from starter.corpus import prompts, store
from starter.corpus.espeak import Espeak
from starter.corpus.phones import Phone
from starter.corpus.singing import Singer, sung
from starter.encoder.codes import THIRDS, class_of
from starter.encoder.network import Learner
from starter.encoder.train import FRAME_HOP_S

SPEAKER = "allison_en"
SUNG_VERSIONS = 1
# The mean belief, as a logarithm, in what is said. Of texts that are not what is heard 95 % lie below -3.3.
LEAST_BELIEF = -3.2


def aligned(beliefs: np.ndarray, names: list[str]) -> tuple[list[Phone], float]:
    """The names' times in beliefs [L, CLASSES] (logarithms, 50 frames/s), and the mean belief in them."""
    states = [(place, class_of(name, third)) for place, name in enumerate(names) for third in _thirds(name)]
    path, belief = _best_path(beliefs[:, [number for _, number in states]])
    places = np.array([place for place, _ in states])[path]
    edges = np.flatnonzero(np.diff(places)) + 1
    starts, ends = [0, *edges], [*edges, len(places)]
    spans = zip(starts, ends, strict=True)
    return [Phone(a * FRAME_HOP_S, b * FRAME_HOP_S, names[places[a]]) for a, b in spans], belief


def _thirds(name: str) -> range:
    return range(1) if name == "sil" else range(THIRDS)


def _best_path(beliefs: np.ndarray) -> tuple[np.ndarray, float]:
    """The state at each frame [L] and the mean belief; a step stays, goes on, or skips one state."""
    frames, states = beliefs.shape
    score = np.full(states, -np.inf)
    score[: min(2, states)] = beliefs[0, :2]
    came = np.zeros((frames, states), np.int8)
    for frame in range(1, frames):
        ways = np.stack([np.concatenate([np.full(step, -np.inf), score])[:states] for step in range(3)])
        came[frame] = ways.argmax(0)
        score = ways.max(0) + beliefs[frame]
    state = states - 1 if states < 2 or score[-1] >= score[-2] else states - 2
    best, path = float(score[state]), [state]
    for frame in range(frames - 1, 0, -1):
        state -= int(came[frame, state])
        path.append(state)
    return np.array(path[::-1]), best / frames


@torch.no_grad()
def beliefs(learner: Learner, wave: np.ndarray) -> np.ndarray:
    """Logarithms of the beliefs in each class [L, CLASSES] for a wave [T] at 16 kHz."""
    heard = learner(torch.from_numpy(wave.astype(np.float32))[None])
    return torch.log_softmax(learner.logits(heard)[0], -1).numpy()


def align(corpus: Path, learner: Learner) -> tuple[int, int]:
    """Writes the speaker's recordings with phones; gives how many were taken and how many there were."""
    import soundfile

    engine, chance, taken = Espeak(), random.Random(SPEAKER), 0
    texts = {name.replace("/", "-"): text for name, text in prompts.english_texts().items()}
    files = [file for file in sorted((corpus / "real" / SPEAKER).glob("*.wav")) if file.stem in texts]
    for file in files:
        wave, rate_hz = soundfile.read(file)
        try:
            _, spoken = engine.speak(texts[file.stem], "en-us", words_per_minute=160, pitch=50, pitch_range=50)
        except LookupError as error:
            print(f"{file.name} is left out: {error}")
            continue
        names = ["sil", *(phone.name for phone in spoken if phone.name != "sil" or phone is not spoken[0])]
        phones, belief = aligned(beliefs(learner, wave), names if names[-1] == "sil" else [*names, "sil"])
        if belief > LEAST_BELIEF:
            taken += 1
            _save(corpus / "train" / f"prompts_{SPEAKER}" / file.stem, wave, rate_hz, phones, chance)
    return taken, len(files)


def _save(stem: Path, wave: np.ndarray, rate_hz: int, phones: list[Phone], chance: random.Random) -> None:
    store.save(stem.with_name(stem.name + "_read"), wave, rate_hz, phones)
    for version in range(SUNG_VERSIONS):
        made, moved = sung(wave, rate_hz, phones, Singer.drawn(chance), chance)
        store.save(stem.with_name(f"{stem.name}_sung{version}"), made, rate_hz, moved)


def main() -> None:
    """Aligns and says how many recordings could be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    weights = torch.load(given.out / "learner.pt", weights_only=True)
    learner = Learner(weights["points"].numpy())
    learner.load_state_dict(weights)
    print("{} of {} recordings aligned".format(*align(given.corpus, learner.eval())))


if __name__ == "__main__":
    main()
