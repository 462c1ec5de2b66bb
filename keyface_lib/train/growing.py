"""Autoencoders for larger pictures from smaller ones: levels put around those that are trained.

As progressive growing (Karras et al. 2018) does for generators: the inner levels keep what they know, and the
new ones start as almost nothing. Pictures are averaged down on the way in and repeated on the way out.
"""

from collections.abc import Mapping

import torch

from ..networks.vae import build_vae, released_vae_state

_LEVELS = ("encoder.down.", "decoder.up.")
"""What stands before a level's number, 0 being the outermost."""
_SILENT = (
    *("conv2.weight", "conv2.bias", "out_layers.3.weight", "out_layers.3.bias"),
    "sample.conv.bias",
)
"""The last layers of residual blocks, which so add nothing yet."""


def grown_sizes(sizes: Mapping, levels: int) -> dict:
    """Sizes (see `architecture.vae_sizes`) with so many levels more, each as wide as the outermost one."""
    return {**sizes, "ch_mult": [sizes["ch_mult"][0]] * levels + list(sizes["ch_mult"])}


def grown(tensors: Mapping[str, torch.Tensor], sizes: Mapping, levels: int) -> dict[str, torch.Tensor]:
    """The tensors of an autoencoder with more levels around those of another, under released names.

    Args:
        tensors: of the other one, without prefix.
        sizes: of the other one.
        levels: how many are put around it; each doubles the pictures' sides.
    """
    wanted = grown_sizes(sizes, levels)
    state = {name: tensor.clone() for name, tensor in released_vae_state(build_vae(wanted), wanted).items()}
    kept = {_moved(name, levels): tensor for name, tensor in tensors.items()}
    for name, tensor in state.items():
        if name in kept:
            tensor.copy_(kept[name])
        elif name.endswith(_SILENT):
            tensor.zero_()
        elif name.endswith("upsample.conv.weight"):
            tensor.copy_(_each_alone(tensor, (1, 1), 1.0))
        elif name.endswith("downsample.conv.weight"):
            tensor.copy_(sum(_each_alone(tensor, (row, column), 0.25) for row in (0, 1) for column in (0, 1)))
    return state


def _moved(name: str, levels: int) -> str:
    """A tensor's name once there are more levels outside its own."""
    for prefix in _LEVELS:
        if name.startswith(prefix):
            level, rest = name.removeprefix(prefix).split(".", 1)
            return f"{prefix}{int(level) + levels}.{rest}"
    return name


def _each_alone(like: torch.Tensor, place: tuple[int, int], value: float) -> torch.Tensor:
    """A kernel (n, n, 3, 3) that keeps channels apart and looks at one place only."""
    kernel = torch.zeros_like(like)
    kernel[:, :, place[0], place[1]] = value * torch.eye(len(like))
    return kernel
