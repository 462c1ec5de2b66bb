"""Released weights in our format: `keyface convert`."""

import os
from pathlib import Path

import torch

from ..errors import KeyFaceError
from .architecture import vae_sizes
from .checkpoint import Checkpoint, metadata_of, read_checkpoint, write_checkpoint
from .metadata import KEY, Metadata
from .released import read_weights
from .vae_parts import bare_vae, joined_vae

_SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")


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
    if os.path.isdir(source):
        return _convert_folder(source, destination)
    checkpoint = read_checkpoint(source)
    inside = os.path.isdir(destination)
    target = destination / f"{checkpoint.metadata.role}.safetensors" if inside else destination
    if target.suffix != ".safetensors":
        raise KeyFaceError(f"{target} must be called .safetensors, or be a folder that exists")
    write_checkpoint(target, checkpoint.state_dict, checkpoint.metadata)
    return [target]


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
        checkpoint = Checkpoint(weights.tensors, metadata_of(weights, path))
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
            models["vae"] = Checkpoint(vae, _joined_metadata(vae, found.get("vae")))
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


def _joined_metadata(vae: dict[str, torch.Tensor], found: tuple[Path, Checkpoint] | None) -> Metadata:
    """Of a VAE put together: what a file says of itself stays true only where all of it is from that file."""
    sizes = vae_sizes(vae)
    if found is not None and found[1].metadata.config == sizes:
        own = bare_vae(found[1].state_dict)
        if all(own.get(name) is tensor for name, tensor in vae.items()):
            return found[1].metadata
    return Metadata(role="vae", config=sizes)
