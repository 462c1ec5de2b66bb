"""Draws people: anti-aliased frames of a face from its identity and what it does."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch

from ..errors import KeyFaceError
from .canvas import Canvas, Pose, circle, ellipse, line_below
from .identity import LOCKS_AT, LONG_STYLES, NOSE_Y, Colour, Identity

FRAMES_AT_ONCE = 16
SMALLEST = 32

# Where things are, in frame heights from the middle of the head; y points down.
EYE_X, EYE_Y, EYE_HALF_WIDTH, LOWER_LID, EYE_HEIGHT = 0.132, -0.03, 0.076, 0.03, 0.1
IRIS_RADIUS, LID_THICKNESS = 0.036, 0.013
BROW_Y, BROW_HALF_WIDTH, BROW_LIFT, BROW_SLOPE, BROW_THICKNESS = -0.18, 0.066, 0.036, 0.45, 0.012
NOSE_HALF_WIDTH, NOSE_HALF_HEIGHT = 0.03, 0.022
MOUTH_Y, MOUTH_HALF_WIDTH, MOUTH_STRETCH, MOUTH_HEIGHT, UPPER_SHARE = 0.205, 0.1, 0.036, 0.11, 0.2
SMILE_HEIGHT, LIP_THICKNESS, LIP_POUT, SEAM = 0.06, 0.014, 0.005, 0.004

# Reserved colours: on no skin is blue above green (lips, mouth) or above red (brows).
LIP: Colour = (0.84, 0.25, 0.42)
INSIDE: Colour = (0.36, 0.03, 0.19)
TONGUE: Colour = (0.60, 0.14, 0.305)
BROW: Colour = (0.20, 0.13, 0.42)
EYE_WHITE: Colour = (0.86, 0.98, 1.0)
NECK_LIGHT = 0.8
"""How light the neck is, which lies in the shadow of the head."""
RIM: Colour = (0.46, 0.23, 0.17)
LASH: Colour = (0.27, 0.09, 0.07)


@dataclass(frozen=True)
class Motion:
    """What a face does, frame by frame; each curve is (frames,) float32.

    Attributes:
        opening: of the mouth, from 0 (closed) to 1.
        width: of the mouth, from -1 (rounded) over 0 (at rest) to 1 (spread).
        smile: mouth corners, from -1 (down) to 1 (up).
        brow: from -1 (low) to 1 (raised).
        frown: from -1 (inner ends of the brows up, as in sorrow) to 1 (inner ends down, as in anger).
        eye: opening of the lids, from 0 (closed) over 0.6 (at rest) to 1.
        x, y: how far the head is right of and below its place, in frame heights.
        tilt: of the head to the right, in radians (small).
    """

    opening: torch.Tensor
    width: torch.Tensor
    smile: torch.Tensor
    brow: torch.Tensor
    frown: torch.Tensor
    eye: torch.Tensor
    x: torch.Tensor
    y: torch.Tensor
    tilt: torch.Tensor

    def __len__(self) -> int:
        return len(self.opening)

    def __getitem__(self, frames: slice) -> "Motion":
        return Motion(*(getattr(self, field.name)[frames] for field in fields(self)))

    @property
    def pose(self) -> Pose:
        return Pose(self.x, self.y, self.tilt)

    def to(self, device: torch.device | str) -> "Motion":
        return Motion(*(getattr(self, field.name).to(device) for field in fields(self)))


def at_rest(n_frames: int = 1) -> Motion:
    """A still, neutral face with its mouth closed."""
    curves = {field.name: torch.zeros(n_frames) for field in fields(Motion)}
    return Motion(**{**curves, "eye": torch.full((n_frames,), 0.6)})


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
    background = _background(identity, size, device)
    for first in range(0, len(motion), FRAMES_AT_ONCE):
        part = motion[first : first + FRAMES_AT_ONCE]
        canvas = Canvas(background, part.pose)
        _draw_hair_behind(canvas, identity)
        _draw_body(canvas, identity)
        _draw_head(canvas, identity)
        _draw_hair_in_front(canvas, identity)
        _draw_eyes(canvas, identity, part)
        _draw_brows(canvas, part)
        _draw_nose(canvas, identity)
        _draw_mouth(canvas, part)
        yield canvas.frames()


def nose_colour(skin: torch.Tensor) -> torch.Tensor:
    """The colour of the nose on a skin, (..., 3): a shadow on light skin, a highlight on dark."""
    light = (skin.mean(dim=-1, keepdim=True) > 0.48).to(skin.dtype)
    shadow, highlight = skin.new_tensor([-0.13, -0.23, -0.22]), skin.new_tensor([0.22, 0.17, 0.15])
    return skin + light * shadow + (1 - light) * highlight


def _head(x: torch.Tensor, y: torch.Tensor, identity: Identity, margin: float = 0.0) -> torch.Tensor:
    """The distance to the outline of the head, an egg, widened by a margin."""
    half_width, half_height = identity.head_width / 2 + margin, identity.head_height / 2 + margin
    narrowing = 1 - identity.jaw * (y / half_height).clamp(-1, 1)
    return ellipse(x / narrowing, y, half_width, half_height)


def _background(identity: Identity, size: int, device: torch.device | str) -> torch.Tensor:
    """A wall lit from above, (1, 3, size, size)."""
    wall = torch.tensor(identity.background, device=device).reshape(1, 3, 1, 1)
    light = 1 - 0.14 * (torch.arange(size, device=device) + 0.5) / size
    return (wall * light[:, None]).expand(1, 3, size, size).contiguous()


def _draw_hair_behind(canvas: Canvas, identity: Identity) -> None:
    wide, high = identity.head_width / 2, identity.head_height / 2
    window = canvas.window(0, 0, 0.5, 0.55)
    x, y = window.x, window.y
    if identity.hair_style in LONG_STYLES:
        end = 0.2 if identity.hair_style == "bob" else 0.46
        cap = ellipse(x, y + 0.03, wide + 0.05, high + 0.02)
        curtain = torch.maximum(x.abs() - (wide + 0.05), torch.maximum(-0.03 - y, y - end))
        shape = torch.minimum(cap + (y - end).clamp(min=0), curtain)
    elif identity.hair_style == "curly":
        shape = ellipse(x, y + 0.07, wide + 0.04, high - 0.02)
        for place in (0.0, 0.35, 0.68, 0.95):
            for side in (-1, 1):
                along = side * (wide + 0.025) * place
                up = (high + 0.01) * (1 - place * place) ** 0.5 * 0.92
                shape = torch.minimum(shape, circle(x - along, y + up + 0.05, 0.075))
    elif identity.hair_style == "bun":
        shape = torch.minimum(
            circle(x, y + high + 0.04, 0.095), _head(x, y, identity, 0.018) + (y + 0.05).clamp(min=0)
        )
    else:
        shape = _head(x, y + 0.012, identity, 0.022) + (y + 0.02).clamp(min=0)
    window.paint(window.cover(shape), _shaded(identity.hair, 0.86))


def _draw_body(canvas: Canvas, identity: Identity) -> None:
    """Neck and shoulders, which stay where they are while the head moves."""
    size, pixels = canvas.size, canvas.pixels
    place = (torch.arange(size, device=pixels.device) + 0.5) / size - 0.5
    x, y = place[None, None, :], place[None, :, None]
    neck = torch.maximum(x.abs() - 0.095, 0.2 - y).expand(1, size, size)
    shoulders = ellipse(x, y - 0.65, 0.44, 0.2)
    for shape, colour in ((neck, _shaded(identity.skin, NECK_LIGHT)), (shoulders, identity.shirt)):
        coverage = (0.5 - shape * size).clamp(0, 1)
        paint = torch.tensor(colour, device=pixels.device).reshape(1, 3, 1, 1)
        pixels += coverage[:, None] * (paint - pixels)


def _draw_head(canvas: Canvas, identity: Identity) -> None:
    if identity.hair_style not in LONG_STYLES:
        for side in (-1, 1):
            ear_x = side * identity.head_width / 2
            ear = canvas.window(ear_x, 0.01, 0.05, 0.06)
            ear.paint(
                ear.cover(ellipse(ear.x - ear_x, ear.y - 0.01, 0.045, 0.058)), _shaded(identity.skin, 0.9)
            )
    window = canvas.window(0, 0, identity.head_width / 2 * (1 + identity.jaw), identity.head_height / 2)
    window.paint(window.cover(_head(window.x, window.y, identity)), identity.skin)
    for side in (-1, 1):
        cheek = canvas.window(side * 0.19, 0.105, 0.07, 0.055)
        u, v = (cheek.x - side * 0.19) / 0.07, (cheek.y - 0.105) / 0.055
        blush = torch.tensor(identity.skin) + torch.tensor([0.04, -0.055, -0.03])
        cheek.paint((1 - u * u - v * v).clamp(min=0), blush.clamp(0, 1))


def _draw_hair_in_front(canvas: Canvas, identity: Identity) -> None:
    wide, high = identity.head_width / 2, identity.head_height / 2
    window = canvas.window(0, -high / 2 + 0.1, wide + 0.08, high / 2 + 0.14)
    x, y = window.x, window.y
    style = identity.hair_style
    if style in ("short", "bun"):
        hairline, locks_end = -0.268 + 7 * (x * x) ** 2, -0.06
    elif style == "parted":
        hairline, locks_end = -0.305 + 0.15 * (x + 0.12).abs(), -0.06
    elif style == "fringe":
        hairline, locks_end = -0.252 - 0.1 * x * x, 0.02
    elif style == "curly":
        hairline, locks_end = -0.275 + 5 * (x * x) ** 2, -0.04
    else:
        hairline, locks_end = -0.31 + 0.25 * x.abs(), 0.2
    locks = torch.maximum(LOCKS_AT * wide - x.abs(), y - locks_end)
    shape = torch.maximum(_head(x, y, identity, 0.016), torch.minimum(y - hairline, locks))
    if style == "curly":
        for along in (-0.2, -0.1, 0.0, 0.1, 0.2):
            shape = torch.minimum(shape, circle(x - along, y + 0.325 - along * along, 0.058))
    window.paint(window.cover(shape), identity.hair)


def _draw_eyes(canvas: Canvas, identity: Identity, motion: Motion) -> None:
    opening = motion.eye[:, None, None]
    for side in (-1, 1):
        window = canvas.window(side * EYE_X, EYE_Y, 0.11, 0.115)
        x, y = window.x - side * EYE_X, window.y - EYE_Y
        u = x / EYE_HALF_WIDTH
        arch = 1 - u * u
        bend = -2 * u / EYE_HALF_WIDTH
        lift = LOWER_LID - opening * EYE_HEIGHT
        above_upper = -line_below(y, lift * arch, lift * bend)
        below_lower = line_below(y, LOWER_LID * arch, LOWER_LID * bend)
        within = x.abs() - EYE_HALF_WIDTH
        eye = window.cover(torch.maximum(torch.maximum(above_upper, below_lower), within))
        window.paint(eye, EYE_WHITE)
        iris_y = y + 0.012
        window.paint(eye * window.cover(circle(x, iris_y, IRIS_RADIUS)), identity.eyes)
        window.paint(eye * window.cover(circle(x, iris_y, 0.5 * IRIS_RADIUS)), LASH)
        window.paint(eye * window.cover(circle(x + 0.012, iris_y + 0.013, 0.011)), EYE_WHITE)
        lid = torch.maximum((above_upper - LID_THICKNESS / 2).abs() - LID_THICKNESS / 2, within - 0.003)
        window.paint(window.cover(lid), LASH)
        if identity.glasses:
            rim = ellipse(x, y + 0.018, 0.102, 0.085).abs() - 0.0065
            window.paint(window.cover(rim), RIM)
    if identity.glasses:
        bridge = canvas.window(0, EYE_Y, 0.045, 0.02)
        shape = torch.maximum((bridge.y - EYE_Y + 0.01).abs() - 0.006, bridge.x.abs() - (EYE_X - 0.096))
        bridge.paint(bridge.cover(shape), RIM)


def _draw_brows(canvas: Canvas, motion: Motion) -> None:
    raised, frown = (curve[:, None, None] for curve in (motion.brow, motion.frown))
    for side in (-1, 1):
        window = canvas.window(side * EYE_X, BROW_Y, 0.1, 0.09)
        outward = side * window.x - EYE_X
        slope = 3.6 * outward - BROW_SLOPE * frown
        curve = BROW_Y - BROW_LIFT * raised + (1.8 * outward - BROW_SLOPE * frown) * outward
        beyond = (outward.abs() - BROW_HALF_WIDTH).clamp(min=0)
        across = line_below(window.y, curve, slope)
        window.paint(window.cover((beyond**2 + across**2).sqrt() - BROW_THICKNESS), BROW)


def _draw_nose(canvas: Canvas, identity: Identity) -> None:
    window = canvas.window(0, NOSE_Y, NOSE_HALF_WIDTH, NOSE_HALF_HEIGHT)
    shape = ellipse(window.x, window.y - NOSE_Y, NOSE_HALF_WIDTH, NOSE_HALF_HEIGHT)
    window.paint(window.cover(shape), nose_colour(torch.tensor(identity.skin)))


def _draw_mouth(canvas: Canvas, motion: Motion) -> None:
    opening, width, smile = (curve[:, None, None] for curve in (motion.opening, motion.width, motion.smile))
    window = canvas.window(0, MOUTH_Y, 0.16, 0.14)
    half_width = MOUTH_HALF_WIDTH + MOUTH_STRETCH * width
    u = (window.x / half_width).clamp(-1, 1)
    arch, bend = 1 - u * u, -2 * u / half_width
    beyond = (window.x.abs() - half_width).clamp(min=0)
    y = window.y - MOUTH_Y + 0.5 * SMILE_HEIGHT * smile
    height = MOUTH_HEIGHT * opening + SEAM
    upper = SMILE_HEIGHT * smile - UPPER_SHARE * height
    lower = upper + height
    above, below = -line_below(y, upper * arch, upper * bend), line_below(y, lower * arch, lower * bend)
    outside = torch.maximum(above, below)
    lips = LIP_THICKNESS * (0.6 + 0.4 * arch) + LIP_POUT * (-width).clamp(min=0) * arch
    rounded = (beyond**2 + outside.clamp(min=0) ** 2).sqrt()
    window.paint(window.cover(torch.where(beyond > 0, rounded, outside) - lips), LIP)
    inside = window.cover(outside + beyond)
    window.paint(inside, INSIDE)
    tongue = ellipse(window.x, y - lower - 0.012, 0.6 * MOUTH_HALF_WIDTH, 0.045)
    window.paint(inside * window.cover(tongue), TONGUE)


def _shaded(colour: Colour, light: float) -> Colour:
    return tuple(light * channel for channel in colour)
