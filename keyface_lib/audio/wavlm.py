"""WavLM (Chen et al. 2022) from Microsoft's released file, on transformers' implementation."""

import math
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..errors import KeyFaceError
from ..messages import shown
from ..weights.schema import flag, one_of, text, whole
from .weights import HEADS, KERNEL, LAYERS, WIDTH, check_config
from .windows import Scaling, TokenGrid

MOST_CONVOLUTIONS = 32
UNNEEDED = r"mask_emb|label_embs_concat|final_proj\..*"
"""Tensors that only WavLM's own training needs."""

_RULES = {
    "encoder_layers": LAYERS,
    "encoder_embed_dim": WIDTH,
    "encoder_ffn_embed_dim": whole(1, 65536),
    "encoder_attention_heads": HEADS,
    "layer_norm_first": flag,
    "conv_feature_layers": text(500, 1),
    "conv_bias": flag,
    "conv_pos": KERNEL,
    "conv_pos_groups": whole(1, 8192),
    "num_buckets": whole(4, 4096, 4),
    "max_distance": whole(2, 2**20),
    "extractor_mode": one_of("default", "layer_norm"),
    "normalize": flag,
}
_FIXED = {"activation_fn": "gelu", "relative_position_embedding": True, "gru_rel_pos": True}

_ENDS = {
    "feature_projection.layer_norm": "layer_norm",
    "feature_projection.projection": "post_extract_proj",
    "encoder.pos_conv_embed.conv.parametrizations.weight.original0": "encoder.pos_conv.0.weight_g",
    "encoder.pos_conv_embed.conv.parametrizations.weight.original1": "encoder.pos_conv.0.weight_v",
    "encoder.pos_conv_embed.conv.bias": "encoder.pos_conv.0.bias",
    "encoder.layer_norm": "encoder.layer_norm",
}
_LAYER = {
    "attention.gru_rel_pos_const": "self_attn.grep_a",
    "attention.gru_rel_pos_linear": "self_attn.grep_linear",
    "attention.rel_attn_embed": "self_attn.relative_attention_bias",
    "attention.": "self_attn.",
    "layer_norm": "self_attn_layer_norm",
    "feed_forward.intermediate_dense": "fc1",
    "feed_forward.output_dense": "fc2",
    "final_layer_norm": "final_layer_norm",
}


class WavLMEncoder(nn.Module):
    """WavLM, its weights not yet loaded.

    Args:
        config: the released file's `cfg`.
        path: what error messages call the file.

    Raises:
        KeyFaceError: the config lacks a setting or has one that no released WavLM has.
    """

    name = "wavlm"
    even_frames = True
    stretched = True
    context_s = None

    def __init__(self, config: Mapping[str, Any], path: str):
        super().__init__()
        from transformers import WavLMConfig, WavLMModel

        divided = {"encoder_embed_dim": ("encoder_attention_heads", "conv_pos_groups")}
        check_config(config, _RULES, _FIXED, path, divided)
        require_distances(config, path)
        widths, kernels, strides = zip(*conv_layers(config["conv_feature_layers"], path), strict=True)
        self.dim = config["encoder_embed_dim"]
        self.grid = conv_grid(kernels, strides)
        self._normalize = config["normalize"]
        self._layer_normed = config["extractor_mode"] == "layer_norm"
        self.model = WavLMModel(
            WavLMConfig(
                hidden_size=self.dim,
                num_hidden_layers=config["encoder_layers"],
                num_attention_heads=config["encoder_attention_heads"],
                intermediate_size=config["encoder_ffn_embed_dim"],
                do_stable_layer_norm=config["layer_norm_first"],
                feat_extract_norm="layer" if self._layer_normed else "group",
                conv_dim=widths,
                conv_kernel=kernels,
                conv_stride=strides,
                conv_bias=config["conv_bias"],
                num_conv_pos_embeddings=config["conv_pos"],
                num_conv_pos_embedding_groups=config["conv_pos_groups"],
                num_buckets=config["num_buckets"],
                max_bucket_distance=config["max_distance"],
                mask_time_prob=0.0,
                mask_feature_prob=0.0,
            )
        )
        if widths[-1] == self.dim:
            self.model.feature_projection.projection = nn.Identity()

    def scaling(self, waveform: torch.Tensor, samples: int) -> Scaling:
        """None in WavLM-Base; WavLM-Large normalises the sound (n,) with its padding up to `samples`."""
        if not self._normalize:
            return Scaling()
        var, mean = (float(x) for x in torch.var_mean(waveform.float(), correction=0))
        share = len(waveform) / samples
        padded_mean = mean * share
        padded_var = (var + mean**2) * share - padded_mean**2
        return Scaling(padded_mean, math.sqrt(padded_var + 1e-5))

    def tokens(self, samples: torch.Tensor) -> torch.Tensor:
        """Tokens (batch, steps, dim) of scaled samples (batch, n), n at least `grid.field`."""
        return self.model(samples.to(self.model.device, self.model.dtype)).last_hidden_state

    def released_names(self) -> dict[str, str]:
        """{name in this module: name in the released file} of every tensor."""
        return {key: self._released_name(key.removeprefix("model.")) for key in self.state_dict()}

    def _released_name(self, key: str) -> str:
        if conv := re.fullmatch(r"feature_extractor\.conv_layers\.(\d+)\.(conv|layer_norm)\.(.+)", key):
            # The released blocks are sequences: convolution, dropout, norm (wrapped where it is a LayerNorm).
            place = "0" if conv[2] == "conv" else "2.1" if self._layer_normed else "2"
            return f"feature_extractor.conv_layers.{conv[1]}.{place}.{conv[3]}"
        if layer := re.fullmatch(r"(encoder\.layers\.\d+\.)(.+)", key):
            return layer[1] + renamed(layer[2], _LAYER)
        return renamed(key, _ENDS)


