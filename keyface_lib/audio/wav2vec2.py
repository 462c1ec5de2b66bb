"""wav2vec 2.0 (Baevski et al. 2020) from its Hugging Face files, on transformers' implementation."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..errors import KeyFaceError
from ..method.timeline import SAMPLES_PER_FRAME
from ..weights.schema import check, flag, listed, number, one_of, whole
from .wavlm import MOST_CONVOLUTIONS, conv_grid, require_sizes
from .weights import HEADS, KERNEL, LAYERS, WIDTH, check_config
from .windows import Scaling

UNNEEDED = r"wav2vec2\.masked_spec_embed|lm_head\..*|quantizer\..*|project_(q|hid)\..*"
"""Tensors that only training and speech recognition need."""

PREFIX = "wav2vec2."

_CONVOLUTIONS = listed(whole(1, 8192), 1, MOST_CONVOLUTIONS)
_ACTIVATION = one_of("gelu", "gelu_new", "relu", "silu", "swish")
_RULES = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": whole(1, 65536),
    "conv_dim": _CONVOLUTIONS,
    "conv_kernel": _CONVOLUTIONS,
    "conv_stride": _CONVOLUTIONS,
}
_MORE_RULES = {
    "conv_bias": flag,
    "feat_extract_norm": one_of("group", "layer"),
    "feat_extract_activation": _ACTIVATION,
    "hidden_act": _ACTIVATION,
    "do_stable_layer_norm": flag,
    "num_conv_pos_embeddings": KERNEL,
    "num_conv_pos_embedding_groups": whole(1, 8192),
    "vocab_size": whole(1, 2**20),
    "layer_norm_eps": number(1e-12, 1e-2),
}
"""Settings that a config may leave out; it may have others, which change nothing that is heard."""
_WEIGHT_NORM = {
    "conv.parametrizations.weight.original0": "conv.weight_g",
    "conv.parametrizations.weight.original1": "conv.weight_v",
}


class Wav2Vec2Encoder(nn.Module):
    """wav2vec 2.0 without its word head, its weights not yet loaded.

    Args:
        config: the `config.json` beside the released weights.
        path: what error messages call the file.

    Raises:
        KeyFaceError: the config lacks a setting, or its tokens are not two a video frame.
    """

    name = "wav2vec2"
    even_frames = False
    stretched = False
    context_s = None

    def __init__(self, config: Mapping[str, Any], path: str):
        super().__init__()
        from transformers import Wav2Vec2Config, Wav2Vec2Model

        check_config(config, _RULES, {}, path, {"hidden_size": ("num_attention_heads",)})
        check(config, _MORE_RULES, f"{path}: the encoder's config", "use facebook/wav2vec2-base-960h's", True)
        convolutions = [config[name] for name in ("conv_dim", "conv_kernel", "conv_stride")]
        if len(set(map(len, convolutions))) != 1:
            raise KeyFaceError(
                f"{path}: conv_dim, conv_kernel and conv_stride have {list(map(len, convolutions))} "
                "values; use facebook/wav2vec2-base-960h's config"
            )
        require_sizes(list(zip(*convolutions, strict=True)), path)
        self.dim = config["hidden_size"]
        self.grid = conv_grid(config["conv_kernel"], config["conv_stride"])
        if 2 * self.grid.hop != SAMPLES_PER_FRAME:
            raise KeyFaceError(
                f"{path}: conv_stride makes {self.grid.hop} samples a token, KeyFace pairs tokens of "
                f"{SAMPLES_PER_FRAME // 2}; use facebook/wav2vec2-base-960h"
            )
        known = {name: config[name] for name in (*_RULES, *_MORE_RULES) if name in config}
        settings = Wav2Vec2Config(**known, mask_time_prob=0.0, mask_feature_prob=0.0, add_adapter=False)
        if settings.hidden_size % settings.num_conv_pos_embedding_groups:
            raise KeyFaceError(
                f"{path}: num_conv_pos_embedding_groups ({settings.num_conv_pos_embedding_groups}) does not "
                f"divide hidden_size ({settings.hidden_size}); use facebook/wav2vec2-base-960h's config"
            )
        self.model = Wav2Vec2Model(settings)

    def scaling(self, waveform: torch.Tensor, samples: int) -> Scaling:
        """Zero mean and unit (unbiased) variance over the whole sound (n,), before it is padded."""
        correction = min(1, len(waveform) - 1)  # a single sample has no unbiased variance
        var, mean = (float(x) for x in torch.var_mean(waveform.float(), correction=correction))
        return Scaling(mean, math.sqrt(var + 1e-7), silence=mean)

    def tokens(self, samples: torch.Tensor) -> torch.Tensor:
        """Tokens (batch, steps, dim) of scaled samples (batch, n), n at least `grid.field`."""
        return self.model(samples.to(self.model.device, self.model.dtype)).last_hidden_state

    def released_names(self) -> dict[str, str]:
        """{name in this module: name in the released file} of every tensor."""
        return {key: standard_name(key.removeprefix("model.")) for key in self.state_dict()}


def standard_name(name: str) -> str:
    """The released name of a tensor of `Wav2Vec2ForCTC` or `Wav2Vec2Model`, saved by old or new versions."""
    for ours, released in _WEIGHT_NORM.items():
        name = name.replace(ours, released)
    of_a_head = name.startswith((PREFIX, "lm_head.", "quantizer.", "project_"))
    return name if of_a_head else PREFIX + name
