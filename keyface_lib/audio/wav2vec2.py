"""wav2vec 2.0 (Baevski et al. 2020) from its Hugging Face files, on transformers' implementation."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..errors import KeyFaceError
from ..method.timeline import SAMPLES_PER_FRAME
from .wavlm import conv_grid
from .weights import check_config
from .windows import Scaling

UNNEEDED = r"wav2vec2\.masked_spec_embed|lm_head\..*|quantizer\..*|project_(q|hid)\..*"
"""Tensors that only training and speech recognition need."""

PREFIX = "wav2vec2."

_NEEDED = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "conv_dim",
    "conv_kernel",
    "conv_stride",
)
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

    def __init__(self, config: Mapping[str, Any], path: str):
        super().__init__()
        from transformers import Wav2Vec2Config, Wav2Vec2Model

        check_config(config, _NEEDED, {}, path)
        self.dim = config["hidden_size"]
        self.grid = conv_grid(config["conv_kernel"], config["conv_stride"])
        if 2 * self.grid.hop != SAMPLES_PER_FRAME:
            raise KeyFaceError(
                f"{path}: conv_stride makes {self.grid.hop} samples a token, KeyFace pairs tokens of "
                f"{SAMPLES_PER_FRAME // 2}; use facebook/wav2vec2-base-960h"
            )
        unmasked = {"mask_time_prob": 0.0, "mask_feature_prob": 0.0, "add_adapter": False}
        self.model = Wav2Vec2Model(Wav2Vec2Config.from_dict({**config, **unmasked}))

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
