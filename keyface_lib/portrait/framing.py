"""The square of a picture that is animated: where it lies, how it is turned, what it shows."""

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
import torch.nn.functional as F

from ..errors import KeyFaceError
from ..messages import shown
from ..method.values import real
from .resampling import resampled

Box: TypeAlias = tuple[float, float, float, float]
"""(x, y, width, height) in pixels of a picture; x and y are those of its upper left corner."""
LONGEST_SIDE = 3840
"""Of whole pictures that move, in pixels: that of 4K, which players expect at most."""
LARGEST = 1e6
"""Of a box's numbers, in pixels; larger ones are mistakes."""


@dataclass(frozen=True)
class Framing:
    """A square in a picture, in pixels of that picture; (0, 0) is the outer corner of its first pixel.

    Attributes:
        x, y: its centre.
        side: its length.
        angle: by how much it is turned clockwise, in degrees. A face that leans by it stands upright in it.
    """

    x: float
    y: float
    side: float
    angle: float = 0.0

    def scaled(self, factor: float) -> "Framing":
        """The same square in a picture that is `factor` times as large."""
        return Framing(self.x * factor, self.y * factor, self.side * factor, self.angle)

    def to_picture(self, size: int) -> torch.Tensor:
        """The map (2, 3) from places in the square, shown `size` pixels a side, to places in the picture."""
        scale = self.side / size
        cos, sin = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        turn = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64) * scale
        centre = torch.tensor([self.x, self.y], dtype=torch.float64)
        return torch.cat(
            [turn, (centre - turn @ torch.full((2,), size / 2, dtype=torch.float64))[:, None]], 1
        )

    def to_square(self, size: int) -> torch.Tensor:
        """The map (2, 3) from places in the picture to places in the square; the inverse of `to_picture`."""
        there = self.to_picture(size)
        back = torch.linalg.inv(there[:, :2])
        return torch.cat([back, -(back @ there[:, 2:])], 1)


def central(height: int, width: int) -> Framing:
    """The largest square in the middle of a picture, on whole pixels."""
    side = min(height, width)
    return Framing((width - side) // 2 + side / 2, (height - side) // 2 + side / 2, side)


def framing_of_box(box: Box, height: int, width: int) -> Framing:
    """The square that a box names: itself, or for one that is no square the smallest around its centre.

    Args:
        box: in the picture; one that reaches beyond it shows its outermost pixels there.
        height, width: of the picture.

    Raises:
        KeyFaceError: it is no box, has no area, or lies outside the picture.
    """
    try:
        numbers = tuple(box)
    except TypeError:
        numbers = ()
    if len(numbers) != 4 or isinstance(box, str):
        raise KeyFaceError(f"the face's box is {shown(box)}; give four numbers: x, y, width, height")
    x, y, across, down = (real("the face's box", number, -LARGEST, LARGEST) for number in numbers)
    if across < 1 or down < 1:
        raise KeyFaceError(
            f"the face's box is {across:g} by {down:g} pixels; give x, y, width, height, 1 or more"
        )
    if x >= width or y >= height or x + across <= 0 or y + down <= 0:
        raise KeyFaceError(
            f"the face's box, {x:g},{y:g},{across:g},{down:g}, lies outside the picture of {width} x "
            f"{height} pixels; give x, y of its upper left corner, width and height, in pixels of the picture"
        )
    return Framing(x + across / 2, y + down / 2, max(across, down))


def cropped(picture: torch.Tensor, framing: Framing, size: int) -> torch.Tensor:
    """What a framing shows of a picture, upright, (3, size, size) in [-1, 1].

    Beyond the picture its outermost pixels go on.

    Args:
        picture: (3, height, width) in [-1, 1].
    """
    return resampled(picture, framing.to_picture(size), (size, size)).clamp(-1, 1)


def fitted(framing: Framing, height: int, width: int) -> Framing:
    """A square no larger than a picture, and moved into it as far as it is not turned.

    Beyond the picture there is nothing to see; a face that fills the picture is shown as large as it is.
    """
    side = min(framing.side, height, width)
    if framing.angle:
        return replace(framing, side=side)
    half = side / 2
    return Framing(min(max(framing.x, half), width - half), min(max(framing.y, half), height - half), side)


def at_most(picture: torch.Tensor, framing: Framing, longest: int) -> tuple[torch.Tensor, Framing]:
    """A picture (3, height, width) in [-1, 1] whose longer side is no longer than that, and its framing."""
    factor = longest / max(picture.shape[-2:])
    if factor >= 1:
        return picture, framing
    height, width = (max(1, round(side * factor)) for side in picture.shape[-2:])
    smaller = F.interpolate(picture[None], (height, width), mode="bicubic", antialias=True)[0].clamp(-1, 1)
    return smaller, framing.scaled(factor)
