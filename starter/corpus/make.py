"""Makes the encoder's corpus: `python -m starter.corpus.make OUT`, some minutes on two cores, nothing downloaded.

    OUT/train/SPEAKER/   what the encoder learns from: read, and sung by drawn singers
    OUT/held/SPEAKER/    speakers that it never hears, to judge it
    OUT/real/SPEAKER/    people's recordings, without phones (`starter.align` finds those of the English ones)

Needs Debian's espeak-ng, flite, festival, festvox-kdlpc16k, festvox-us-slt-hts and asterisk-core-sounds-*-g722.
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from starter.corpus import festival, flite, prompts, store, texts
from starter.corpus.phones import Phone, fitted
from starter.corpus.singing import Singer, sung

ESPEAK_ACCENTS = ("en-us", "en-us", "en-us", "en-gb-x-rp", "en-gb-scotland", "en-us-nyc", "en-gb-x-gbclan")
ESPEAK_HELD = ("f5", "m7", "edward", "linda", "Mario")
ESPEAK_TRAIN = (
    "Alex", "Alicia", "Andrea", "Andy", "Annie", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee",
    "Marco", "Michael", "Mike", "Nguyen", "Storm", "Tweaky", "adam", "anika", "antonio", "aunty", "belinda",
    "benjamin", "boris", "caleb", "croak", "david", "ed", "f1", "f2", "f3", "f4", "grandma", "grandpa",
    "gustave", "iven", "iven3", "john", "kaukovalta", "klatt", "klatt2", "klatt3", "klatt5", "m1", "m2", "m3",
    "m4", "m5", "m6", "m8", "marcelo", "max", "michel", "miguel", "norbert", "pablo", "paul", "pedro", "quincy",
    "rob", "robert", "sandro", "shelby", "steph", "travis", "victor", "zac",
)
ESPEAK_SENTENCES, VOICE_SENTENCES, HELD_SENTENCES = 18, 220, 20
Reading = tuple[np.ndarray, int, list[Phone]]


@dataclass(frozen=True)
class Speaker:
    """Someone who reads aloud: `voice` is the engine's name for them."""

    part: str
    engine: str
    voice: str
    sentences: int
    sung_versions: int

    @property
    def name(self) -> str:
        """The folder."""
        return f"{self.engine}_{self.voice}"


def speakers() -> list[Speaker]:
    """Everyone, the slowest first."""
    natural = [("flite", "awb"), ("flite", "rms"), ("festival", "ked_diphone"), ("flite", "kal16")]
    trained = [Speaker("train", engine, voice, VOICE_SENTENCES, 2) for engine, voice in natural]
    held = [Speaker("held", "flite", "slt", 3 * HELD_SENTENCES, 1)]
    held += [Speaker("held", "espeak", voice, HELD_SENTENCES, 1) for voice in ESPEAK_HELD]
    return [*trained, *held, *(Speaker("train", "espeak", voice, ESPEAK_SENTENCES, 1) for voice in ESPEAK_TRAIN)]


def make(speaker: Speaker, out: Path) -> str:
    """Reads and sings everything of one speaker."""
    chance = random.Random(speaker.name)
    lines = texts.sentences(speaker.sentences, chance, texts.dictionary())
    folder = out / speaker.part / speaker.name
    for place, (wave, rate_hz, phones) in enumerate(READERS[speaker.engine](speaker, lines, chance)):
        store.save(folder / f"{place:04d}_read", wave, rate_hz, phones)
        for version in range(speaker.sung_versions):
            made, moved = sung(wave, rate_hz, phones, Singer.drawn(chance), chance)
            store.save(folder / f"{place:04d}_sung{version}", made, rate_hz, moved)
    return speaker.name


def _by_espeak(speaker: Speaker, lines: list[str], chance: random.Random) -> Iterator[Reading]:
    from starter.corpus.espeak import Espeak

    engine = Espeak()
    for line in lines:
        voice = f"{chance.choice(ESPEAK_ACCENTS)}+{speaker.voice}"
        settings = {"words_per_minute": chance.randrange(110, 200), "pitch": chance.randrange(20, 85)}
        wave, phones = engine.speak(line, voice, **settings, pitch_range=chance.randrange(20, 80))
        yield wave, engine.rate_hz, phones


def _by_flite(speaker: Speaker, lines: list[str], chance: random.Random) -> Iterator[Reading]:
    with tempfile.TemporaryDirectory() as folder:
        for line in lines:
            yield _reading(file := Path(folder) / "line.wav", flite.speak(line, speaker.voice, file))


def _by_festival(speaker: Speaker, lines: list[str], chance: random.Random) -> Iterator[Reading]:
    with tempfile.TemporaryDirectory() as folder:
        for file, phones in festival.speak(lines, speaker.voice, Path(folder)).items():
            yield _reading(file, phones)


def _reading(file: Path, phones: list[Phone]) -> Reading:
    import soundfile

    wave, rate_hz = soundfile.read(file, dtype="float32")
    return wave, rate_hz, fitted(phones, len(wave) / rate_hz)


READERS: dict[str, Callable[[Speaker, list[str], random.Random], Iterator[Reading]]] = {
    "espeak": _by_espeak,
    "flite": _by_flite,
    "festival": _by_festival,
}


def copy_prompts(speaker: str, out: Path) -> str:
    """The recordings of one person as WAV."""
    for file in prompts.recordings(speaker):
        wave = _g722(file)
        name = "-".join(file.relative_to(prompts.SOUNDS / prompts.SPEAKERS[speaker]).with_suffix("").parts)
        store.save(out / "real" / speaker / name, wave, store.RATE_HZ, [])
    return speaker


def _g722(file: Path) -> np.ndarray:
    """Samples [T] of headerless G.722 at 16 kHz, by PyAV."""
    import av

    with av.open(str(file), format="g722") as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)]).astype(np.float32) / 32768


def main() -> None:
    """Makes all of it, a process per speaker."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    # eSpeak NG's library is opened once a process and keeps every voice file, so each speaker has a process.
    with ProcessPoolExecutor(max_workers=2, max_tasks_per_child=1) as pool:
        work = [pool.submit(make, speaker, out) for speaker in speakers()]
        work += [pool.submit(copy_prompts, speaker, out) for speaker in prompts.SPEAKERS]
        for done in work:
            print(done.result(), flush=True)


if __name__ == "__main__":
    main()
