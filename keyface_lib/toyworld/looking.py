"""Parts of frames in head coordinates."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .canvas import HEAD_Y, Pose

PITCH = 1 / 128
"""Distance of the points at which a feature is sampled, in frame heights."""


@dataclass(frozen=True)
class View:
    """A part of each frame in head coordinates: colours (n, 3, rows, columns), x (columns), y (rows, 1)."""

    colours: torch.Tensor
    x: torch.Tensor
    y: torch.Tensor


def look(pixels: torch.Tensor, pose: Pose, x: tuple[float, float], y: tuple[float, float]) -> View:
    """Looks at the frames between two x and two y of the head, at points `PITCH` apart."""
    x, y = (
        torch.linspace(start, stop, round((stop - start) / PITCH) + 1, device=pixels.device)
        for start, stop in (x, y)
    )
    y = y[:, None]
    tilt = pose.tilt[:, None, None]
    across = pose.x[:, None, None] + x - tilt * y
    down = pose.y[:, None, None] + HEAD_Y + tilt * x + y
    places = torch.stack(torch.broadcast_tensors(across, down), dim=-1) * 2
    colours = F.grid_sample(pixels, places, padding_mode="border", align_corners=False)
    return View(colours, x, y)
