"""Frames to paint on in the coordinates of a head that moves, and the distances that make up shapes.

Only sums, products, quotients and square roots touch pixels, so that every machine paints the same bytes.
"""

from dataclasses import dataclass

import torch

from .identity import Colour

HEAD_Y = 0.015
"""The middle of the head below the middle of the frame, in frame heights."""


@dataclass(frozen=True)
class Pose:
    """How heads are held, each (frames,).

    Attributes:
        x, y: how far a head is right of and below its place, in frame heights.
        tilt: to the right, in radians (small).
    """

    x: torch.Tensor
    y: torch.Tensor
    tilt: torch.Tensor


class Canvas:
    """Frames being painted, and what each one's head does in them."""

    def __init__(self, background: torch.Tensor, pose: Pose):
        """Starts with the same background (1, 3, size, size) in every frame."""
        self.pose = pose
        self.size = background.shape[-1]
        self.pixels = background.expand(len(pose.x), -1, -1, -1).clone()

    def window(self, x: float, y: float, half_width: float, half_height: float) -> "Window":
        """The pixels where a feature of the given place and extent can be, however the head is held."""
        tilt = float(self.pose.tilt.abs().max())
        reach_x = half_width + float(self.pose.x.abs().max()) + tilt * (abs(y) + half_height)
        reach_y = half_height + float(self.pose.y.abs().max()) + tilt * (abs(x) + half_width)
        return Window(self, self._pixels(y + HEAD_Y, reach_y), self._pixels(x, reach_x))

    def frames(self) -> torch.Tensor:
        """What was painted, (frames, size, size, 3) uint8 on the CPU."""
        levels = self.pixels.mul(255).add_(0.5).clamp_(0, 255).to(torch.uint8)
        return levels.permute(0, 2, 3, 1).contiguous().cpu()

    def _pixels(self, middle: float, reach: float) -> slice:
        """The rows or columns that come within a pixel of the stretch around a place."""
        first = int((middle - reach + 0.5) * self.size) - 1
        last = int((middle + reach + 0.5) * self.size) + 2
        return slice(max(first, 0), min(last, self.size))


class Window:
    """A rectangle of a canvas, with head coordinates x and y (frames, rows, columns) in frame heights."""

    def __init__(self, canvas: Canvas, rows: slice, columns: slice):
        self.pixels = canvas.pixels[:, :, rows, columns]
        self.size = canvas.size
        device = canvas.pixels.device
        down = (torch.arange(rows.start, rows.stop, device=device) + 0.5) / self.size - (0.5 + HEAD_Y)
        across = (torch.arange(columns.start, columns.stop, device=device) + 0.5) / self.size - 0.5
        x, y, tilt = (curve[:, None, None] for curve in (canvas.pose.x, canvas.pose.y, canvas.pose.tilt))
        across, down = across[None, None, :] - x, down[None, :, None] - y
        sin, cos = tilt, 1 - tilt * tilt / 2
        self.x, self.y = cos * across + sin * down, cos * down - sin * across

    def cover(self, distance: torch.Tensor) -> torch.Tensor:
        """How much of each pixel a shape covers, from the distance to its edge (negative inside)."""
        return (0.5 - distance * self.size).clamp_(0, 1)

    def paint(self, coverage: torch.Tensor, colour: Colour | torch.Tensor) -> None:
        """Lays a colour (3,) over the pixels (frames, rows, columns) as far as they are covered."""
        colour = torch.as_tensor(colour, dtype=torch.float32, device=self.pixels.device)
        self.pixels += coverage[:, None] * (colour.reshape(-1, 3, 1, 1) - self.pixels)


def ellipse(x: torch.Tensor, y: torch.Tensor, half_width: float, half_height: float) -> torch.Tensor:
    """About the distance to an ellipse around the origin: exact at its edge to first order."""
    u, v = x / half_width, y / half_height
    radius = (u * u + v * v).sqrt()
    gradient = ((u / half_width) ** 2 + (v / half_height) ** 2).sqrt() / radius.clamp(min=1e-6)
    return (radius - 1) / gradient.clamp(min=1e-6)


def line_below(y: torch.Tensor, curve: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    """The distance below a curve y = curve(x), given its slope there; negative above it."""
    return (y - curve) / (1 + slope * slope).sqrt()


def circle(x: torch.Tensor, y: torch.Tensor, radius: float) -> torch.Tensor:
    """The distance to a circle around the origin."""
    return (x * x + y * y).sqrt() - radius
