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
    """Frames, or the same part of each, being painted, and what each one's head does in them."""

    def __init__(
        self,
        background: torch.Tensor,
        pose: Pose,
        size: int | None = None,
        corner: tuple[int, int] = (0, 0),
    ):
        """Starts with the background (1 or frames, 3, rows, columns) in every frame.

        Args:
            size: of a whole frame in pixels, where the background is only a part of it.
            corner: row and column of the frame at which the part begins.
        """
        self.pose = pose
        self.size = size or background.shape[-1]
        self.corner = corner
        self.pixels = background.expand(len(pose.x), -1, -1, -1).clone()

    def window(self, x: float, y: float, half_width: float, half_height: float) -> "Window":
        """The pixels where a feature of the given place and extent can be, however the head is held."""
        tilt = float(self.pose.tilt.abs().max())
        reach_x = half_width + float(self.pose.x.abs().max()) + tilt * (abs(y) + half_height)
        reach_y = half_height + float(self.pose.y.abs().max()) + tilt * (abs(x) + half_width)
        rows, columns = self.pixels.shape[2:]
        return Window(
            self,
            self._pixels(y + HEAD_Y, reach_y, self.corner[0], rows),
            self._pixels(x, reach_x, self.corner[1], columns),
        )

    def frames(self) -> torch.Tensor:
        """What was painted, (frames, size, size, 3) uint8 on the CPU."""
        levels = self.pixels.mul(255).add_(0.5).clamp_(0, 255).to(torch.uint8)
        return levels.permute(0, 2, 3, 1).contiguous().cpu()

    def _pixels(self, middle: float, reach: float, first: int, length: int) -> slice:
        """The rows or columns that come within a pixel of the stretch around a place, of those there are."""
        start = int((middle - reach + 0.5) * self.size) - 1 - first
        stop = int((middle + reach + 0.5) * self.size) + 2 - first
        return slice(min(max(start, 0), length), min(max(stop, 0), length))


class Window:
    """Rows and columns of a canvas; x and y (frames, rows, columns) of the head are in frame heights."""

    def __init__(self, canvas: Canvas, rows: slice, columns: slice):
        self.rows, self.columns = rows, columns
        self.pixels = canvas.pixels[:, :, rows, columns]
        self.size = canvas.size
        device = canvas.pixels.device
        top, left = canvas.corner
        down = (torch.arange(rows.start, rows.stop, device=device) + (top + 0.5)) / self.size - (0.5 + HEAD_Y)
        across = (torch.arange(columns.start, columns.stop, device=device) + (left + 0.5)) / self.size - 0.5
        x, y, tilt = (curve[:, None, None] for curve in (canvas.pose.x, canvas.pose.y, canvas.pose.tilt))
        across, down = across[None, None, :] - x, down[None, :, None] - y
        sin, cos = tilt, 1 - tilt * tilt / 2
        self.x, self.y = cos * across + sin * down, cos * down - sin * across

    def cover(self, distance: torch.Tensor) -> torch.Tensor:
        """How much of each pixel a shape covers, from the distance to its edge (negative inside)."""
        return (0.5 - distance * self.size).clamp_(0, 1)

    def paint(self, coverage: torch.Tensor, colour: Colour | torch.Tensor) -> None:
        """Lays a colour, (3,) or (frames, 3), over the pixels as far as they are covered."""
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


def glow(x: torch.Tensor, y: torch.Tensor, half_width: float, half_height: float) -> torch.Tensor:
    """1 in the middle of an ellipse around the origin, falling smoothly to 0 at its edge."""
    inside = (1 - (x / half_width) ** 2 - (y / half_height) ** 2).clamp(min=0)
    return inside * inside * (3 - 2 * inside)


def smooth(distance: torch.Tensor, width: float) -> torch.Tensor:
    """1 inside a shape and 0 outside, with a soft edge of the given width."""
    inside = (0.5 - distance / width).clamp(0, 1)
    return inside * inside * (3 - 2 * inside)


def waves(phase: torch.Tensor) -> torch.Tensor:
    """A smooth wave from 0 to 1 and back for every whole number of the phase."""
    up = 2 * (phase - phase.floor() - 0.5).abs()
    return up * up * (3 - 2 * up)
