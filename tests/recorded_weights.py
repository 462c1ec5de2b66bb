"""The recorded tiny networks and the tensors of the full-size ones, in files as released."""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

GOLDEN = Path(__file__).parent / "golden"
TINY_NETWORKS = {
    "keyframe": "tiny_keyframe",
    "interpolation": "tiny_interpolation",
    "reduced": "tiny_interpolation_reduced",
}
TINY_OTHERS = {"vae": "tiny_vae", "wavlm": "wavlm_tiny", "beats": "beats_tiny", "wav2vec2": "wav2vec2_tiny"}


def tiny(name: str) -> dict[str, torch.Tensor]:
    return load_file(GOLDEN / f"{name}.safetensors")


def manifest(stage: str) -> dict:
    return json.loads((GOLDEN / f"manifest_{stage}.json").read_text())


def on_meta(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def full_size(stage: str) -> dict[str, torch.Tensor]:
    """The released network's tensors without their data."""
    return on_meta(manifest(stage)["state_dict"])


def same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        tensor.dtype == other[name].dtype
        and tensor.shape == other[name].shape
        and torch.equal(tensor.flatten().view(torch.uint8), other[name].flatten().view(torch.uint8))
        for name, tensor in one.items()
    )


def deepspeed(path: Path, state: dict[str, torch.Tensor]) -> Path:
    """A file as the released networks are."""
    module = {f"_forward_module.{name}": tensor for name, tensor in state.items()}
    torch.save({"module": module, "args": argparse.Namespace(lr=1e-5), "global_steps": 60_000}, path)
    return path
