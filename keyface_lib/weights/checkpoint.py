"""KeyFace's own weight files, and one way to read them and the released ones.

Our format is safetensors with the released tensor names and a single metadata entry, `keyface`, in JSON
(`metadata.Metadata`; docs/checkpoints.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from ..errors import KeyFaceError
from ..files import whole_file
from ..messages import one_line
from .architecture import NETWORKS, image_size_of, is_loaded, unet_sizes, vae_sizes
from .metadata import KEY, Metadata, metadata_from_json, require_confirmed
from .released import Weights, read_weights

RELEASED_ENCODERS = {
    "keyframe": ["wavlm", "beats"],
    "interpolation": ["wav2vec2", "beats"],
    "reduced": ["wav2vec2", "beats"],
}
RELEASED_GUIDANCE = {
    "keyframe": {"audio": 5.0, "identity": 2.0},
    "interpolation": {"auto": 2.0},
}


@dataclass(frozen=True)
class Checkpoint:
    """A file's tensors, by released name and mapped from the file, and what they are."""

    state_dict: dict[str, torch.Tensor]
    metadata: Metadata


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Reads our format, the authors' released files, and those of the VAEs and audio encoders.

    Accepts safetensors, DeepSpeed's .pt, Lightning's .ckpt, plain state dicts, Microsoft's WavLM and BEATs,
    and wav2vec2 in transformers' names. Without our metadata entry the tensors decide what a file is; its
    name does not matter. Tensors are read when they are used.

    Raises:
        KeyFaceError: the file is missing, damaged, hostile, of a newer format, or nothing KeyFace knows; or
            what it says of itself is not complete, or not what its tensors show.
    """
    path = Path(path)
    weights = read_weights(path)
    return Checkpoint(weights.tensors, metadata_of(weights, path))


def read_metadata(path: str | Path) -> Metadata:
    """What the tensors of a file are, without reading them; raises as `read_checkpoint`."""
    return read_checkpoint(path).metadata


def write_checkpoint(path: str | Path, state_dict: Mapping[str, torch.Tensor], metadata: Metadata) -> None:
    """Writes our format. The file appears complete or not at all; a former one is kept until then.

    Raises:
        KeyFaceError: the folder is missing or not writable, or the disk is full.
    """
    with whole_file(path) as unfinished:
        save_file(_storable(state_dict), unfinished, metadata={KEY: metadata.to_json()})


def require_tensors(
    state_dict: Mapping[str, torch.Tensor], expected: Mapping[str, Sequence[int]], path: str | Path
) -> None:
    """Checks that a state dict has exactly the expected tensors, apart from ones that are never loaded.

    Args:
        expected: shapes by name.
        path: where the tensors came from.

    Raises:
        KeyFaceError: tensors are missing, of another shape, or unexpected; names the first few of each.
    """
    missing = [name for name in expected if name not in state_dict]
    misshapen = [
        f"{name} is {tuple(state_dict[name].shape)}, not {tuple(shape)}"
        for name, shape in expected.items()
        if name in state_dict and tuple(state_dict[name].shape) != tuple(shape)
    ]
    numberless = [
        f"{name} is {state_dict[name].dtype}, which layers are not made of"
        for name in expected
        if name in state_dict and not state_dict[name].is_floating_point()
    ]
    unexpected = [name for name in state_dict if name not in expected and is_loaded(name)]
    findings = [
        f"{len(names)} {finding}: {', '.join(map(one_line, names[:3]))}{', ...' if len(names) > 3 else ''}"
        for finding, names in (
            ("tensors missing", missing),
            ("of another shape", misshapen),
            ("of another type", numberless),
            ("not expected", unexpected),
        )
        if names
    ]
    if findings:
        remedy = (
            "a checkpoint of another architecture; use the files that belong together"
            if misshapen or unexpected or numberless
            else "an incomplete checkpoint; download or convert it again"
        )
        raise KeyFaceError(f"{one_line(path)} is {remedy} ({'; '.join(findings)})")


def metadata_of(weights: Weights, path: Path) -> Metadata:
    """What the file says of itself, or what its tensors show, with the released settings."""
    if KEY in weights.header:
        metadata = metadata_from_json(weights.header[KEY], path)
        require_confirmed(metadata, weights.tensors, path)
        return metadata
    role, tensors = weights.role, weights.tensors
    if role is None:
        raise KeyFaceError(
            f"{one_line(path)} holds no KeyFace network, VAE or audio encoder in the released names "
            f"(its first tensor is {one_line(str(next(iter(tensors), None)))}); "
            "see docs/checkpoints.md for what can be read"
        )
    try:
        if role in NETWORKS:
            return Metadata(
                role=role,
                unet=unet_sizes(tensors),
                image_size=image_size_of(tensors),
                encoders=list(RELEASED_ENCODERS[role]),
                guidance=dict(RELEASED_GUIDANCE.get(role, {})),
            )
        config = vae_sizes(tensors) if role == "vae" else weights.config
    except KeyFaceError as error:
        raise KeyFaceError(f"{one_line(path)}: {error}") from error
    return Metadata(role=role, config=config, labels=weights.labels)


def _storable(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors as safetensors takes them: contiguous, and copied where two lie in the same memory."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in state_dict.items()}
    end = 0
    for name in sorted(tensors, key=lambda name: tensors[name].data_ptr()):
        start = tensors[name].data_ptr()
        if start < end:
            tensors[name] = tensors[name].clone()
        else:
            end = start + tensors[name].nbytes
    return tensors
