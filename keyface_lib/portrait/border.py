"""The pixels of a picture that a square reaches, and how much of the square is seen at each of them."""

import math
from dataclasses import dataclass

import torch

from .framing import Framing

FEATHER = 0.1
"""Width of the soft border, of the square's side."""
LEAST_FEATHER = 12
"""In pixels of the picture, where there is room: a narrower border of a small face shows as a step."""


@dataclass(frozen=True)
class Patch:
    """A square in a picture, and the rows and columns that it reaches.

    Attributes:
        top, left: of the first of them.
        rows, columns: how many there are; 0 where the square lies outside of the picture.
        height, width: of the picture.
    """

    framing: Framing
    top: int
    left: int
    rows: int
    columns: int
    height: int
    width: int

    @property
    def bounds(self) -> tuple[slice, slice]:
        return slice(self.top, self.top + self.rows), slice(self.left, self.left + self.columns)

    def to_square(self, first: int, size: int) -> torch.Tensor:
        """The map (2, 3) to a frame of `size` from the patch's rows from one on."""
        there = self.framing.to_square(size)
        corner = torch.tensor([self.left, self.top + first], dtype=torch.float64)
        there[:, 2] += there[:, :2] @ corner
        return there

    def places(self, first: int = 0, rows: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Where in the square, from 0 to 1, pixels of the patch lie: u and v, (rows, columns)."""
        there = self.to_square(first, 1)
        rows = self.rows - first if rows is None else rows
        x = torch.arange(self.columns, dtype=torch.float64) + 0.5
        y = torch.arange(rows, dtype=torch.float64) + 0.5
        u, v = (x * there[row, 0] + y[:, None] * there[row, 1] + there[row, 2] for row in (0, 1))
        return u, v

    def soft(self, feather: float) -> torch.Tensor:
        """How much of a square that stays in its place is seen, (rows, columns) in [0, 1].

        Args:
            feather: see `feather_of`. Where the square ends with the picture there is no border.
        """
        distance = inside(*self.places(), open_edges(self.framing, (self.height, self.width)))
        return (smooth(distance / feather) if feather else (distance >= 0)).float()

    def round(self, feather: float, first: int, rows: int) -> torch.Tensor:
        """How much of a square that moves is seen in some rows, (rows, columns) in [0, 1].

        It is the circle in the square: its corners show what was behind the head in another frame. Nor does a
        border come or go where an edge nears the picture's.
        """
        u, v = self.places(first, rows)
        distance = 0.5 - torch.hypot(u - 0.5, v - 0.5)
        return (smooth(distance / feather) if feather else (distance >= 0)).float()


def patch_of(framing: Framing, height: int, width: int) -> Patch:
    """What a framing reaches of a picture."""
    corners = framing.to_picture(1) @ torch.tensor([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]]).double()
    (x0, y0), (x1, y1) = corners.amin(1).tolist(), corners.amax(1).tolist()
    top, left = min(max(0, math.floor(y0)), height), min(max(0, math.floor(x0)), width)
    bottom, right = max(top, min(height, math.ceil(y1))), max(left, min(width, math.ceil(x1)))
    return Patch(framing, top, left, bottom - top, right - left, height, width)


def feather_of(share: float, framing: Framing) -> float:
    """The width of the soft border, of the side: the one asked for, or wider where the square is small."""
    return max(share, min(LEAST_FEATHER / framing.side, 0.25) if share else 0)


def ring(framing: Framing, size: int, picture: tuple[int, int], feather: float) -> torch.Tensor:
    """Which pixels of a frame lie in its soft border, (size, size); all where there is no such border."""
    places = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    distance = inside(places[None, :], places[:, None], open_edges(framing, picture))
    within = (distance >= 0) & (distance < feather)
    return within if within.any() else torch.ones_like(within)


def open_edges(framing: Framing, picture: tuple[int, int]) -> tuple[bool, bool, bool, bool]:
    """Which edges of a square border on more of the picture: left, upper, right, lower."""
    if framing.angle:
        return (True,) * 4
    height, width = picture
    x, y, half = framing.x, framing.y, framing.side / 2
    return x - half > 0, y - half > 0, x + half < width, y + half < height


def inside(u: torch.Tensor, v: torch.Tensor, edges: tuple[bool, bool, bool, bool]) -> torch.Tensor:
    """How far inside the square a place (u, v) of it lies, from the nearest edge that counts, in sides."""
    distances = [
        distance + torch.zeros_like(u + v)
        for distance, counts in zip((u, v, 1 - u, 1 - v), edges, strict=True)
        if counts
    ]
    return torch.stack(distances).amin(0) if distances else torch.ones_like(u + v)


def smooth(rise: torch.Tensor) -> torch.Tensor:
    """From 0 to 1 without a corner at either end."""
    rise = rise.clamp(0, 1)
    return rise * rise * (3 - 2 * rise)
