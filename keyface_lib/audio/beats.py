"""BEATs (Chen et al. 2023, arXiv 2212.09058): audio tokens of spectrogram patches, and AudioSet's classes.

A transformer over 16 x 16 patches of the filter bank with a convolution for absolute positions, WavLM's gated
relative position bias and DeepNorm residuals.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from ..errors import KeyFaceError
from ..weights.schema import flag, whole
from .fbank import FRAME, HOP, MEL_BINS, fbank
from .wavlm import require_distances
from .weights import HEADS, KERNEL, LAYERS, WIDTH, check_config
from .windows import Scaling, TokenGrid

UNNEEDED = r"encoder\.layers\.\d+\.self_attn\.relative_attention_bias\.weight"
"""All layers share the first one's bias, which the released file repeats."""

_RULES = {
    "input_patch_size": whole(1, MEL_BINS),
    "embed_dim": WIDTH,
    "conv_bias": flag,
    "encoder_layers": LAYERS,
    "encoder_embed_dim": WIDTH,
    "encoder_ffn_embed_dim": whole(1, 65536),
    "encoder_attention_heads": HEADS,
    "deep_norm": flag,
    "conv_pos": KERNEL,
    "conv_pos_groups": whole(1, 8192),
    "num_buckets": whole(4, 4096, 4),
    "max_distance": whole(2, 2**20),
    "finetuned_model": flag,
    "predictor_class": whole(0, 100_000),
}
_FIXED = {
    "activation_fn": "gelu",
    "layer_norm_first": False,
    "relative_position_embedding": True,
    "gru_rel_pos": True,
}
_RELEASED = {
    "encoder.pos_conv.parametrizations.weight.original0": "encoder.pos_conv.0.weight_g",
    "encoder.pos_conv.parametrizations.weight.original1": "encoder.pos_conv.0.weight_v",
    "encoder.pos_conv.bias": "encoder.pos_conv.0.bias",
    "encoder.relative_attention_bias.weight": "encoder.layers.0.self_attn.relative_attention_bias.weight",
}


