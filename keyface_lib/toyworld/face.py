"""Draws people: anti-aliased frames of a face from its identity and what it does."""

from collections.abc import Iterator

import torch

from ..errors import KeyFaceError
from .canvas import Canvas
from .features import draw_features, draw_glasses
from .head import draw_body, draw_hair_behind, draw_hair_in_front, draw_head, draw_wall
from .identity import Identity
from .motion import Motion
from .palette import Palette

FRAMES_AT_ONCE = 16
SMALLEST = 32


def draw(
    identity: Identity, motion: Motion, size: int = 128, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """The frames of a person, (frames, size, size, 3) uint8 on the CPU.

    Args:
        size: of a frame in pixels, from 32 up.
        device: where the pixels are computed.

    Raises:
        KeyFaceError: the frames are too small.
    """
    return torch.cat(list(draw_in_pieces(identity, motion, size, device)))


def draw_in_pieces(
    identity: Identity, motion: Motion, size: int = 128, device: torch.device | str = "cpu"
) -> Iterator[torch.Tensor]:
    """`draw`, a few frames at a time: yields (up to 16, size, size, 3) uint8 on the CPU."""
    if size < SMALLEST:
        raise KeyFaceError(f"frames of {size} pixels are too small to show a face; use {SMALLEST} or more")
    motion = motion.to(device)
    colours = (
        torch.tensor(colour, device=device) for colour in (identity.skin, identity.hair, identity.eyes)
    )
    palette = Palette(*colours)
    wall = draw_wall(identity, size, device)
    for first in range(0, len(motion), FRAMES_AT_ONCE):
        part = motion[first : first + FRAMES_AT_ONCE]
        canvas = Canvas(wall, part.pose)
        draw_hair_behind(canvas, identity, palette)
        draw_body(canvas, identity, palette)
        draw_head(canvas, identity, palette)
        draw_hair_in_front(canvas, identity, palette)
        draw_features(canvas, palette, part, identity.light)
        if identity.glasses:
            draw_glasses(canvas)
        yield canvas.frames()
