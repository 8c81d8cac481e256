"""Content encoders: HuBERT (Hsu et al. 2021) and its ContentVec and SPIN descendants hear words without the voice.

v2 voices were trained on the last layer's output [B, L, 768], v1 voices on layer 9 behind `final_proj` [B, L, 256];
of an encoder with fewer layers they get the last. Upstream feeds the last layer to both; `strict_parity` does so too.
"""

import copy
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ultimate_rvc.errors import CheckpointError
from ultimate_rvc.rvc.embed.files import inference_weights, not_a_configuration, read_sizes, weights_file
from ultimate_rvc.rvc.embed.front import features_in_tiles
from ultimate_rvc.rvc.embed.network import Hubert
from ultimate_rvc.rvc.embed.products import FrontInProducts
from ultimate_rvc.rvc.mapped import let_go
from ultimate_rvc.rvc.seams import Embedder
from ultimate_rvc.rvc.stored_weights import fit

if TYPE_CHECKING:
    from transformers import HubertModel

V1_LAYER = 9
PROJECTION_KEYS = ("final_proj.weight", "final_proj.bias")


def load_encoder(folder: Path, device: torch.device | str) -> Hubert:
    """The folder's network in float32, set to inference; `final_proj` is None where the file has none.

    Raises WeightsNotFound, CheckpointError or UnsafePickleError.
    """
    sizes, path = read_sizes(folder), weights_file(folder)
    weights = inference_weights(path)
    with torch.device("meta"):
        try:
            model = Hubert(sizes)
        except (TypeError, ValueError, RuntimeError) as error:  # what torch says of sizes that make no layer
            raise not_a_configuration(folder / "config.json", error) from error
    if not any(key in weights for key in PROJECTION_KEYS):
        model.final_proj = None
    return fit(model, weights, path, wanted="its config.json").to(device)


def embedder_for(
    model: Any, version: str, *, strict_parity: bool = False, fast: bool = True, bf16: bool = False
) -> Embedder:
    """What turns wav [B, T] at 16 kHz into the features [B, L, D] that voices of this version were trained on.

    `model` is what `load_encoder` gives, a transformers HubertModel, or anything whose call gives
    ["last_hidden_state"] (and that has `final_proj`, for v1). `fast` takes the quickest equal way on the model's
    device; the embedder then has copies of weights as they are now. `bf16` is quicker still on a CPU that has it, and
    less exact.
    Raises CheckpointError when a v1 voice lacks its projection.
    """
    head = _projection(model) if version == "v1" else _as_is
    if not _is_plain_hubert(model):
        return ForeignEmbedder(model, head)
    # A smaller network than HuBERT's own was made to end where its last layer is.
    early = version == "v1" and not strict_parity and len(model.encoder.layers) > V1_LAYER
    encoder = _first_layers(model.encoder, V1_LAYER) if early else model.encoder
    dtype = torch.bfloat16 if bf16 and model.device.type == "cpu" else torch.float32
    return HubertEmbedder(_front(model, fast and not strict_parity, dtype), model, Layers(encoder, dtype), head)


def width_for(model: Any, version: str) -> int | None:
    """D of the features that the model gives voices of this version; None for somebody else's model, unasked."""
    if not isinstance(model, Hubert):
        return None
    last = model.final_proj if version == "v1" else model.feature_projection.projection
    return last.out_features if last is not None else None


def _front(model: "Hubert | HubertModel", fast: bool, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """wav [B, T] → frames [B, L, C] in the way that suits the model's device."""
    if fast and model.device.type == "cpu":
        return FrontInProducts(model.feature_extractor, dtype)
    return lambda wav: features_in_tiles(model.feature_extractor, wav).transpose(1, 2)


class HubertEmbedder:
    """Runs the parts of a HuBERT: a front end, then as many layers as `encoder` has, then the head."""

    def __init__(
        self,
        front: Callable[[Tensor], Tensor],
        model: "Hubert | HubertModel",
        encoder: "Layers",
        head: Callable[[Tensor], Tensor],
    ):
        self.front, self.model, self.encoder, self.head = front, model, encoder, head

    @torch.no_grad()
    def __call__(self, wav: Tensor) -> Tensor:
        frames = self.front(wav)  # [B, L, C]
        hidden = self.model.feature_projection(frames)  # [B, L, 768]
        features = self.head(self.encoder(hidden)).to(wav.dtype)  # [B, L, D]
        let_go(self.model.parameters())
        return features


class Layers:
    """A HuBERT's transformer, [B, L, 768] → [B, L, 768]; in bf16 its products only, between float32 sums."""

    def __init__(self, encoder: nn.Module, dtype: torch.dtype = torch.float32):
        self.encoder, self.dtype = encoder, dtype

    def __call__(self, hidden: Tensor) -> Tensor:
        with self._precision(hidden):
            heard = self.encoder(hidden)
        return heard if isinstance(heard, Tensor) else heard[0]  # transformers' answers with a record

    def _precision(self, hidden: Tensor) -> AbstractContextManager:
        half = self.dtype != torch.float32
        return torch.autocast(hidden.device.type, self.dtype) if half else nullcontext()


class ForeignEmbedder:
    """Calls somebody else's encoder row by row: RVC programs have only ever given theirs one row."""

    def __init__(self, model: Callable, head: Callable[[Tensor], Tensor]):
        self.model, self.head = model, head

    @torch.no_grad()
    def __call__(self, wav: Tensor) -> Tensor:
        rows = [self.head(self.model(row)["last_hidden_state"]) for row in wav.split(1)]
        return torch.cat(rows).to(wav.dtype)


def _is_plain_hubert(model: Any) -> bool:
    """Whether the model is ours, or its own forward is transformers', so that its parts may be run one by one."""
    if isinstance(model, Hubert):
        return type(model).forward is Hubert.forward
    # Whoever holds one of theirs has imported them.
    theirs = getattr(sys.modules.get("transformers"), "HubertModel", None)
    return theirs is not None and isinstance(model, theirs) and type(model).forward is theirs.forward


def _projection(model: Any) -> Callable[[Tensor], Tensor]:
    head = getattr(model, "final_proj", None)
    if head is None:
        raise CheckpointError("this encoder has no final_proj, which v1 voices need; use contentvec, or a v2 voice")
    return head


def _as_is(hidden: Tensor) -> Tensor:
    return hidden


def _first_layers(encoder: nn.Module, count: int) -> nn.Module:
    """An encoder that shares its weights with the given one and ends behind its first layers."""
    short = copy.copy(encoder)
    short._modules = {**encoder._modules, "layers": encoder.layers[:count]}
    if getattr(encoder, "norm_is_last", type(encoder).__name__ == "HubertEncoderStableLayerNorm"):
        short._modules["layer_norm"] = nn.Identity()  # there it belongs to the last layer alone
    return short
