"""Parts of frames in head coordinates, and how much of a colour there is in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .canvas import HEAD_Y, Pose
from .identity import Colour

PITCH = 1 / 128
"""Distance of the points at which a feature is sampled, in frame heights."""
FLOOR = 0.1
"""Coverage below this is taken for noise."""
NOISE = 0.003
"""Variance of what is neither the colour sought nor one of those to be ignored."""


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


@dataclass(frozen=True)
class ColourAxis:
    """An axis of colours along which skin (n, 3) is 0 and what is looked for is 1: direction (n, 3)."""

    skin: torch.Tensor
    direction: torch.Tensor

    def share(self, view: View) -> torch.Tensor:
        """How much of each pixel (n, rows, columns) is what is looked for."""
        away = view.colours - self.skin[:, :, None, None]
        return torch.einsum("nchw,nc->nhw", away, self.direction)

    def coverage(self, view: View) -> torch.Tensor:
        """`share` without noise: smoothed, and nothing where there is little; in [0, 1]."""
        share = _smoothed(self.share(view))
        return (share - FLOOR).clamp(0, 1 - FLOOR) / (1 - FLOOR)


def colour_axis(
    skin: torch.Tensor, wanted: Sequence[Colour | torch.Tensor], others: Sequence[Colour | torch.Tensor]
) -> ColourAxis:
    """The axis on which the wanted colours lie at 1, skin and the others at 0, as well as noise allows.

    Ridge regression: colours are (3,) or, one for each frame, (n, 3); so is skin.
    """
    colours = [torch.as_tensor(colour, dtype=skin.dtype, device=skin.device) for colour in (*wanted, *others)]
    away = torch.stack([colour - skin for colour in colours], dim=1)
    spread = away.mT @ away + NOISE * torch.eye(3, device=skin.device)
    direction = torch.linalg.solve(spread, away[:, : len(wanted)].sum(dim=1))
    reach = (away[:, : len(wanted)] @ direction[:, :, None]).mean(dim=1)
    return ColourAxis(skin, direction / reach)


def _smoothed(coverage: torch.Tensor) -> torch.Tensor:
    """Averages (n, rows, columns) over neighbouring points, against noise."""
    bell = coverage.new_tensor([1, 4, 6, 4, 1]) / 16
    coverage = F.pad(coverage[:, None], (2, 2, 2, 2), mode="replicate")
    coverage = F.conv2d(coverage, bell.reshape(1, 1, 1, 5))
    return F.conv2d(coverage, bell.reshape(1, 1, 5, 1))[:, 0]