def conv_layers(text: str, path: str) -> list[tuple[int, int, int]]:
    """(channels, kernel, stride) of each layer in the released notation, "[(512,10,5)] + [(512,3,2)] * 4"."""
    layers = []
    for term in text.replace(" ", "").split("+"):
        match = re.fullmatch(r"\[\((\d{1,5}),(\d{1,4}),(\d{1,4})\)\](?:\*(\d\d?))?", term)
        if not match or "0" in match.groups() or len(layers) > MOST_CONVOLUTIONS:
            raise KeyFaceError(
                f"{path}: conv_feature_layers is {shown(text)}, expected terms like [(512,3,2)] * 4; "
                "use the config of the released file"
            )
        channels, kernel, stride, times = (int(number or 1) for number in match.groups())
        layers += [(channels, kernel, stride)] * times
    require_sizes(layers, path)
    return layers


def require_sizes(layers: list[tuple[int, int, int]], path: str) -> None:
    """Raises a KeyFaceError unless a stack of convolutions hears a second or less for a token."""
    grid = conv_grid(*zip(*((kernel, stride) for _, kernel, stride in layers), strict=True))
    sizes = [number for layer in layers for number in layer]
    if (
        len(layers) > MOST_CONVOLUTIONS
        or min(sizes) < 1
        or max(sizes) > 8192
        or max(grid.hop, grid.field) > 16_000
    ):
        raise KeyFaceError(
            f"{path}: {len(layers)} convolutions make a token every {grid.hop} samples of {grid.field}; an "
            f"encoder's are at most {MOST_CONVOLUTIONS} and hear a second or less; "
            "use the config of the released file"
        )


def require_distances(config: Mapping[str, Any], path: str) -> None:
    """Raises a KeyFaceError unless the largest distance lies beyond the buckets that are exact."""
    if config["max_distance"] <= config["num_buckets"] // 4:
        raise KeyFaceError(
            f"{path}: max_distance {config['max_distance']} is too small for {config['num_buckets']} "
            "buckets; use the config of the released file"
        )


def conv_grid(kernels: tuple[int, ...], strides: tuple[int, ...]) -> TokenGrid:
    """The grid of a stack of unpadded convolutions."""
    hop, field = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * hop
        hop *= stride
    return TokenGrid(hop, field)


def renamed(key: str, names: Mapping[str, str]) -> str:
    """`key` with the first of the `names` it starts with replaced."""
    for ours, released in names.items():
        if key.startswith(ours):
            return released + key[len(ours) :]
    return key
