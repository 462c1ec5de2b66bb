"""Pictures of a part of a face in all its states, as sums of what each of its colours adds to them.

Everything is painted by laying colours over each other, so that a picture is a sum of fixed pictures, each
times one of the person's colours. Those are drawn once and serve for all people; mixing them, comparing
frames with them and finding the colours that fit best take nothing but products of matrices.
"""

import functools
import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import einsum, rearrange

from .canvas import HEAD_Y, Canvas
from .features import (
    draw_brows,
    draw_eyes,
    draw_glasses,
    draw_mouth,
    draw_nose,
)
from .head import shade_head
from .identity import Identity
from .motion import Motion, at_rest
from .palette import Palette

COLOURS = ("one", "skin", "eyes", "brows")
"""What pictures are sums of: what has the same colour on everybody, and three colours of a person."""


@dataclass(frozen=True)
class Area:
    """The part of a face at rest between two heights of the head, in a frame of `size` pixels."""

    size: int
    top: float
    bottom: float

    @property
    def rows(self) -> slice:
        return slice(
            int((self.top + HEAD_Y + 0.5) * self.size) - 2, int((self.bottom + HEAD_Y + 0.5) * self.size) + 3
        )

    @property
    def columns(self) -> slice:
        reach = int(0.2 * self.size) + 2
        return slice(self.size // 2 - reach, self.size // 2 + reach)

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def places(self) -> tuple[torch.Tensor, torch.Tensor]:
        """x and y of the pixels in the head, each (rows, columns)."""
        y = (torch.arange(self.rows.start, self.rows.stop) + 0.5) / self.size - 0.5 - HEAD_Y
        x = (torch.arange(self.columns.start, self.columns.stop) + 0.5) / self.size - 0.5
        return torch.broadcast_tensors(x[None, :], y[:, None])

    def inside(self) -> torch.Tensor:
        """1 for pixels (rows, columns) that count, 0 where hair or the edge of the face may be."""
        x, y = self.places()
        jaw = (x / 0.195) ** 2 + ((y - 0.1).clamp(min=0) / 0.235) ** 2 - 1
        return ((x.abs() < 0.195) & (jaw < 0) & (y > self.top) & (y < self.bottom)).float()


SMALL, UPPER, LOWER = Area(32, -0.215, 0.13), Area(64, -0.215, 0.13), Area(64, 0.1, 0.335)
GRIDS = {
    SMALL: {
        "brow": (-1.2, 1.2, 6),
        "frown": (-1.2, 1.2, 5),
        "eye": (0.0, 1.0, 7),
    },
    UPPER: {
        "brow": (-1.3, 1.3, 10),
        "frown": (-1.3, 1.3, 10),
        "eye": (-0.05, 1.15, 13),
    },
    LOWER: {
        "opening": (0.0, 1.2, 18),
        "width": (-1.2, 1.2, 11),
        "smile": (-1.3, 1.3, 14),
    },
}
"""What a part of the face is seen by: the lowest and highest value of each curve, and how many there are."""

KINDS = tuple(itertools.product((-1, 1), (False, True)))
"""The sides that light comes from, and with or without glasses."""
AT_ONCE, DRAWN_AT, FINELY_DRAWN_AT = 16, 64, 128
"""How many pictures are drawn at once, and at which size before they are shrunk.

Thin lines then look as in frames that were shrunk. The corners of lips are thinner still: in frames that were
large themselves they are as in pictures drawn finely.
"""
SHARP = 12.0
"""How much more a pixel counts than its neighbours where pictures are blurred a second time."""
HAIR, BROWS = 0.8, 0.55 * 0.8
"""A colour of the hair, not too light for a skin of 1, and what colour of the brows follows from it."""


@dataclass(frozen=True)
class Templates:
    """Pictures of an area of the face, one for each point of a grid of what it may do.

    Attributes:
        grid: of `GRIDS`.
        points: (pictures, curves) their values.
        parts: (pictures, colours, 3, rows * columns), what each of `COLOURS` adds.
        inside: (rows * columns,), which pixels count.
        products: (pictures, colours, colours, 3) of the parts, over the pixels that count.
    """

    area: Area
    grid: dict[str, tuple[float, float, int]]
    points: torch.Tensor
    parts: torch.Tensor
    inside: torch.Tensor
    products: torch.Tensor

    @property
    def pitch(self) -> list[float]:
        """How far apart the points are along each curve."""
        return [(high - low) / (count - 1) for low, high, count in self.grid.values()]

    def costs(self, target: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        """How far each frame is from each picture in its colours: (n, pictures).

        These are sums of squares, less that of the frame itself.

        Args:
            target: frames (n, 3, rows * columns) as of heads at rest.
            colours: (n, colours, 3)
        """
        weighed = rearrange(colours[:, :, :, None] * (target * self.inside)[:, None], "n k c p -> n (k c p)")
        likeness = weighed @ self.parts.flatten(1).T
        pairs = rearrange(colours[:, :, None] * colours[:, None], "n k l c -> n (k l c)")
        return pairs @ self.products.flatten(1).T - 2 * likeness

    def mixed(self, which: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        """Pictures (n, 3, rows * columns) in colours."""
        return einsum(self.parts[which], colours, "n k c p, n k c -> n c p")


@functools.cache
def templates_of(area: Area, light: int, glasses: bool, drawn_at: int = DRAWN_AT) -> Templates:
    """The pictures of an area for all combinations of what it may do, drawn at a size."""
    grid = GRIDS[area]
    points = torch.cartesian_prod(*(torch.linspace(*values) for values in grid.values()))
    names = tuple(grid)
    parts = torch.cat([_draw(area, names, p, light, glasses, drawn_at) for p in points.split(AT_ONCE)])
    inside = area.inside().flatten()
    products = einsum(parts * inside, parts, "d k c p, d l c p -> d k l c")
    return Templates(area, grid, points, parts, inside, products)


def _draw(
    area: Area, names: tuple[str, ...], points: torch.Tensor, light: int, glasses: bool, drawn_at: int
) -> torch.Tensor:
    """What each of the colours adds to pictures at points (n, curves): (n, colours, 3, rows * columns).

    They are drawn in four sets of colours; what is sought are the differences between these.
    """
    n = len(points)
    finer = drawn_at // area.size
    skin, hair, eyes = (
        torch.tensor(levels)[:, None].expand(-1, 3)
        for levels in ((1.0, 2.0, 1.0, 1.0), (0.0, 0.0, 0.0, HAIR), (0.0, 0.0, 1.0, 0.0))
    )
    rows, columns = (finer * length for length in area.shape)
    corner = finer * area.rows.start, finer * area.columns.start
    base = Canvas(skin[:, :, None, None].expand(-1, -1, rows, columns), at_rest(4).pose, drawn_at, corner)
    palette = Palette(skin, hair, eyes)
    shade_head(base, _anybody(light), palette)
    draw_nose(base, palette, light)

    curves = vars(at_rest(n)) | dict(zip(names, points.T, strict=True))
    motion = Motion(**{name: curve.repeat(4) for name, curve in curves.items()})
    palette = Palette(*(colour.repeat_interleave(n, dim=0) for colour in (skin, hair, eyes)))
    canvas = Canvas(base.pixels.repeat_interleave(n, dim=0), motion.pose, drawn_at, corner)
    if "eye" in names:
        draw_eyes(canvas, palette, motion)
        draw_brows(canvas, palette, motion)
        if glasses:
            draw_glasses(canvas)
    if "opening" in names:
        draw_mouth(canvas, palette, motion)
    # Once more than frames, as these are seldom as sharp as what is drawn.
    pictures = softened(softened(F.avg_pool2d(canvas.pixels, finer)), SHARP)
    plain, skin, eyes, brows = rearrange(pictures, "(k n) c h w -> k n c (h w)", k=4)
    skin = skin - plain
    return torch.stack([plain - skin, skin, eyes - plain, (brows - plain) / BROWS], dim=1)


def softened(pixels: torch.Tensor, middle: float = 2.0) -> torch.Tensor:
    """Blurred a little, so that it matters less how sharp a picture is.

    Args:
        middle: how much more a pixel counts than each of its neighbours.
    """
    pixels = F.pad(pixels, (1, 1, 1, 1), mode="replicate")
    pixels = pixels[:, :, :-2] + middle * pixels[:, :, 1:-1] + pixels[:, :, 2:]
    pixels = pixels[..., :-2] + middle * pixels[..., 1:-1] + pixels[..., 2:]
    return pixels / (2 + middle) ** 2


def _anybody(light: int) -> Identity:
    grey = (0.5, 0.5, 0.5)
    return Identity(grey, grey, grey, grey, grey, "short", 0.555, 0.73, 0.1, False, "round", light)
