"""Finds which pictures of a face frames look like, and where between those pictures they lie."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import einsum, rearrange

from .canvas import HEAD_Y, Pose
from .templates import Area, Templates

FARTHEST = {"x": (0.1, 0.05), "y": (0.1, 0.05), "tilt": (0.2, 0.05)}
"""How far a head may be from its place, and how much farther than it was thought to be."""
DAMPING = 1e-3
DOUBT = (0.1, 0.5, 0.5)
"""How much what was thought of the skin's, the eyes' and the brows' colours counts, as so many pixels."""


@dataclass(frozen=True)
class Known:
    """What is known of n frames so far.

    Attributes:
        curves: by the names of `Motion`, each (n,); at least x, y and tilt.
        colours: (n, `COLOURS`, 3)
        cost: (n,), the sum of squares by which frames differ from the pictures that they look like.
    """

    curves: dict[str, torch.Tensor]
    colours: torch.Tensor
    cost: torch.Tensor

    def __getitem__(self, frames: torch.Tensor) -> "Known":
        curves = {name: curve[frames] for name, curve in self.curves.items()}
        return Known(curves, self.colours[frames], self.cost[frames])

    @property
    def pose(self) -> Pose:
        return Pose(self.curves["x"], self.curves["y"], self.curves["tilt"])


def match(pixels: torch.Tensor, known: Known, templates: Templates, moving: bool = True) -> Known:
    """What is known after comparing frames (n, 3, size, size) with pictures.

    The nearest picture is sought among all of them; from there one step of Gauss and Newton's method leads
    to what lies between it and its neighbours.

    Args:
        moving: whether the pose is corrected as well.
    """
    target = at_rest(pixels, known.pose, templates.area)
    which = templates.costs(target, known.colours).argmin(dim=1)
    colours = _recoloured(target, which, known.colours, templates)
    picture = templates.mixed(which, colours)
    slopes = _slopes(which, colours, templates)
    if moving:
        slopes = torch.cat([slopes, _slopes_of_pose(picture, templates.area)], dim=1)
    rest = (target - picture) * templates.inside
    slopes = rearrange(slopes * templates.inside, "n a c p -> n a (c p)")
    normal, pull = slopes @ slopes.mT, slopes @ rest.flatten(1)[..., None]
    ridge = DAMPING * normal.diagonal(dim1=1, dim2=2) + 1e-6
    moves = torch.linalg.solve(normal + torch.diag_embed(ridge), pull)[..., 0].T
    curves = dict(known.curves)
    for i, name in enumerate(templates.grid):
        values = templates.points[:, i]
        curves[name] = values[which] + moves[i].clamp(-templates.pitch[i], templates.pitch[i])
    if moving:
        for move, (name, (farthest, farther)) in zip(moves[-3:], FARTHEST.items(), strict=True):
            curves[name] = (curves[name] + move.clamp(-farther, farther)).clamp(-farthest, farthest)
    return Known(curves, colours, rest.square().sum(dim=(1, 2)))


def at_rest(pixels: torch.Tensor, pose: Pose, area: Area) -> torch.Tensor:
    """An area of the heads in frames as if they were held straight, (n, 3, rows * columns)."""
    x, y = area.places()
    right, down, sin = (curve[:, None, None] for curve in (pose.x, pose.y, pose.tilt))
    cos = 1 - sin * sin / 2
    places = 2 * torch.stack([right + cos * x - sin * y, down + HEAD_Y + sin * x + cos * y], dim=-1)
    return F.grid_sample(pixels, places, "bicubic", padding_mode="border", align_corners=False).flatten(2)


def _recoloured(
    target: torch.Tensor, which: torch.Tensor, colours: torch.Tensor, templates: Templates
) -> torch.Tensor:
    """The colours (n, colours, 3) in which the pictures are nearest to the frames, by least squares."""
    pull = einsum(templates.parts[which], target * templates.inside, "n k c p, n c p -> n c k")
    normal = rearrange(templates.products[which], "n k l c -> n c k l")
    doubt = pull.new_tensor(DOUBT)
    pull = pull[..., 1:] - normal[..., 1:, 0] + doubt * colours[:, 1:].mT
    found = torch.linalg.solve(normal[..., 1:, 1:] + torch.diag(doubt), pull[..., None])[..., 0]
    return torch.cat([colours[:, :1], found.mT.clamp(0, 1)], dim=1)


def _slopes(which: torch.Tensor, colours: torch.Tensor, templates: Templates) -> torch.Tensor:
    """How pictures change with each curve, judged by their neighbours: (n, curves, 3, rows * columns)."""
    slopes, stride = [], len(templates.points)
    for i, (_, _, count) in enumerate(templates.grid.values()):
        stride //= count
        place = which // stride % count
        above = torch.where(place < count - 1, which + stride, which)
        below = torch.where(place > 0, which - stride, which)
        apart = templates.points[above, i] - templates.points[below, i]
        change = templates.mixed(above, colours) - templates.mixed(below, colours)
        slopes.append(change / apart[:, None, None])
    return torch.stack(slopes, dim=1)


def _slopes_of_pose(pictures: torch.Tensor, area: Area) -> torch.Tensor:
    """How heads seem to change when held still at a wrong x, y and tilt: (n, 3, 3, rows * columns)."""
    across, down = torch.gradient(pictures.unflatten(2, area.shape), dim=(3, 2))
    x, y = area.places()
    return area.size * torch.stack([-across, -down, y * across - x * down], dim=1).flatten(3)
