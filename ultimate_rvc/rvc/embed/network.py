"""HuBERT (Hsu et al. 2021): convolutions that hear 50 frames a second, and a transformer over them.

The network of transformers' HubertModel, under its names of modules and weights, for inference alone. It is written
out here because importing transformers costs a conversion 1.8 s and 125 MB, more than loading the weights does.

B spans · T samples at 16 kHz · L frames (50/s) · C channels of the convolutions · D hidden size · H heads
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ultimate_rvc.rvc.mapped import let_go

ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU, "swish": nn.SiLU}
NORMS = ("group", "layer")


@dataclass(frozen=True)
class HubertSizes:
    """What config.json says of the network; the defaults are transformers' own, which its files leave out.

    Raises ValueError or TypeError for settings that make no network, or one that is not here.
    """

    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-5
    do_stable_layer_norm: bool = False
    feat_extract_norm: str = "group"
    feat_extract_activation: str = "gelu"
    feat_proj_layer_norm: bool = True
    conv_dim: tuple[int, ...] = (512,) * 7
    conv_kernel: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_stride: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    conv_pos_batch_norm: bool = False
    num_conv_pos_embeddings: int = 128
    num_conv_pos_embedding_groups: int = 16
    adapter_attn_dim: int | None = None
    classifier_proj_size: int = 256

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "HubertSizes":
        """The settings that are sizes; a file holds many others."""
        known = {spec.name: settings[spec.name] for spec in fields(cls) if spec.name in settings}
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in known.items()})

    def __post_init__(self) -> None:
        if not len(self.conv_dim) == len(self.conv_kernel) == len(self.conv_stride):
            raise ValueError("conv_dim, conv_kernel and conv_stride are of different lengths")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(f"{self.num_attention_heads} heads do not divide a hidden size of {self.hidden_size}")
        if self.conv_pos_batch_norm or self.adapter_attn_dim:
            raise ValueError("batch norms and adapters are not supported")
        if self.feat_extract_norm not in NORMS:
            raise ValueError(f"feat_extract_norm is {self.feat_extract_norm!r}; it must be one of {', '.join(NORMS)}")
        for name in (self.hidden_act, self.feat_extract_activation):
            if name not in ACTIVATIONS:
                raise ValueError(f"activation {name!r} is not supported; known: {', '.join(ACTIVATIONS)}")


class Hubert(nn.Module):
    """wav [B, T] → {"last_hidden_state": [B, L, D]}, as transformers' HubertModel answers."""

    def __init__(self, sizes: HubertSizes) -> None:
        super().__init__()
        self.feature_extractor = FeatureExtractor(sizes)
        self.feature_projection = FeatureProjection(sizes)
        self.encoder = Encoder(sizes)
        self.final_proj: nn.Linear | None = nn.Linear(sizes.hidden_size, sizes.classifier_proj_size)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.parameters()).device

    def forward(self, wav: Tensor) -> dict[str, Tensor]:
        """See the class."""
        heard = self.feature_extractor(wav).transpose(1, 2)  # [B, L, C]
        return {"last_hidden_state": self.encoder(self.feature_projection(heard))}


class FeatureExtractor(nn.Module):
    """wav [B, T] → [B, C, L], L = (T - 80) // 320 with the usual strides."""

    def __init__(self, sizes: HubertSizes) -> None:
        super().__init__()
        self.conv_layers = nn.ModuleList(ConvLayer(sizes, i) for i in range(len(sizes.conv_dim)))

    def forward(self, wav: Tensor) -> Tensor:
        """See the class."""
        x = wav[:, None]
        for layer in self.conv_layers:
            x = layer(x)
        return x


class ConvLayer(nn.Module):
    """A strided convolution, perhaps a norm, and an activation: [B, in, t] → [B, out, t / stride].

    'group' norms every channel of the first layer over time, 'layer' every frame of every layer over its channels.
    """

    def __init__(self, sizes: HubertSizes, number: int) -> None:
        super().__init__()
        inputs = sizes.conv_dim[number - 1] if number else 1
        outputs, taps, stride = sizes.conv_dim[number], sizes.conv_kernel[number], sizes.conv_stride[number]
        self.conv = nn.Conv1d(inputs, outputs, taps, stride, bias=sizes.conv_bias)
        if sizes.feat_extract_norm == "layer":
            self.layer_norm: nn.Module | None = nn.LayerNorm(outputs)
        else:
            self.layer_norm = nn.GroupNorm(outputs, outputs) if number == 0 else None
        self.activation = ACTIVATIONS[sizes.feat_extract_activation]()

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self.conv(x)
        if isinstance(self.layer_norm, nn.LayerNorm):
            x = self.layer_norm(x.mT).mT
        elif self.layer_norm is not None:
            x = self.layer_norm(x)
        return self.activation(x)


