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
        grid = _grid(to_source, range(first * finer, (first + count) * finer), width * finer, finer, picture)
        strip = F.grid_sample(picture[None], grid[None], mode, "border", align_corners=False)
        strips.append(F.avg_pool2d(strip, finer)[0])
    return torch.cat(strips, dim=-2)


def _grid(
    to_source: torch.Tensor, rows: range, columns: int, finer: int, source: torch.Tensor
) -> torch.Tensor:
    """Where in the source the centres of (finer) pixels lie, as `grid_sample` counts: (rows, columns, 2).

    Places are sums of a part of their column and one of their row, so only the sum is made for every pixel.
    """
    height, width = source.shape[-2:]
    to_unit = torch.tensor([2 / width, 2 / height], dtype=torch.float64)
    turn, shift = to_source[:, :2].double(), to_source[:, 2].double()
    x = (torch.arange(columns, dtype=torch.float64) + 0.5) / finer
    y = (torch.arange(rows.start, rows.stop, dtype=torch.float64) + 0.5) / finer
    across = x[:, None] * turn[:, 0] * to_unit
    down = (y[:, None] * turn[:, 1] + shift) * to_unit - 1
    return across[None].to(source) + down[:, None].to(source)
