"""What comes with the program, made up: a small encoder and a voice that was trained on it, in the real formats."""

from pathlib import Path

import numpy as np
import torch

from tiny.encoders import write_encoder
from tiny.voices import tiny_checkpoint

NAME = "starter"
RATE_HZ = 32_000
HIDDEN, LAYERS, PROJECTED = 48, 4, 256
VECTORS = 40


def write_shipped(folder: Path) -> Path:
    """Fills a folder as paths.shipped_dir() is filled, and returns it."""
    write_encoder(folder / "embedders" / NAME, hidden=HIDDEN, layers=LAYERS, fmt="safetensors")
    voice = folder / "voices" / NAME
    voice.mkdir(parents=True)
    named = {"embedder_model": NAME}
    torch.save(tiny_checkpoint(version="v1", rate=RATE_HZ) | named, voice / f"{NAME}.pth")
    _write_index(voice / f"{NAME}.index")
    (voice / "MODEL_CARD.md").write_text("# A voice of random numbers\n")
    return folder


def _write_index(path: Path) -> None:
    import faiss

    vectors = np.random.default_rng(0).standard_normal((VECTORS, PROJECTED), dtype=np.float32)
    index = faiss.index_factory(PROJECTED, "IVF2,Flat")
    index.train(vectors)
    index.add(vectors)
    faiss.write_index(index, str(path))
