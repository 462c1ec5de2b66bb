"""Pictures seen through an affine map: sampled once, without aliasing."""

import math

import torch
import torch.nn.functional as F

MOST_SAMPLES = 1 << 21
"""Taken at a time, which bounds the memory of a large picture's crop."""


def resampled(picture: torch.Tensor, to_source: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """A picture through a map, bicubic; where it shrinks, every pixel is the mean of enough samples.

    torch's own antialiasing knows no turned pictures, and its samples at places know no antialiasing.

    Args:
        picture: (c, height, width); beyond it its outermost pixels go on.
        to_source: (2, 3), from places (x, y) of the result to places in the picture, in pixels, (0, 0) being
            the outer corner of the first one.
        shape: of the result, (height, width).

    Returns:
        (c, height, width), perhaps a little beyond the picture's range, as bicubic curves overshoot.
    """
    height, width = shape
    finer = max(1, math.ceil(math.sqrt(abs(float(torch.linalg.det(to_source[:, :2])))) - 1e-6))
    mode = "bicubic" if finer == 1 else "bilinear"
    rows = max(1, MOST_SAMPLES // (width * finer**2))
    strips = []
    for first in range(0, height, rows):
        count = min(rows, height - first)
        places = _places(to_source, first * finer, count * finer, width * finer, finer)
        grid = _normalized(places, picture.shape[-2:]).to(picture)
        strip = F.grid_sample(picture[None], grid[None], mode, "border", align_corners=False)
        strips.append(F.avg_pool2d(strip, finer)[0])
    return torch.cat(strips, dim=-2)


def _places(to_source: torch.Tensor, first: int, rows: int, columns: int, finer: int) -> torch.Tensor:
    """Where in the source the centres of rows of (finer) pixels lie, (rows, columns, 2)."""
    x = (torch.arange(columns, dtype=torch.float64) + 0.5) / finer
    y = (torch.arange(first, first + rows, dtype=torch.float64) + 0.5) / finer
    turn, shift = to_source[:, :2].double(), to_source[:, 2].double()
    return x[None, :, None] * turn[:, 0] + y[:, None, None] * turn[:, 1] + shift


def _normalized(places: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Places as `grid_sample` counts them, -1 and 1 being the outer borders."""
    height, width = shape
    return places * torch.tensor([2 / width, 2 / height], dtype=places.dtype) - 1
