"""The weight files of KeyFace's authors and of the audio encoders: wrappers, prefixes and configurations.

Two kinds of file are told apart by their first bytes, not their names: safetensors and what torch.save wrote.
Either way tensors are mapped from the file, so reading costs nothing until they are used.
"""

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ..errors import KeyFaceError
from ..files import open_file
from ..messages import one_line, shown
from ..strict_json import json_from, read_json
from .architecture import role_of
from .keymap import from_diffusers_vae
from .pickled import read_pickled

RELEASED_FILES = {
    "keyframe": "keyframe.pt",
    "interpolation": "interpolation.pt",
    "reduced": "interpolation_bad.pt",
    "vae": "vae.safetensors",
    "wavlm": "WavLM-Base+.pt",
    "beats": "BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt",
    "wav2vec2": "wav2vec2-base-960h/model.safetensors",
}
"""The files as their authors publish them (facts of the hub repository), accepted unconverted."""
RELEASED_AT = {
    **dict.fromkeys(("keyframe", "interpolation", "reduced", "wavlm", "beats"), "toninio19/keyface"),
    "vae": "stabilityai/sd-vae-ft-mse",
    "wav2vec2": "facebook/wav2vec2-base-960h",
}
"""The hub repositories where these files, and a VAE with an encoder, are to be had."""

WAV2VEC2_BASE_960H = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "conv_dim": [512] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "conv_bias": False,
    "feat_extract_norm": "group",
    "feat_extract_activation": "gelu",
    "hidden_act": "gelu",
    "do_stable_layer_norm": False,
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
    "vocab_size": 32,
    "layer_norm_eps": 1e-5,
}
"""facebook/wav2vec2-base-960h, by the names of transformers' Wav2Vec2Config."""

_WRAPPERS = ("module", "state_dict", "model")
"""Where DeepSpeed, Lightning and Microsoft's encoders keep their state dict."""
_DEEPSPEED_PREFIX = "_forward_module."
HEADER_BYTES = 8 * 2**20
"""A safetensors header: about 120 bytes for each tensor."""
MOST_TENSORS, LONGEST_NAME, DIMENSIONS = 50_000, 500, 8


@dataclass(frozen=True)
class Weights:
    """What a file holds.

    Attributes:
        tensors: by released name, without wrappers and prefixes.
        role: see `architecture.role_of`.
        header: the text entries of a safetensors file.
        config: architecture of an audio encoder where the file or its folder states it.
        labels: the AudioSet ids of BEATs' classes in the order of its outputs.
    """

    tensors: dict[str, torch.Tensor]
    role: str | None
    header: Mapping[str, str]
    config: dict | None = None
    labels: list[str] | None = None


def read_weights(path: Path) -> Weights:
    """Reads a file of any of the released kinds, or our own.

    Raises:
        KeyFaceError: the file is missing, damaged, hostile, or holds no state dict.
    """
    tensors: dict[str, torch.Tensor]
    header: Mapping[str, str]
    if _is_safetensors(path):
        tensors, header = _read_safetensors(path)
        content: Mapping[str, Any] = {}
    else:
        content, header = read_pickled(path), {}
        tensors = _state_dict(content, path)
    if any(name.startswith("encoder.down_blocks.") for name in tensors):
        try:
            tensors = from_diffusers_vae(tensors)
        except KeyFaceError as error:
            raise KeyFaceError(f"{one_line(path)}: {error}") from error
    role = role_of(tensors)
    config = _wav2vec2_config(path) if role == "wav2vec2" else _plain_entries(content.get("cfg"))
    return Weights(tensors, role, header, config, _labels(content.get("label_dict"), path))


def _is_safetensors(path: Path) -> bool:
    with open_file(path, "weight file") as file:
        start = file.read(9)
    return start[8:] == b"{" or path.suffix == ".safetensors"


def _read_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], Mapping[str, str]]:
    _check_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (SafetensorError, OSError, RuntimeError, OverflowError) as error:
        raise KeyFaceError(
            f"{one_line(path)} is no complete safetensors file ({one_line(error)}); download it again"
        ) from error


def _check_header(path: Path) -> None:
    """What of a safetensors header its own reader does not bound: length, tensors, names and dimensions."""
    with open_file(path, "weight file") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start.rjust(8, b"\xff"))[0]
        whole = length <= HEADER_BYTES
        content = file.read(length) if whole else b""
    if not whole or len(content) < length:
        said = f"its header is said to have {length:,} bytes" if len(start) == 8 else "it ends at once"
        raise KeyFaceError(f"{one_line(path)} is no complete safetensors file ({said}); download it again")
    entries = json_from(content, f"{one_line(path)}: its header", HEADER_BYTES)
    if not isinstance(entries, dict) or len(entries) > MOST_TENSORS:
        raise KeyFaceError(f"{one_line(path)}: its header lists no network's tensors; download it again")
    for name, entry in entries.items():
        shape = entry.get("shape") if isinstance(entry, dict) else None
        if isinstance(shape, list) and len(shape) > DIMENSIONS:
            raise KeyFaceError(
                f"{one_line(path)}: {one_line(name)} has {len(shape)} dimensions, more than {DIMENSIONS}; "
                "download it again"
            )


def _state_dict(content: Any, path: Path) -> dict[str, torch.Tensor]:
    inner = content
    for wrapper in _WRAPPERS:
        if isinstance(inner, Mapping) and isinstance(inner.get(wrapper), Mapping):
            inner = inner[wrapper]
    tensors: dict[str, torch.Tensor] = {}
    for name, value in inner.items() if isinstance(inner, Mapping) else ():
        if isinstance(name, str) and len(name) <= LONGEST_NAME and isinstance(value, torch.Tensor):
            name = name.replace(_DEEPSPEED_PREFIX, "")
            if name in tensors:
                raise KeyFaceError(
                    f"{one_line(path)} has two tensors called {one_line(name)}; save it with one of them"
                )
            tensors[name] = value.detach()
    if not tensors or len(tensors) > MOST_TENSORS:
        if tensors:
            raise KeyFaceError(
                f"{one_line(path)} holds {len(tensors):,} tensors, more than any network; use another"
            )
        raise KeyFaceError(
            f"{one_line(path)} holds no tensors; a checkpoint has them by name, or in {_WRAPPERS}"
        )
    return tensors


def _wav2vec2_config(path: Path) -> dict:
    """The model's own configuration, which the hub keeps in a file beside it; of the public model without."""
    beside = path.parent / "config.json"
    if os.path.isfile(beside):
        config = read_json(beside)
        if isinstance(config, dict) and config.get("model_type") == "wav2vec2":
            return {name: config.get(name, value) for name, value in WAV2VEC2_BASE_960H.items()}
    return dict(WAV2VEC2_BASE_960H)


def _plain_entries(config: Any) -> dict | None:
    """What of a pickled configuration JSON can say."""
    if not isinstance(config, Mapping):
        return None
    return {name: value for name, value in config.items() if isinstance(name, str) and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(entry) for name, entry in value.items())
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) < 2**63
    return value is None or isinstance(value, str)


def _labels(labels: Any, path: Path) -> list[str] | None:
    """The labels of BEATs' classes, which its file has by number."""
    if not isinstance(labels, Mapping):
        return None
    if set(labels) != set(range(len(labels))) or not all(isinstance(label, str) for label in labels.values()):
        raise KeyFaceError(
            f"{one_line(path)}: its label_dict is no table of labels by number, from 0 on ({shown(labels)}); "
            "use the released file"
        )
    return [labels[number] for number in range(len(labels))]
