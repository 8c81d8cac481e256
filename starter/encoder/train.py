"""Trains the starter's content encoder: `python -m starter.encoder.train CORPUS OUT --minutes 30`.

OUT/learner.pt is written every two minutes and taken up again, OUT/encoder/ is what the engine loads.
"""

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from starter.corpus.store import RATE_HZ
from starter.encoder import corpus as corpora
from starter.encoder.codes import LOUDNESS, MARKS_PER_S, phone_of_class, points
from starter.encoder.hearing import SPEEDS, retimed, spoilt
from starter.encoder.network import Learner, export

CROP_S = 3.2
ROWS = 10
PEAK_RATE, LAST_RATE = 1.5e-3, 2e-5
WARM_STEPS = 200
FRAME_HOP_S, FIRST_FRAME_S = 0.02, 0.0125
LOUDNESS_WEIGHT = 0.3
POINT_WEIGHT = 1.0


@dataclass(frozen=True)
class Batch:
    """wav [B, T] · classes [B, L] · loudness [B, L, 1]."""

    wav: Tensor
    classes: Tensor
    loudness: Tensor


def draw(corpus: corpora.Corpus, chance: torch.Generator, rows: int = ROWS) -> Batch:
    """Crops of random recordings at random speeds, spoilt; a crop that outlasts its recording runs into the next."""
    samples = int(CROP_S * RATE_HZ)
    longest = int(samples * SPEEDS[1]) + 2
    chosen = torch.multinomial(corpus.weights, rows, replacement=True, generator=chance)
    space = (corpus.ends - corpus.starts)[chosen].float() - longest / corpora.MARK_SAMPLES
    starts = corpus.starts[chosen] + (torch.rand(rows, generator=chance) * space.clamp(min=1)).long()
    starts = starts.clamp(max=len(corpus.classes) - longest // corpora.MARK_SAMPLES - 2)
    speeds = torch.exp(torch.empty(rows).uniform_(math.log(SPEEDS[0]), math.log(SPEEDS[1]), generator=chance))
    read = (starts * corpora.MARK_SAMPLES)[:, None] + torch.arange(longest)
    wave = retimed(corpus.wave[read].float() / 32768, speeds, samples)
    frames = (samples - 80) // 320
    times = (torch.arange(frames) * FRAME_HOP_S + FIRST_FRAME_S) * speeds[:, None]
    at = starts[:, None] + (times * MARKS_PER_S).long()
    return Batch(spoilt(wave, chance), corpus.classes[at].long(), corpus.loudness[at].float()[..., None])


def losses(learner: Learner, batch: Batch, half: bool) -> tuple[Tensor, dict[str, float]]:
    """What is minimised, and what is told about it."""
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        heard = learner(batch.wav)
    heard = heard.float()
    logits = learner.logits(heard)
    naming = F.cross_entropy(logits.flatten(0, 1), batch.classes.flatten(), label_smoothing=0.05)
    point = F.mse_loss(heard[..., :-LOUDNESS], learner.points[batch.classes])
    loud = F.mse_loss(heard[..., -LOUDNESS:], batch.loudness.expand(-1, -1, LOUDNESS))
    phones = torch.from_numpy(phone_of_class())
    right = phones[logits.argmax(-1)] == phones[batch.classes]
    spoken = batch.classes > 0
    told = {"name": naming, "point": point, "loud": loud, "phones": right[spoken].float().mean()}
    loss = naming + POINT_WEIGHT * point + LOUDNESS_WEIGHT * loud
    return loss, {key: value.item() for key, value in told.items()}


class Clock:
    """How much of the time is used, and the learning rate that belongs to it."""

    def __init__(self, minutes: float):
        self.start, self.seconds = time.monotonic(), minutes * 60

    @property
    def used(self) -> float:
        """0 to 1 and more."""
        return (time.monotonic() - self.start) / self.seconds

    def rate(self, step: int, peak: float) -> float:
        """A short rise, then half a cosine over the time."""
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, self.used)))
        return min(1.0, (step + 1) / WARM_STEPS) * (LAST_RATE + (peak - LAST_RATE) * fall)


def train(learner: Learner, corpus: corpora.Corpus, out: Path, minutes: float, peak: float, half: bool) -> None:
    """Learns for as long as is given."""
    optimizer = torch.optim.AdamW(learner.parameters(), lr=peak, betas=(0.9, 0.98), weight_decay=0.01)
    chance = torch.Generator().manual_seed(int(time.time()))
    clock, told, step, saved = Clock(minutes), {}, 0, time.monotonic()
    while clock.used < 1:
        for group in optimizer.param_groups:
            group["lr"] = clock.rate(step, peak)
        loss, now = losses(learner, draw(corpus, chance), half)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        told = {key: 0.98 * told.get(key, value) + 0.02 * value for key, value in now.items()}
        step += 1
        if step % 50 == 0:
            print(f"{step} {clock.used:.0%}", " ".join(f"{key} {value:.3f}" for key, value in told.items()), flush=True)
        if time.monotonic() - saved > 120:
            save(learner, out)
            saved = time.monotonic()
    save(learner, out)


def save(learner: Learner, out: Path) -> None:
    """Writes the learner beside itself, then in its place, and what the engine loads."""
    out.mkdir(parents=True, exist_ok=True)
    torch.save(learner.state_dict(), out / "learner.tmp")
    (out / "learner.tmp").replace(out / "learner.pt")
    export(learner, out / "encoder")


def speakers(corpus: Path) -> dict[Path, float]:
    """How much each speaker is heard: those who sound natural more than those of formants."""
    folders = sorted(folder for folder in corpus.iterdir() if next(folder.glob("*.wav"), None))
    shares = {"flite": 4.0, "festival": 5.0, "espeak": 0.25}
    return {folder: shares.get(folder.name.split("_")[0], 5.0) for folder in folders}


def main() -> None:
    """Reads the corpus, takes up an earlier learner if there is one, and trains."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--peak-rate", type=float, default=PEAK_RATE)
    parser.add_argument("--no-bf16", action="store_true")
    given = parser.parse_args()
    learner = Learner(points(given.corpus / "held" / "flite_slt"))
    if (given.out / "learner.pt").exists():
        learner.load_state_dict(torch.load(given.out / "learner.pt", weights_only=True))
    corpus = corpora.read(speakers(given.corpus / "train"))
    train(learner, corpus, given.out, given.minutes, given.peak_rate, not given.no_bf16)


if __name__ == "__main__":
    main()
