"""LPIPS (Zhang et al. 2018) on VGG16 features, from weight files at hand; torchvision is not needed."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import KeyFaceError
from ..weights.released import read_weights

_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Width and convolutions of VGG16's five stages; LPIPS compares the last features of each."""
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""What LPIPS does to pictures in [-1, 1], to look like the data VGG16 was trained on."""


class PerceptualDistance(nn.Module):
    """L_p of eq. 3."""

    def __init__(self):
        super().__init__()
        self.convolutions = nn.ModuleList()
        channels = 3
        for width, count in _STAGES:
            inputs = [channels] + [width] * (count - 1)
            self.convolutions.append(nn.ModuleList(nn.Conv2d(n, width, 3, padding=1) for n in inputs))
            channels = width
        self.linear = nn.ParameterList(torch.zeros(1, width, 1, 1) for width, _ in _STAGES)
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1), persistent=False)

    def forward(
        self, pictures: torch.Tensor, others: torch.Tensor, rows: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Distances (n,) of pictures (n, 3, H, W) in [-1, 1]; `rows` (H, 1) weights their rows."""
        total = pictures.new_zeros(len(pictures))
        features = zip(self._features(pictures), self._features(others), strict=True)
        for (one, other), linear in zip(features, self.linear, strict=True):
            difference = (F.normalize(one, dim=1, eps=1e-10) - F.normalize(other, dim=1, eps=1e-10)) ** 2
            distance = F.conv2d(difference, linear)
            if rows is not None:
                distance = distance * F.interpolate(rows.T[None], size=distance.shape[-2])[0].T
            total = total + distance.mean(dim=(1, 2, 3))
        return total

    def _features(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        x, features = (pictures - self.shift) / self.scale, []
        for stage, convolutions in enumerate(self.convolutions):
            if stage:
                x = F.max_pool2d(x, 2)
            for convolution in convolutions:
                x = F.relu(convolution(x))
            features.append(x)
        return features


def load_perceptual(paths: Sequence[str | Path]) -> PerceptualDistance:
    """LPIPS-VGG from the lpips package's whole state dict, or from its linear layers and torchvision's VGG16.

    Raises:
        KeyFaceError: a file cannot be read, or the files lack a tensor.
    """
    found = {}
    for path in paths:
        found |= {_plain(name): tensor.float() for name, tensor in read_weights(Path(path)).tensors.items()}
    with torch.device("meta"):
        state = PerceptualDistance().state_dict()
    names = dict(zip(state, _released_names(), strict=True))
    missing = [name for name in names.values() if name not in found]
    if missing:
        raise KeyFaceError(
            f"{', '.join(map(str, paths))}: lacks {len(missing)} tensors of LPIPS-VGG, first {missing[0]}; "
            "name the lpips package's vgg.pth and torchvision's vgg16 weights"
        )
    wrong = [name for ours, name in names.items() if found[name].numel() != state[ours].numel()]
    if wrong:
        raise KeyFaceError(
            f"{', '.join(map(str, paths))}: {wrong[0]} is {tuple(found[wrong[0]].shape)}, not LPIPS-VGG's; "
            "name the lpips package's vgg.pth and torchvision's vgg16 weights"
        )
    distance = PerceptualDistance()
    distance.load_state_dict({ours: found[name].reshape(state[ours].shape) for ours, name in names.items()})
    return distance.eval().requires_grad_(False)


def _plain(name: str) -> str:
    """A tensor's name in torchvision's VGG16 and in lpips' own file, whichever way it was saved."""
    return re.sub(r"^net\.slice\d\.", "features.", name).replace(".model.1.", ".")


def _released_names() -> list[str]:
    """The files' names of our tensors, in our order."""
    names, layer = [], 0
    for _, count in _STAGES:
        for _ in range(count):
            names += [f"features.{layer}.weight", f"features.{layer}.bias"]
            layer += 2
        layer += 1  # the pooling between stages counts as a layer
    return names + [f"lin{stage}.weight" for stage in range(len(_STAGES))]
