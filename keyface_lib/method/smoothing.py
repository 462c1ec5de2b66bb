"""Curves without the tremble of readings that are made frame by frame."""

import math

import torch
import torch.nn.functional as F

from .timeline import FPS

LEAST_SPREAD = 0.25
"""Frames; a narrower bell changes nothing."""


def local_lines(values: torch.Tensor, width: float) -> torch.Tensor:
    """Local linear regression: at every frame, the line that fits its neighbours best, weighted by a bell.

    That is W. S. Cleveland, Robust Locally Weighted Regression and Smoothing Scatterplots, 1979, without its
    robust rounds, with Gaussian weights. Away from the ends it is the Gaussian filter, which delays nothing;
    at the ends, where that flattens slopes, straight lines stay as they are.

    Args:
        values: (frames,) at 25 fps.
        width: of the bell at half its height, in seconds; 0 changes nothing.

    Returns:
        (frames,) float64.
    """
    values = values.double()
    spread = width * FPS / math.sqrt(8 * math.log(2))
    if spread < LEAST_SPREAD or len(values) < 2:
        return values
    radius = min(math.ceil(4 * spread), len(values) - 1)
    offset = torch.arange(-radius, radius + 1, dtype=torch.float64)
    bell = torch.exp(-0.5 * (offset / spread) ** 2)
    weights = torch.stack([bell, bell * offset, bell * offset**2])[:, None]
    ones = torch.ones_like(values)
    s0, s1, s2 = F.conv1d(ones[None, None], weights, padding=radius)[0]
    t0, t1, _ = F.conv1d(values[None, None], weights, padding=radius)[0]
    return (s2 * t0 - s1 * t1) / (s0 * s2 - s1**2)
