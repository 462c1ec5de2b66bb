"""What the features of a face are painted on: wall, body, head and hair.

Lengths are in frame heights, places from the middle of the head (wall and body: of the frame); y points down.
"""

import torch

from .canvas import Canvas, circle, ellipse, glow, smooth, waves
from .identity import LOCKS_AT, LONG_STYLES, Identity
from .palette import Palette

STRANDS = 32
"""Strands of hair in a frame height."""
WALL_FALL, WALL_SIDE = 0.22, 0.1
"""How much darker the wall is at the bottom than at the top, and on the side away from the light."""


def draw_wall(identity: Identity, size: int, device: torch.device | str) -> torch.Tensor:
    """A wall lit from above and one side, with lights out of focus, (1, 3, size, size)."""
    wall = torch.tensor(identity.background, device=device).reshape(1, 3, 1, 1)
    place = (torch.arange(size, device=device) + 0.5) / size - 0.5
    x, y = place[None, None, :], place[None, :, None]
    shade = 1 - WALL_FALL * (y + 0.5) - WALL_SIDE * (0.5 - identity.light * x)
    pixels = wall * shade[:, None]
    for at_x, at_y, radius in identity.lights:
        disc = 0.3 * smooth(circle(x - at_x, y - at_y, radius), 0.045)
        pixels = pixels + disc[:, None] * (1 - 0.4 * (1 - wall) - pixels)
    return pixels.contiguous()


def draw_body(canvas: Canvas, identity: Identity, palette: Palette) -> None:
    """Neck and shoulders, which stay where they are while the head moves, but for the head's shadow."""
    size, pixels = canvas.size, canvas.pixels
    place = (torch.arange(size, device=pixels.device) + 0.5) / size - 0.5
    x, y = place[None, None, :], place[None, :, None]

    def lay(coverage: torch.Tensor, colour) -> None:
        paint = torch.as_tensor(colour, device=pixels.device).reshape(1, 3, 1, 1)
        pixels.add_(coverage[:, None] * (paint - pixels))

    def cover(shape: torch.Tensor) -> torch.Tensor:
        return (0.5 - shape * size).clamp(0, 1).expand(1, size, size)

    shirt = torch.tensor(identity.shirt, device=pixels.device)
    widening = (1.6 * (y - 0.4)).clamp(0, 0.1)
    neck = cover(torch.maximum(x.abs() - 0.1 - widening, 0.15 - y))
    shoulders = ellipse(x, y - 0.72, 0.47, 0.28)
    lay(neck, 0.86 * palette.skin)
    chin = identity.head_height / 2
    window = canvas.window(0, chin + 0.02, 0.2, 0.12)
    shadow = glow(window.x, window.y - chin, 0.19, 0.1) * neck[:, window.rows, window.columns]
    window.paint(0.85 * shadow, palette.shadow)
    garment = cover(shoulders)
    if identity.collar == "round":
        opening = ellipse(x, y - 0.42, 0.13, 0.062)
    elif identity.collar == "pointed":
        opening = torch.maximum(x.abs() * 0.9 + (y - 0.53), y - 0.6) * 0.74
    else:
        opening = torch.maximum(x.abs() * 1.0 + (y - 0.5), y - 0.6) * 0.7
    lay(garment * (1 - cover(opening)), shirt)
    lay(0.35 * garment * smooth(x * identity.light + 0.12, 0.5), 0.6 * shirt)
    if identity.collar == "shirt":
        flap = torch.maximum(opening.abs() - 0.035, 0.43 - y)
        lay(garment * cover(flap) * (1 - cover(opening)), 0.55 * shirt + 0.45)
    edge = (opening - 0.006).abs() - 0.006
    lay(0.6 * garment * cover(edge), 0.72 * shirt)
    lay(garment * cover(opening), 0.86 * palette.skin)


def draw_head(canvas: Canvas, identity: Identity, palette: Palette) -> None:
    wide = identity.head_width / 2
    if identity.hair_style not in LONG_STYLES:
        for side in (-1, 1):
            ear = canvas.window(side * wide, 0.015, 0.05, 0.07)
            x, y = ear.x - side * (wide - 0.002), ear.y - 0.015
            ear.paint(ear.cover(ellipse(x, y, 0.036, 0.056)), 0.93 * palette.skin)
            ear.paint(0.6 * glow(x, y, 0.026, 0.042), palette.shadow)
    window = canvas.window(0, 0, wide * (1 + identity.jaw), identity.head_height / 2)
    window.paint(window.cover(head_outline(window.x, window.y, identity)), palette.skin)
    shade_head(canvas, identity, palette)


def shade_head(canvas: Canvas, identity: Identity, palette: Palette) -> None:
    """Light and shadow on the skin: darker to the edges and away from the light, red cheeks, a light brow."""
    wide, high = identity.head_width / 2, identity.head_height / 2
    window = canvas.window(0, 0, wide * (1 + identity.jaw), high)
    x, y = window.x, window.y
    face = window.cover(head_outline(x, y, identity))
    u, v = x / wide - 0.16 * identity.light, y / high + 0.08
    window.paint(face * (0.8 * (u * u + v * v - 0.42)).clamp(0, 0.5), palette.shadow)
    window.paint(0.35 * face * glow(x - 0.05 * identity.light, y + 0.19, 0.16, 0.1), palette.gleam)
    for side in (-1, 1):
        window.paint(0.5 * glow(x - side * 0.165, y - 0.1, 0.09, 0.065), palette.blush)
        window.paint(0.12 * glow(x - side * 0.15, y - 0.065, 0.07, 0.035), palette.gleam)


