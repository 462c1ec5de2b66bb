"""The parts of a face that move: eyes, brows, nose and mouth, painted on a head.

Lengths are in frame heights, places from the middle of the head; y points down.
"""

import torch

from .canvas import Canvas, Window, circle, ellipse, glow, line_below, smooth
from .identity import NOSE_Y
from .motion import Motion
from .palette import EYE_WHITE, INSIDE, PUPIL, RIM, TEETH, TONGUE, Palette

EYE_X, EYE_Y, EYE_HALF_WIDTH, LOWER_LID, EYE_HEIGHT = 0.122, -0.025, 0.064, 0.022, 0.085
IRIS_RADIUS, IRIS_Y, LASH_THICKNESS, CREASE = 0.03, -0.004, 0.011, 0.017
BROW_Y, BROW_HALF_WIDTH, BROW_LIFT, BROW_SLOPE, BROW_BEND = -0.137, 0.066, 0.032, 0.42, 2.0
BROW_THICKNESS, BROW_TAPER = 0.013, 0.45
RIM_HALF_WIDTH, RIM_HALF_HEIGHT, RIM_THICKNESS = 0.088, 0.07, 0.0045
MOUTH_Y, MOUTH_HALF_WIDTH, MOUTH_STRETCH, MOUTH_HEIGHT, UPPER_SHARE = 0.2, 0.088, 0.032, 0.1, 0.2
SMILE_HEIGHT, SEAM = 0.055, 0.0035
CORNER, UPPER_LIP, LOWER_LIP, POUT, BOW = 0.0055, 0.011, 0.017, 0.006, 0.005
"""How thick lips are at their corners, and how much more in the middle, when rounded; the upper's dip."""
TEETH_HEIGHT = 0.022


def draw_features(canvas: Canvas, palette: Palette, motion: Motion, light: int | torch.Tensor) -> None:
    """Everything that moves in a face but glasses.

    Args:
        light: the side that the light comes from, -1 or 1; or one for each frame, (frames, 1, 1).
    """
    draw_eyes(canvas, palette, motion)
    draw_brows(canvas, palette, motion)
    draw_nose(canvas, palette, light)
    draw_mouth(canvas, palette, motion)


def draw_eyes(canvas: Canvas, palette: Palette, motion: Motion) -> None:
    opening = motion.eye[:, None, None]
    for side in (-1, 1):
        window = canvas.window(side * EYE_X, EYE_Y, 0.115, 0.115)
        x, y = window.x - side * EYE_X, window.y - EYE_Y
        window.paint(0.3 * glow(x, y + 0.005, 0.1, 0.085), palette.shadow)
        u = x / EYE_HALF_WIDTH
        arch, bend = 1 - u * u, -2 * u / EYE_HALF_WIDTH
        lift = LOWER_LID - opening * EYE_HEIGHT
        above_upper = -line_below(y, lift * arch, lift * bend)
        below_lower = line_below(y, LOWER_LID * arch, LOWER_LID * bend)
        within = x.abs() - EYE_HALF_WIDTH
        eye = window.cover(torch.maximum(torch.maximum(above_upper, below_lower), within))
        window.paint(eye, EYE_WHITE)
        window.paint(0.35 * eye * smooth(-above_upper - 0.008, 0.016), palette.shadow)
        _draw_iris(window, eye, x, y - IRIS_Y, palette)
        _draw_lids(window, side * u, above_upper, below_lower, within, palette)


def _draw_iris(window: Window, eye: torch.Tensor, x: torch.Tensor, y: torch.Tensor, palette: Palette) -> None:
    window.paint(eye * window.cover(circle(x, y, IRIS_RADIUS)), 0.5 * palette.eyes)
    window.paint(eye * smooth(circle(x, y, 0.8 * IRIS_RADIUS), 0.012), palette.eyes)
    window.paint(0.5 * eye * glow(x, y - 0.012, 0.022, 0.015), 1 - 0.5 * (1 - palette.eyes))
    window.paint(eye * window.cover(circle(x, y, 0.45 * IRIS_RADIUS)), PUPIL)
    window.paint(eye * window.cover(circle(x + 0.009, y + 0.01, 0.0065)), (1.0, 1.0, 1.0))


def _draw_lids(
    window: Window,
    outward: torch.Tensor,
    above_upper: torch.Tensor,
    below_lower: torch.Tensor,
    within: torch.Tensor,
    palette: Palette,
) -> None:
    """Lashes, thicker towards the outer corners, and the fold of the lid above them."""
    thickness = LASH_THICKNESS * (0.62 + 0.38 * outward.clamp(-1, 1))
    lash = torch.maximum((above_upper - thickness / 2).abs() - thickness / 2, within - 0.004)
    window.paint(window.cover(lash), palette.lashes)
    lower = torch.maximum(below_lower.abs() - 0.0018, within)
    window.paint(0.45 * window.cover(lower), palette.shadow)
    fold = torch.maximum((above_upper - CREASE).abs() - 0.002, within + 0.012)
    window.paint(0.55 * window.cover(fold), palette.shadow)


