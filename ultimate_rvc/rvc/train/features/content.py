"""Which content encoder a training listens with, and what its features make of the voice.

Features of 768 numbers, an encoder's hidden states, make a v2 voice, which is all that RVC tools train today. An
encoder of another width is heard through its `final_proj`, whose 256 numbers make a v1 voice. This is the one place
where that is decided.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ultimate_rvc import weights
from ultimate_rvc.errors import CheckpointError
from ultimate_rvc.options import EmbedderOptions
from ultimate_rvc.progress import OnProgress, silent
from ultimate_rvc.rvc.embed.files import read_sizes, weights_file
from ultimate_rvc.rvc.embed.hubert import embedder_for, load_encoder
from ultimate_rvc.rvc.embed.network import HubertSizes
from ultimate_rvc.rvc.seams import Embedder

V1_WIDTH, V2_WIDTH = 256, 768
HASH_BYTES = 5


@dataclass(frozen=True)
class ContentEncoder:
    """An encoder on this machine. `name` is what the voice will say of it, `hash` that of a custom one's files."""

    name: str
    folder: Path
    hash: str | None = None

    @property
    def id(self) -> str:
        """What the folder of its features is called by."""
        return f"custom_{self.hash}" if self.hash else self.name

    @property
    def version(self) -> str:
        """Of the voices that its features train, v1 or v2. Raises CheckpointError where they train none."""
        return version_of(read_sizes(self.folder))

    def facts(self) -> dict[str, Any]:
        """What model_info.json says of it."""
        return {"embedder_model": self.name, "custom_embedder_model_hash": self.hash}

    def load(self, device: torch.device) -> Embedder:
        """wav [B, T] at 16 kHz → features [B, L, D], D 768 (v2) or 256 (v1)."""
        return embedder_for(load_encoder(self.folder, device), self.version)


def find_encoder(options: EmbedderOptions, on_progress: OnProgress = silent) -> ContentEncoder:
    """The encoder that the options name, fetched where it is missing. Raises as `weights.chosen_encoder` does."""
    folder = weights.chosen_encoder(options, on_progress)
    if options.embedder_model != "custom":
        return ContentEncoder(options.embedder_model, folder)
    # By its name: a path says more about its owner than about the voice.
    return ContentEncoder(folder.name, folder, _hash(folder))


def version_of(sizes: HubertSizes) -> str:
    """v2 for hidden states of 768 numbers, else v1 by `final_proj`. Raises CheckpointError where that has not 256."""
    if sizes.hidden_size == V2_WIDTH:
        return "v2"
    if sizes.classifier_proj_size == V1_WIDTH:
        return "v1"
    raise CheckpointError(
        f"an encoder of hidden size {sizes.hidden_size} with a final_proj of {sizes.classifier_proj_size} fits no "
        f"voice; its hidden size must be {V2_WIDTH}, or classifier_proj_size {V1_WIDTH}"
    )


def width_of(version: str) -> int:
    """D of the features that voices of this version take."""
    return V1_WIDTH if version == "v1" else V2_WIDTH


def _hash(folder: Path) -> str:
    """Of configuration and weights together, as RVC tools name custom encoders."""
    state = hashlib.blake2b(digest_size=HASH_BYTES)
    for path in (folder / weights.CONFIG_FILE, weights_file(folder)):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                state.update(block)
    return state.hexdigest()
