"""Curves of feeling without the tremble of readings that are made frame by frame."""

import torch

from ..method.smoothing import local_lines


def smoothed(values: torch.Tensor, width: float) -> torch.Tensor:
    """Valence or arousal by `local_lines`, (frames,) float64 in [-1, 1].

    Args:
        values: (frames,) in [-1, 1] at 25 fps.
        width: in seconds, see there.
    """
    return local_lines(values, width).clamp(-1, 1)
