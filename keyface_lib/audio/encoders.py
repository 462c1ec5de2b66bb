"""The encoders KeyFace models hear, behind one interface."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch

from ..errors import KeyFaceError
from ..messages import shown
from ..weights.architecture import ENCODERS
from . import beats, wav2vec2, wavlm
from .logmel import LogMelEncoder
from .weights import load_released, require_layers
from .windows import Scaling, TokenGrid

WITHOUT_WEIGHTS = ("logmel",)
"""Encoders that need no file."""


class AudioEncoder(Protocol):
    """An encoder of 16 kHz sound, a `torch.nn.Module`.

    Attributes:
        name: its role.
        dim: width of its tokens.
        grid: where its tokens lie in time.
        even_frames: its sound is padded to an even number of video frames, not just to a whole one.
        stretched: its tokens are stretched to two a frame, not taken as they come.
        context_s: seconds before and after a moment that its token depends on; None is all of the sound.
    """

    name: str
    dim: int
    grid: TokenGrid
    even_frames: bool
    stretched: bool
    context_s: float | None

    def scaling(self, waveform: torch.Tensor, samples: int) -> Scaling:
        """How a whole sound (n,) that is padded to `samples` is scaled."""
        ...

    def tokens(self, samples: torch.Tensor) -> torch.Tensor:
        """Tokens (batch, steps x grid.tokens, dim) of scaled samples (batch, n)."""
        ...


def load_encoder(
    role: str,
    tensors: Mapping[str, torch.Tensor] | None = None,
    config: Mapping[str, Any] | None = None,
    labels: Sequence[str] | None = None,
    path: str | None = None,
) -> AudioEncoder:
    """The encoder of a released file, in float32 on the tensors' device.

    Args:
        role: "wavlm", "beats" or "wav2vec2"; or "logmel", which needs nothing else.
        tensors: with the released names: Microsoft's `model` for WavLM and BEATs; for wav2vec2 those of
            `Wav2Vec2ForCTC` or `Wav2Vec2Model`, saved by any version.
        config: Microsoft's `cfg`, or wav2vec2's `config.json`.
        labels: the AudioSet mid of each class of a fine-tuned BEATs (its file's `label_dict`, by index).
        path: what error messages call the file.

    Raises:
        KeyFaceError: an unknown role, a config of another architecture, or a tensor missing, unknown or of
            another shape.
    """
    if role == LogMelEncoder.name:
        return LogMelEncoder()
    path = path or role
    if role in ENCODERS and not (isinstance(tensors, Mapping) and isinstance(config, Mapping)):
        raise KeyFaceError(
            f"{path}: does not say how its encoder is built; use the file its authors released"
        )
    tensors, config = tensors or {}, config or {}
    if role == "wav2vec2":
        tensors = {wav2vec2.standard_name(name): tensor for name, tensor in tensors.items()}
    layers = config.get("num_hidden_layers" if role == "wav2vec2" else "encoder_layers")
    if role in ENCODERS and type(layers) is int:
        require_layers(tensors, layers, path)
    encoder, unneeded = _build(role, config, labels, path)
    load_released(encoder, encoder.released_names(), tensors, unneeded, path)
    return encoder


def encoder_shapes(role: str, config: Mapping[str, Any]) -> dict[str, torch.Size]:
    """The shape of every tensor, by released name, that an encoder of this role and config needs.

    Raises:
        KeyFaceError: an unknown role or a config of another architecture.
    """
    encoder, _ = _build(role, config, None, role)
    state = encoder.state_dict()
    return {released: state[ours].shape for ours, released in encoder.released_names().items()}


def _build(role: str, config: Mapping[str, Any], labels: Sequence[str] | None, path: str):
    """The encoder on the meta device, and a pattern of released tensors it does without."""
    with torch.device("meta"):
        if role == "wavlm":
            return wavlm.WavLMEncoder(config, path), wavlm.UNNEEDED
        if role == "beats":
            return beats.BEATsEncoder(config, path, labels), beats.UNNEEDED
        if role == "wav2vec2":
            return wav2vec2.Wav2Vec2Encoder(config, path), wav2vec2.UNNEEDED
    raise KeyFaceError(f"audio encoder {shown(role)} is unknown; use one of {', '.join(ENCODERS)}")