class BEATsEncoder(nn.Module):
    """BEATs, its weights not yet loaded.

    Args:
        config: the released file's `cfg`.
        path: what error messages call the file.
        labels: the AudioSet mid of every class of the head, such as "/m/01j3sz".

    Raises:
        KeyFaceError: the config lacks a setting or has one that no released BEATs has, or the labels do not
            fit the head.
    """

    name = "beats"
    even_frames = True
    stretched = True
    context_s = None

    def __init__(self, config: Mapping[str, Any], path: str, labels: Sequence[str] | None = None):
        super().__init__()
        divided = {"encoder_embed_dim": ("encoder_attention_heads", "conv_pos_groups")}
        check_config(config, _RULES, _FIXED, path, divided)
        require_distances(config, path)
        classes = config["predictor_class"] if config["finetuned_model"] else 0
        if labels is not None and len(labels) != classes:
            raise KeyFaceError(
                f"{path}: {len(labels)} labels for {classes} classes; give the label table of the same file"
            )
        patch, width, self.dim = (config[k] for k in ("input_patch_size", "embed_dim", "encoder_embed_dim"))
        self.labels = None if labels is None else tuple(labels)
        self.grid = TokenGrid(patch * HOP, FRAME + (patch - 1) * HOP, MEL_BINS // patch)
        self.patch_embedding = nn.Conv2d(1, width, patch, patch, bias=config["conv_bias"])
        self.layer_norm = nn.LayerNorm(width)
        self.post_extract_proj = nn.Linear(width, self.dim) if width != self.dim else nn.Identity()
        self.encoder = _Transformer(config)
        self.predictor = nn.Linear(self.dim, classes) if classes else None

    def scaling(self, waveform: torch.Tensor, samples: int) -> Scaling:
        """None; the filter bank does its own."""
        return Scaling()

    def tokens(self, samples: torch.Tensor) -> torch.Tensor:
        """Tokens (batch, steps x 8, dim), frequency fastest, of (batch, n >= `grid.field`) samples."""
        banks = torch.stack([fbank(row) for row in samples])
        patches = self.patch_embedding(banks[:, None].to(self.patch_embedding.weight))
        x = self.layer_norm(patches.flatten(2).transpose(1, 2))
        return self.encoder(self.post_extract_proj(x))

    def logits(self, samples: torch.Tensor) -> torch.Tensor:
        """Class scores (batch, classes) of samples (batch, n): the mean over tokens, before the sigmoid.

        Raises:
            KeyFaceError: the file holds a BEATs without classes.
        """
        if self.predictor is None:
            raise KeyFaceError("this BEATs has no classes; use the file fine-tuned on AudioSet (..._cpt2.pt)")
        return self.predictor(self.tokens(samples)).float().mean(dim=1)

    def released_names(self) -> dict[str, str]:
        """{name in this module: name in the released file} of every tensor."""
        return {key: _RELEASED.get(key, key) for key in self.state_dict()}


class _Transformer(nn.Module):
    def __init__(self, config: Mapping[str, Any]):
        super().__init__()
        dim, kernel = config["encoder_embed_dim"], config["conv_pos"]
        conv = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=config["conv_pos_groups"])
        self.pos_conv = weight_norm(conv, dim=2)
        self.layer_norm = nn.LayerNorm(dim)
        self.relative_attention_bias = nn.Embedding(config["num_buckets"], config["encoder_attention_heads"])
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config["encoder_layers"]))
        self._max_distance = config["max_distance"]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length = x.shape[1]
        # An even kernel makes one position too many.
        positions = self.pos_conv(x.transpose(1, 2))[..., :length].transpose(1, 2)
        x = self.layer_norm(x + F.gelu(positions))
        bias = self._position_bias(length)
        for layer in self.layers:
            x = layer(x, bias)
        return x

    def _position_bias(self, length: int) -> torch.Tensor:
        """(heads, queries, keys)."""
        table = self.relative_attention_bias
        position = torch.arange(length, device=table.weight.device)
        buckets = distance_buckets(position - position[:, None], table.num_embeddings, self._max_distance)
        return table(buckets).permute(2, 0, 1)


class _Layer(nn.Module):
    def __init__(self, config: Mapping[str, Any]):
        super().__init__()
        dim, hidden = config["encoder_embed_dim"], config["encoder_ffn_embed_dim"]
        self.self_attn = _Attention(dim, config["encoder_attention_heads"])
        self.self_attn_layer_norm = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)
        self.final_layer_norm = nn.LayerNorm(dim)
        # DeepNorm (Wang et al. 2022): alpha of an encoder-only model.
        self._alpha = (2 * config["encoder_layers"]) ** 0.25 if config["deep_norm"] else 1.0

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        x = self.self_attn_layer_norm(self._alpha * x + self.self_attn(x, bias))
        return self.final_layer_norm(self._alpha * x + self.fc2(F.gelu(self.fc1(x))))


class _Attention(nn.Module):
    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(dim, dim) for _ in range(4))
        self.grep_linear = nn.Linear(dim // heads, 8)
        self.grep_a = nn.Parameter(torch.ones(1, heads, 1, 1))
        self._heads = heads

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        q, k, v = (
            project(x).unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=self._gate(q) * bias)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))

    def _gate(self, q: torch.Tensor) -> torch.Tensor:
        """How strongly each query (batch, heads, length, d) minds distances: (batch, heads, length, 1)."""
        a, b = self.grep_linear(q).unflatten(-1, (2, 4)).sum(-1).sigmoid().chunk(2, dim=-1)
        return a * (b * self.grep_a - 1) + 2


def distance_buckets(distance: torch.Tensor, buckets: int, max_distance: int) -> torch.Tensor:
    """T5's bucket of each signed distance: half for either sign, of those half exact, the rest in log."""
    half = buckets // 2
    exact = half // 2
    far = distance.abs().clamp(min=1).float() / exact
    log_bucket = exact + (far.log() / math.log(max_distance / exact) * (half - exact)).long()
    bucket = torch.where(distance.abs() < exact, distance.abs(), log_bucket.clamp(max=half - 1))
    return bucket + half * (distance > 0)
