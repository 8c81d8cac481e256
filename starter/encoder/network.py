"""The encoder while it learns: the engine's own HuBERT, small, with a narrow head in the place of its projection."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from starter.encoder.codes import SOUND, WIDTH
from ultimate_rvc.rvc.embed.network import Hubert, HubertSizes

PROJECTED = 256
SIZES = HubertSizes(
    hidden_size=256,
    num_hidden_layers=5,
    num_attention_heads=4,
    intermediate_size=768,
    conv_dim=(32, 48, 64, 96, 128, 160, 192),
    num_conv_pos_embeddings=32,
    num_conv_pos_embedding_groups=16,
    classifier_proj_size=PROJECTED,
)


class Learner(nn.Module):
    """wav [B, T] → where it hears the codes' points [B, L, WIDTH]."""

    def __init__(self, points: np.ndarray, sizes: HubertSizes = SIZES) -> None:
        super().__init__()
        self.sizes = sizes
        self.hubert = Hubert(sizes)
        self.hubert.final_proj = nn.Linear(sizes.hidden_size, WIDTH)
        self.register_buffer("points", torch.from_numpy(points))
        self.sharpness = nn.Parameter(torch.tensor(0.0))

    def forward(self, wav: Tensor) -> Tensor:
        """See the class."""
        return self.hubert.final_proj(self.hubert(wav)["last_hidden_state"])

    def logits(self, heard: Tensor) -> Tensor:
        """How near each class's point is, [B, L, CLASSES]."""
        spoken = heard[..., : self.points.shape[1]]
        return -self.sharpness.exp() * torch.cdist(spoken.float(), self.points.expand(len(spoken), -1, -1)) ** 2 / SOUND


def export(learner: Learner, folder: Path) -> None:
    """Writes config.json and model.safetensors as transformers' HubertModel with `final_proj` reads them.

    The head's WIDTH outputs are spread over the 256 of a v1 voice by orthonormal columns, which keep all distances.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().float().clone() for name, value in learner.hubert.state_dict().items()}
    spread = _spread()
    weights["final_proj.weight"] = spread @ weights["final_proj.weight"]
    weights["final_proj.bias"] = spread @ weights["final_proj.bias"]
    taps = weights.pop("encoder.pos_conv_embed.conv.weight")
    name = "encoder.pos_conv_embed.conv.parametrizations.weight.original"
    weights |= {f"{name}0": taps.norm(dim=(0, 1), keepdim=True), f"{name}1": taps}
    weights = {name: value.contiguous() for name, value in weights.items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    settings = {"architectures": ["HubertModelWithFinalProj"], "model_type": "hubert", **asdict(learner.sizes)}
    settings |= {"mask_time_prob": 0.0, "mask_feature_prob": 0.0}
    settings |= {"num_feat_extract_layers": len(learner.sizes.conv_dim)}
    (folder / "config.json").write_text(json.dumps(settings, indent=2) + "\n")


def _spread() -> Tensor:
    """[256, WIDTH] with orthonormal columns, times 2 so that the features' size is that of ContentVec's."""
    rows = torch.randn(PROJECTED, WIDTH, generator=torch.Generator().manual_seed(0))
    return torch.linalg.qr(rows).Q * 2
