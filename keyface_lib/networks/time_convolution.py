"""Convolutions over time alone, as SVD has them after every spatial one, without the work they do in vain."""

import torch
import torch.nn.functional as F
from torch import nn


class TimeConvolution(nn.Conv3d):
    """A `Conv3d` whose kernel is 1 x 1 in space, computed in two dimensions; up to rounding the same.

    A single frame meets only the middle of the kernel, the rest of which would be multiplied by padding. For
    more of them, time is one dimension and the pixels are the other: PyTorch's own code for such kernels is
    slow on CPUs, and in bfloat16 on cards slow or wrong in several releases.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(n, channels, frames, h, w) to the same with the layer's output channels."""
        frames, *pixels = input.shape[2:]
        if frames == 1:
            middle = self.weight[:, :, self.kernel_size[0] // 2]
            return F.conv2d(input.squeeze(2), middle, self.bias).unsqueeze(2)
        padding = (self.padding[0], 0)
        flat = F.conv2d(input.flatten(3), self.weight.squeeze(-1), self.bias, padding=padding)
        return flat.unflatten(3, pixels)


def flatten_time_convolutions(module: nn.Module) -> None:
    """Makes every `Conv3d` over time alone in a module a `TimeConvolution`, in place."""
    for layer in module.modules():
        if type(layer) is nn.Conv3d and _over_time_alone(layer):
            # Only the way it is computed changes: parameters, their names and hooks stay.
            layer.__class__ = TimeConvolution


def _over_time_alone(layer: nn.Conv3d) -> bool:
    length = layer.kernel_size[0]
    return (
        layer.kernel_size == (length, 1, 1)
        and layer.padding == (length // 2, 0, 0)
        and length % 2 == 1
        and layer.stride == layer.dilation == (1, 1, 1)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
    )
