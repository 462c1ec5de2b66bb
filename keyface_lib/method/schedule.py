"""Noise levels, from the highest down to 0."""

import numpy as np
import torch

from .values import MAX_STEPS, whole

ALIGN_YOUR_STEPS = (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002)
"""Sabour et al. 2024, the table for Stable Video Diffusion that the released code samples with."""


def align_your_steps(steps: int = 10) -> torch.Tensor:
    """Noise levels of the Align-Your-Steps schedule, ending in 0: (evaluations + 1,) float64.

    `steps` is the released argument: 10 means the table itself, which has 11 levels and so costs 11 network
    evaluations; any other number gives that many levels, interpolated log-linearly in the table.

    Raises:
        KeyFaceError: `steps` is no whole number from 1 to `MAX_STEPS`.
    """
    steps = whole("steps", steps, 1, MAX_STEPS)
    table = np.array(ALIGN_YOUR_STEPS)
    if steps == 10:
        levels = table
    else:
        where = np.linspace(0, len(table) - 1, steps)
        levels = np.exp(np.interp(where, np.arange(len(table)), np.log(table)))
    return torch.from_numpy(np.append(levels, 0.0))
