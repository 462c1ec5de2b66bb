"""Who is in the picture: colours and edges of a face, seen in the coordinates of its head."""

import torch

from .canvas import Pose, glow
from .head import WALL_FALL, WALL_SIDE
from .identity import NOSE_Y
from .looking import PITCH, look
from .palette import Palette

DEEPEST, UNDER_CHIN = 0.5, 0.83
"""How much the skin is in shadow at the edge of the face, and the neck below the chin."""
NO_SKIN, BEYOND = 0.1, 3
"""How far colours are from the skin's where a face has ended, and how many points later it wholly has."""
WAVES = 1 - 0.26 * 0.4 * 0.5
"""The mean of hair in strands, as a part of its colour."""


def skin_colour(pixels: torch.Tensor, pose: Pose) -> torch.Tensor:
    """The colour (n, 3) of the skin around the nose, about."""
    return look(pixels, pose, (-0.1, 0.1), (0.05, 0.12)).colours.flatten(2).median(dim=2).values


def hair_colour(pixels: torch.Tensor, pose: Pose) -> torch.Tensor:
    """The colour (n, 3) of the hair at the crown, without the ring of light that is painted there."""
    view = look(pixels, pose, (-0.07, 0.07), (-0.35, -0.33))
    # On average over both sides from which light can come.
    ring = 0.35 * (glow(view.x + 0.05, 0.3 * (view.y + 0.335 - 0.9 * view.x**2), 0.22, 0.012)).mean()
    seen = view.colours.mean(dim=(2, 3))
    return (seen - 0.6 * ring) / ((1 - ring) * WAVES + 0.4 * ring)


def wall_colour(pixels: torch.Tensor) -> torch.Tensor:
    """The colour (n, 3) of the wall in the upper corners, without its shade; the light's side cancels."""
    edge = max(2, pixels.shape[-1] // 16)
    top = pixels[:, :, :edge]
    corners = torch.cat([top[..., :edge], top[..., -edge:]], dim=3).mean(dim=(2, 3))
    return corners / (1 - WALL_FALL * 0.5 * edge / pixels.shape[-1] - WALL_SIDE / 2)


def face_width(pixels: torch.Tensor, pose: Pose, skin: torch.Tensor) -> torch.Tensor:
    """Width (n,) of the face at the height of the nose: on both sides the first place where the skin ends."""
    return _edge(pixels, pose, skin, -1) + _edge(pixels, pose, skin, 1)


def _edge(pixels: torch.Tensor, pose: Pose, skin: torch.Tensor, side: int) -> torch.Tensor:
    near, far = 0.21, 0.35
    x = (near, far) if side > 0 else (-far, -near)
    row = look(pixels, pose, x, (NOSE_Y - 0.006, NOSE_Y + 0.01)).colours.mean(dim=2)
    away = _away_from_skin(row if side > 0 else row.flip(-1), skin)
    first = (away[:, :-BEYOND] > NO_SKIN).float().argmax(dim=1, keepdim=True)
    half = away.gather(1, first + BEYOND) / 2
    after = (away > half).float().argmax(dim=1, keepdim=True).clamp(min=1)
    low, high = away.gather(1, after - 1), away.gather(1, after)
    part = ((half - low) / (high - low).clamp(min=1e-3)).clamp(0, 1)
    return near + (after - 1 + part)[:, 0] * PITCH


def _away_from_skin(colours: torch.Tensor, skin: torch.Tensor) -> torch.Tensor:
    """How far colours (n, 3, points) are from skin (n, 3) in any light or shadow: (n, points)."""
    towards = (Palette(skin, skin, skin).shadow - skin)[..., None]
    from_skin = colours - skin[..., None]
    depth = (from_skin * towards).sum(dim=1, keepdim=True) / towards.square().sum(dim=1, keepdim=True).clamp(
        min=1e-4
    )
    return (from_skin - depth.clamp(-0.2, DEEPEST) * towards).norm(dim=1)


def head_height(pixels: torch.Tensor, pose: Pose, skin: torch.Tensor) -> torch.Tensor:
    """Height (n,) of the head: where the shadow of the neck begins below the chin."""
    start, stop = 0.342, 0.396
    shadow = Palette(skin, skin, skin).shadow
    chin = skin + DEEPEST * (shadow - skin)
    neck = UNDER_CHIN * shadow + (1 - UNDER_CHIN) * 0.86 * skin
    view = look(pixels, pose, (-0.04, 0.04), (start, stop)).colours.mean(dim=(2, 3))
    span = chin - neck
    share = ((view - neck) * span).sum(dim=1) / span.square().sum(dim=1).clamp(min=1e-4)
    return 2 * (start + share.clamp(0, 1) * (stop - start))
