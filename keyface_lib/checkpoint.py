"""KeyFace's own weight files, and one way to read them and the released ones.

Our format is safetensors with the released tensor names and a single metadata entry, `keyface`, in JSON
(`metadata.Metadata`; docs/checkpoints.md).
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from .architecture import VAE, image_size_of, is_loaded, role_of, unet_sizes, vae_sizes
from .errors import KeyFaceError
from .metadata import FORMAT, KEY, Metadata, metadata_from_json
from .released import Weights, read_weights

__all__ = [
    "Checkpoint",
    "Metadata",
    "bare_vae",
    "convert",
    "describe",
    "joined_vae",
    "read_checkpoint",
    "read_metadata",
    "require_tensors",
    "unet_sizes",
    "vae_sizes",
    "with_quant_conv",
    "write_checkpoint",
]

NETWORKS = ("keyframe", "interpolation", "reduced")
RELEASED_ENCODERS = {
    "keyframe": ["wavlm", "beats"],
    "interpolation": ["wav2vec2", "beats"],
    "reduced": ["wav2vec2", "beats"],
}
RELEASED_GUIDANCE = {
    "keyframe": {"audio": 5.0, "identity": 2.0},
    "interpolation": {"auto": 2.0},
}
_SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")


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
        KeyFaceError: the file is missing, damaged, hostile, of a newer format, or nothing KeyFace knows.
    """
    path = Path(path)
    weights = read_weights(path)
    return Checkpoint(weights.tensors, _metadata(weights, path))


def read_metadata(path: str | Path) -> Metadata:
    """What the tensors of a file are, without reading them; raises as `read_checkpoint`."""
    return read_checkpoint(path).metadata


