"""A working directory as somebody has it who sings: a voice with its index, an encoder, a song and its music."""

from pathlib import Path

import numpy as np

from tiny import sounds
from tiny.encoders import write_encoder
from tiny.voices import write_voice

VOICE = "Tiny"
INDEX_VECTORS, INDEX_LISTS, FEATURES = 200, 4, 768
SONG_S, SONG_RATE_HZ = 2, 44_100


def furnish(folder: Path) -> dict[str, str]:
    """Fills the folder and returns the URVC_* variables that point into it; one voice, one encoder, two songs."""
    write_index(write_voice(folder / "voices", VOICE).with_name("added_tiny.index"))
    write_encoder(folder / "models" / "rvc" / "embedders" / "contentvec")
    sounds.write(folder / "song.wav", sounds.voice_like(SONG_S, SONG_RATE_HZ), SONG_RATE_HZ)
    music = np.stack([sounds.tone(hz, SONG_S, SONG_RATE_HZ, peak=0.2) for hz in (220, 277)])
    sounds.write(folder / "music.wav", music, SONG_RATE_HZ)
    places = {"MODELS": "models", "VOICE_MODELS": "voices", "AUDIO": "audio", "TEMP": "temp", "LOGS": "logs"}
    return {f"URVC_{name}_DIR": str(folder / place) for name, place in places.items()}


def write_index(path: Path, seed: int = 0) -> Path:
    """A FAISS index as voice training writes it: IVF over flat vectors [200, 768]."""
    import faiss

    vectors = np.random.default_rng(seed).standard_normal((INDEX_VECTORS, FEATURES), dtype=np.float32)
    index = faiss.index_factory(FEATURES, f"IVF{INDEX_LISTS},Flat")
    index.train(vectors)
    index.add(vectors)
    faiss.write_index(index, str(path))
    return path


def written(folder: Path) -> set[str]:
    """Every file below folder/audio, hidden ones too, but for the cache."""
    audio = folder / "audio"
    files = (path.relative_to(audio) for path in audio.rglob("*") if path.is_file()) if audio.is_dir() else ()
    return {str(path) for path in files if path.parts[0] != "cache"}