class FeatureProjection(nn.Module):
    """[B, L, C] → [B, L, D]."""

    def __init__(self, sizes: HubertSizes) -> None:
        super().__init__()
        width = sizes.conv_dim[-1]
        self.layer_norm = nn.LayerNorm(width, sizes.layer_norm_eps) if sizes.feat_proj_layer_norm else nn.Identity()
        self.projection = nn.Linear(width, sizes.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.projection(self.layer_norm(x))


class Encoder(nn.Module):
    """The transformer, [B, L, D] → [B, L, D]. `norm_is_last`: the norm stands behind the layers, not before them."""

    def __init__(self, sizes: HubertSizes) -> None:
        super().__init__()
        self.norm_is_last = sizes.do_stable_layer_norm
        self.pos_conv_embed = PositionalConv(sizes)
        self.layer_norm = nn.LayerNorm(sizes.hidden_size, sizes.layer_norm_eps)
        self.layers = nn.ModuleList(Layer(sizes) for _ in range(sizes.num_hidden_layers))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = x + self.pos_conv_embed(x)
        if not self.norm_is_last:
            x = self.layer_norm(x)
        for layer in self.layers:
            x = layer(x)
            if not self.training:
                let_go(layer.parameters())
        return self.layer_norm(x) if self.norm_is_last else x


class PositionalConv(nn.Module):
    """What a frame's neighbours tell of its place: a grouped convolution, [B, L, D] → [B, L, D].

    Its weight norm is folded while the weights are read.
    """

    def __init__(self, sizes: HubertSizes) -> None:
        super().__init__()
        width, taps, groups = sizes.hidden_size, sizes.num_conv_pos_embeddings, sizes.num_conv_pos_embedding_groups
        self.conv = nn.Conv1d(width, width, taps, padding=taps // 2, groups=groups)
        self.activation = ACTIVATIONS[sizes.feat_extract_activation]()

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        # An even kernel gives one frame too many.
        return self.activation(self.conv(x.mT)[..., : x.shape[1]]).mT


class Layer(nn.Module):
    """Attention and a feed-forward net; `norm_first` norms what goes into each, else what comes out of each."""

    def __init__(self, sizes: HubertSizes) -> None:
        super().__init__()
        width, eps = sizes.hidden_size, sizes.layer_norm_eps
        self.norm_first = sizes.do_stable_layer_norm
        self.attention = Attention(width, sizes.num_attention_heads)
        self.layer_norm = nn.LayerNorm(width, eps)
        self.feed_forward = FeedForward(sizes)
        self.final_layer_norm = nn.LayerNorm(width, eps)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, L, D] → [B, L, D]."""
        if self.norm_first:
            x = x + self.attention(self.layer_norm(x))
            return x + self.feed_forward(self.final_layer_norm(x))
        x = self.layer_norm(x + self.attention(x))
        return self.final_layer_norm(x + self.feed_forward(x))


class Attention(nn.Module):
    """Every frame hears every other: [B, L, D] → [B, L, D]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        parts = (project(x).unflatten(2, (self.heads, -1)) for project in (self.q_proj, self.k_proj, self.v_proj))
        query, key, value = (part.transpose(1, 2) for part in parts)  # [B, H, L, D / H]
        heard = F.scaled_dot_product_attention(query, key, value)
        return self.out_proj(heard.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Two linear maps around an activation, frame by frame."""

    def __init__(self, sizes: HubertSizes) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(sizes.hidden_size, sizes.intermediate_size)
        self.intermediate_act_fn = ACTIVATIONS[sizes.hidden_act]()
        self.output_dense = nn.Linear(sizes.intermediate_size, sizes.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, L, D] → [B, L, D]."""
        return self.output_dense(self.intermediate_act_fn(self.intermediate_dense(x)))