def write_checkpoint(path: str | Path, state_dict: Mapping[str, torch.Tensor], metadata: Metadata) -> None:
    """Writes our format. The file appears complete or not at all; a former one is kept until then.

    Raises:
        KeyFaceError: the folder is missing or not writable, or the disk is full.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.touch()
        mode = unfinished.stat().st_mode
        save_file(_storable(state_dict), unfinished, metadata={KEY: metadata.to_json()})
        unfinished.chmod(mode)  # safetensors leaves files readable by their owner only
        unfinished.replace(path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise KeyFaceError(
            f"{path} could not be written ({reason}); choose a folder with room to write"
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


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
    unexpected = [name for name in state_dict if name not in expected and is_loaded(name)]
    findings = [
        f"{len(names)} {finding}: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
        for finding, names in (
            ("tensors missing", missing),
            ("of another shape", misshapen),
            ("not expected", unexpected),
        )
        if names
    ]
    if findings:
        remedy = (
            "a checkpoint of another architecture; use the files that belong together"
            if misshapen or unexpected
            else "an incomplete checkpoint; download or convert it again"
        )
        raise KeyFaceError(f"{path} is {remedy} ({'; '.join(findings)})")


def describe(path: str | Path) -> str:
    """What a weight file holds, in lines of text."""
    path = Path(path)
    weights = read_weights(path)
    metadata = _metadata(weights, path)
    parts, types = Counter(), Counter()
    for name, tensor in weights.tensors.items():
        parts[_part(name)] += tensor.numel()
        types[str(tensor.dtype).removeprefix("torch.")] += tensor.numel()
    own, foreign = f"KeyFace {FORMAT}", "not KeyFace's own; 'keyface convert' makes it so"
    rows = {
        "file": f"{path}, {path.stat().st_size / 1e9:.3g} GB",
        "format": own if KEY in weights.header else foreign,
        "role": metadata.role,
        "parameters": f"{parts.total():,} ({', '.join(types)})",
        **{f"  {part}": f"{count:,}" for part, count in parts.items()},
        "image size": metadata.image_size,
        "encoders": ", ".join(metadata.encoders),
        "guidance": _listed(metadata.guidance),
        "unet": _listed(metadata.unet),
        "config": _listed(metadata.config),
        "labels": metadata.labels and f"{len(metadata.labels)} classes",
        "training": _listed(metadata.training),
    }
    rows = {name: value for name, value in rows.items() if value}
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


def convert(source: str | Path, destination: str | Path) -> list[Path]:
    """Writes released weights in our format, every tensor bit for bit.

    A folder becomes a model folder: each of its files that KeyFace knows is written by its role, and
    vae.safetensors joins the decoder that network files carry with the encoder of any SVD or Stable Diffusion
    1.x VAE among the files.

    Args:
        source: a file, or a folder (searched with its subfolders).
        destination: a .safetensors file, or a folder; for a folder of files it is made.

    Returns:
        The files written.

    Raises:
        KeyFaceError: a file cannot be read or written, nothing is known, or two files have one role.
    """
    source, destination = Path(source), Path(destination)
    if source.is_dir():
        return _convert_folder(source, destination)
    checkpoint = read_checkpoint(source)
    target = destination / f"{checkpoint.metadata.role}.safetensors" if destination.is_dir() else destination
    if target.suffix != ".safetensors":
        raise KeyFaceError(f"{target} must be called .safetensors, or be a folder that exists")
    write_checkpoint(target, checkpoint.state_dict, checkpoint.metadata)
    return [target]


def _metadata(weights: Weights, path: Path) -> Metadata:
    """What the file says of itself, or what its tensors show, with the released settings."""
    if KEY in weights.header:
        return metadata_from_json(weights.header[KEY], path)
    role, tensors = weights.role, weights.tensors
    if role is None:
        raise KeyFaceError(
            f"{path} holds no KeyFace network, VAE or audio encoder in the released names "
            f"(its first tensor is {next(iter(tensors), None)}); see docs/checkpoints.md for what can be read"
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
        raise KeyFaceError(f"{path}: {error}") from error
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


def _convert_folder(source: Path, destination: Path) -> list[Path]:
    found: dict[str, tuple[Path, Checkpoint]] = {}
    vaes: list[dict[str, torch.Tensor]] = []
    for path in sorted(path for path in source.rglob("*") if path.suffix in _SUFFIXES):
        if path.name == "pytorch_model.bin" and path.with_name("model.safetensors").exists():
            continue  # the hub keeps some models in both forms
        weights = read_weights(path)
        if vae := bare_vae(weights.tensors):
            vaes.insert(0 if weights.role == "keyframe" else len(vaes), vae)
        if weights.role is None and KEY not in weights.header:
            continue
        checkpoint = Checkpoint(weights.tensors, _metadata(weights, path))
        role = checkpoint.metadata.role
        if role in found:
            raise KeyFaceError(
                f"{found[role][0]} and {path} both hold a {role} model; leave one in the folder"
            )
        found[role] = path, checkpoint
    if not found:
        raise KeyFaceError(f"{source} holds no weight file that KeyFace knows; see docs/checkpoints.md")
    models = {role: checkpoint for role, (_, checkpoint) in found.items() if role not in ("vae", "svd")}
    if vae := joined_vae(vaes):
        try:
            models["vae"] = Checkpoint(vae, Metadata(role="vae", config=vae_sizes(vae)))
        except KeyFaceError as error:
            raise KeyFaceError(f"{source}: {error}") from error
    try:
        destination.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KeyFaceError(
            f"{destination} cannot be made ({error.strerror}); choose another folder"
        ) from error
    for role, model in models.items():
        write_checkpoint(destination / f"{role}.safetensors", model.state_dict, model.metadata)
    return [destination / f"{role}.safetensors" for role in models]


def bare_vae(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The VAE among the tensors of any file, its names without `first_stage_model.`."""
    if role_of(tensors) == "vae" and not any(name.startswith(VAE) for name in tensors):
        return dict(tensors)
    return {n.removeprefix(VAE): tensor for n, tensor in tensors.items() if n.startswith(VAE)}


def joined_vae(vaes: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The first temporal decoder and the first encoder among several VAEs' tensors."""
    decoder = next((vae for vae in vaes if any(".time_stack." in name for name in vae)), {})
    encoder = next((vae for vae in vaes if any(name.startswith("encoder.") for name in vae)), {})
    parts = ((decoder, ("decoder.",)), (encoder, ("encoder.", "quant_conv.")))
    return {n: tensor for vae, prefixes in parts for n, tensor in vae.items() if n.startswith(prefixes)}


def with_quant_conv(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A VAE's tensors, bare names, with the `quant_conv` that SVD's encoder lacks: the identity."""
    if "encoder.conv_out.weight" not in tensors or "quant_conv.weight" in tensors:
        return dict(tensors)
    like = tensors["encoder.conv_out.weight"]
    width = len(like)
    identity = {
        "quant_conv.weight": torch.eye(width).view(width, width, 1, 1).to(like),
        "quant_conv.bias": torch.zeros(width).to(like),
    }
    return {**tensors, **identity}


def _part(name: str) -> str:
    """The part of a model that a tensor belongs to."""
    levels = 2 if name.startswith(("model.", "conditioner.", VAE)) else 1
    return ".".join(name.split(".")[:levels])


def _listed(entries: Mapping | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in (entries or {}).items())