def head_outline(x: torch.Tensor, y: torch.Tensor, identity: Identity, margin: float = 0.0) -> torch.Tensor:
    """The distance to the outline of the head, an egg, widened by a margin."""
    half_width, half_height = identity.head_width / 2 + margin, identity.head_height / 2 + margin
    narrowing = 1 - identity.jaw * (y / half_height).clamp(-1, 1)
    return ellipse(x / narrowing, y, half_width, half_height)


def draw_hair_behind(canvas: Canvas, identity: Identity, palette: Palette) -> None:
    wide, high = identity.head_width / 2, identity.head_height / 2
    window = canvas.window(0, 0, 0.5, 0.55)
    x, y = window.x, window.y
    shape = hair_outline(x, y, identity)
    if identity.hair_style in LONG_STYLES:
        end = 0.24 if identity.hair_style == "bob" else 0.5
        flare = wide + 0.055 + 0.06 * (y + 0.03).clamp(min=0)
        curtain = torch.maximum(x.abs() - flare, torch.maximum(-0.03 - y, y - end + 0.3 * x * x))
        shape = torch.minimum(shape + (y - end).clamp(min=0), curtain)
    elif identity.hair_style == "curly":
        for place in (0.0, 0.35, 0.68, 0.95):
            for side in (-1, 1):
                along = side * (wide + 0.03) * place
                up = (high + 0.01) * (1 - place * place) ** 0.5 * 0.92
                shape = torch.minimum(shape, circle(x - along, y + up + 0.05, 0.075))
    elif identity.hair_style == "bun":
        shape = torch.minimum(circle(x, y + high + 0.04, 0.09), shape + (y + 0.02).clamp(min=0))
    else:
        shape = shape + (y + 0.02).clamp(min=0)
    hair = window.cover(shape)
    window.paint(hair, 0.74 * palette.hair)
    window.paint(0.24 * hair * waves(STRANDS * 0.5 * (x + 0.15 * x * y)), 0.5 * palette.hair)


def draw_hair_in_front(canvas: Canvas, identity: Identity, palette: Palette) -> None:
    wide, high = identity.head_width / 2, identity.head_height / 2
    window = canvas.window(0, -high / 2 + 0.08, wide + 0.1, high / 2 + 0.16)
    x, y = window.x, window.y
    hairline, locks_end, slant = _hairline(x, identity.hair_style)
    locks = torch.maximum(LOCKS_AT * wide - x.abs() + slant * (y + 0.24).clamp(min=0), y - locks_end)
    fringe = y - hairline
    shape = torch.maximum(hair_outline(x, y, identity, -0.008), torch.minimum(fringe, locks))
    if identity.hair_style == "curly":
        for along in (-0.2, -0.1, 0.0, 0.1, 0.2):
            shape = torch.minimum(shape, circle(x - along, y + 0.32 - along * along, 0.056))
    hair = window.cover(shape)
    forehead = window.cover(head_outline(x, y, identity)) * (1 - hair)
    window.paint(0.4 * forehead * smooth(fringe - 0.012, 0.03), palette.shadow)
    window.paint(hair, palette.hair)
    part = -0.1 if identity.hair_style == "parted" else 0.0
    window.paint(0.26 * hair * waves(STRANDS * (x - part) / (0.75 - y)), 0.6 * palette.hair)
    ring = glow(x + 0.05 * identity.light, 0.3 * (y + 0.335 - 0.9 * x * x), 0.22, 0.012)
    window.paint(0.35 * hair * ring, palette.hair + 0.6 * (1 - palette.hair))


def hair_outline(x: torch.Tensor, y: torch.Tensor, identity: Identity, margin: float = 0.0) -> torch.Tensor:
    """The distance to the outline of the hair on the head, without curls, bun and what hangs down."""
    wide, high = identity.head_width / 2 + margin, identity.head_height / 2 + margin
    if identity.hair_style in LONG_STYLES:
        return ellipse(x, y + 0.03, wide + 0.055, high + 0.02)
    if identity.hair_style == "curly":
        return ellipse(x, y + 0.07, wide + 0.045, high - 0.02)
    if identity.hair_style == "bun":
        return ellipse(x, y + 0.02, wide + 0.018, high + 0.004)
    return ellipse(x, y + 0.045, wide + 0.026, high + 0.006)


def _hairline(x: torch.Tensor, style: str) -> tuple[torch.Tensor, float, float]:
    """Where hair ends on the forehead, how far down locks go at its sides, and how they slant outwards."""
    if style == "short":
        return -0.268 + 8 * (x * x) ** 2 + 0.022 * waves(7 * x + 0.3), -0.05, 0.16
    if style == "bun":
        return -0.272 + 9 * (x * x) ** 2, -0.09, 0.2
    if style == "parted":
        return -0.31 + 0.3 * (x + 0.1).abs() + 0.012 * waves(9 * x), -0.05, 0.16
    if style == "fringe":
        return -0.25 - 0.1 * x * x + 0.014 * waves(14 * x), 0.03, 0.05
    if style == "curly":
        return -0.275 + 6 * (x * x) ** 2, -0.04, 0.1
    return -0.31 + 0.34 * x.abs(), 0.24, 0.0