def draw_brows(canvas: Canvas, palette: Palette, motion: Motion) -> None:
    raised, frown = (curve[:, None, None] for curve in (motion.brow, motion.frown))
    for side in (-1, 1):
        window = canvas.window(side * EYE_X, BROW_Y, 0.1, 0.095)
        outward = side * window.x - EYE_X
        slope = 2 * BROW_BEND * outward - BROW_SLOPE * frown
        curve = BROW_Y - BROW_LIFT * raised + (BROW_BEND * outward - BROW_SLOPE * frown) * outward
        beyond = (outward.abs() - BROW_HALF_WIDTH).clamp(min=0)
        across = line_below(window.y, curve, slope)
        taper = 1 - BROW_TAPER * (0.5 + 0.5 * outward / BROW_HALF_WIDTH).clamp(0, 1)
        window.paint(window.cover((beyond**2 + across**2).sqrt() - BROW_THICKNESS * taper), palette.brows)


def draw_nose(canvas: Canvas, palette: Palette, light: int | torch.Tensor) -> None:
    window = canvas.window(0, 0.035, 0.075, 0.1)
    x, y = window.x, window.y
    window.paint(0.28 * glow(x + 0.026 * light, y - 0.02, 0.02, 0.085), palette.shadow)
    window.paint(0.4 * glow(x, y - 0.015, 0.016, 0.09), palette.gleam)
    window.paint(0.5 * glow(x, y - (NOSE_Y + 0.013), 0.062, 0.024), palette.shadow)
    window.paint(0.55 * glow(x, y - (NOSE_Y - 0.012), 0.024, 0.02), palette.gleam)
    for side in (-1, 1):
        nostril = ellipse(x - 0.0185 * side, y - (NOSE_Y + 0.012), 0.011, 0.0065)
        window.paint(0.8 * window.cover(nostril), 0.62 * palette.shadow)
        wing = (ellipse(x - 0.027 * side, y - (NOSE_Y + 0.004), 0.016, 0.02)).abs() - 0.002
        outside = -(side * x - 0.03)
        window.paint(0.6 * window.cover(torch.maximum(wing, outside)), palette.shadow)


def draw_mouth(canvas: Canvas, palette: Palette, motion: Motion) -> None:
    opening, width, smile = (curve[:, None, None] for curve in (motion.opening, motion.width, motion.smile))
    window = canvas.window(0, MOUTH_Y + 0.01, 0.155, 0.15)
    half_width = MOUTH_HALF_WIDTH + MOUTH_STRETCH * width
    u = (window.x / half_width).clamp(-1, 1)
    arch, bend = 1 - u * u, -2 * u / half_width
    beyond = (window.x.abs() - half_width).clamp(min=0)
    y = window.y - MOUTH_Y + 0.5 * SMILE_HEIGHT * smile
    height = MOUTH_HEIGHT * opening + SEAM
    upper = SMILE_HEIGHT * smile - UPPER_SHARE * height
    lower = upper + height
    above, below = -line_below(y, upper * arch, upper * bend), line_below(y, lower * arch, lower * bend)
    pout = POUT * (-width).clamp(min=0) * arch
    dip = BOW * (1 - (window.x / 0.024) ** 2).clamp(min=0)
    upper_lip, lower_lip = CORNER + UPPER_LIP * arch + pout - dip, CORNER + LOWER_LIP * arch + pout
    outside = torch.maximum(above - upper_lip, below - lower_lip) + CORNER
    rounded = (beyond**2 + outside.clamp(min=0) ** 2).sqrt()
    window.paint(0.3 * glow(window.x, y - lower - 0.042, 0.06, 0.022), palette.shadow)
    lips = window.cover(torch.where(beyond > 0, rounded, outside) - CORNER)
    window.paint(lips, palette.lips)
    window.paint(lips * window.cover(y - 0.5 * (upper + lower) * arch), palette.upper_lip)
    window.paint(0.35 * lips * glow(window.x, y - lower - 0.011, 0.045, 0.009), palette.gleam)
    inside = window.cover(torch.maximum(above, below) + beyond)
    window.paint(inside, INSIDE)
    tongue = ellipse(window.x, y - lower - 0.008, 0.62 * MOUTH_HALF_WIDTH, 0.038)
    window.paint(inside * smooth(tongue, 0.012), TONGUE)
    teeth = torch.maximum(y - upper * arch - TEETH_HEIGHT * arch, window.x.abs() - 0.8 * half_width)
    window.paint(inside * (5 * opening).clamp(max=0.95) * window.cover(teeth), TEETH)


def draw_glasses(canvas: Canvas) -> None:
    for side in (-1, 1):
        window = canvas.window(side * EYE_X, EYE_Y, 0.1, 0.09)
        x, y = window.x - side * EYE_X, window.y - EYE_Y
        window.paint(0.1 * glow(x + 0.03, y + 0.03, 0.05, 0.05), (1.0, 1.0, 1.0))
        rim = ellipse(x, y, RIM_HALF_WIDTH, RIM_HALF_HEIGHT).abs() - RIM_THICKNESS
        window.paint(window.cover(rim), RIM)
    bridge = canvas.window(0, EYE_Y, 0.045, 0.02)
    inner = EYE_X - RIM_HALF_WIDTH
    shape = torch.maximum((bridge.y - EYE_Y + 0.012).abs() - 0.004, bridge.x.abs() - inner)
    bridge.paint(bridge.cover(shape), RIM)
