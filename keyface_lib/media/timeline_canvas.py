"""A canvas whose horizontal axis is time, measured in pixels of the finished picture."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SCALE = 3
"""Everything is drawn this much larger and then reduced, for smooth lines."""
GROUND, GRID, FAINT = "#1b1b1f", "#ffffff12", "#94949f"
_STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200]


@dataclass(frozen=True)
class Axis:
    """Where seconds lie between two columns of the picture."""

    left: float
    right: float
    seconds: float

    def x(self, seconds: float) -> float:
        return self.left + (self.right - self.left) * min(seconds / self.seconds, 1)


class Canvas:
    """Draws in coordinates of the finished picture."""

    def __init__(self, axis: Axis, width: int, height: int):
        self.axis = axis
        self.image = Image.new("RGB", (SCALE * width, SCALE * height), GROUND)
        self._draw = ImageDraw.Draw(self.image, "RGBA")

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        # Pillow fills up to and including the last pixel.
        x0, y0, x1, y1 = (round(SCALE * side) for side in (left, top, right, bottom))
        self._draw.rectangle([x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)], fill=colour)

    def polygon(self, points: Iterable[tuple[float, float]], colour: str) -> None:
        self._draw.polygon([(SCALE * x, SCALE * y) for x, y in points], fill=colour)

    def line(self, points: Iterable[tuple[float, float]], colour: str, width: float = 1) -> None:
        scaled = [(SCALE * x, SCALE * y) for x, y in points]
        self._draw.line(scaled, fill=colour, width=round(SCALE * width), joint="curve")

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        self._draw.circle((SCALE * x, SCALE * y), SCALE * radius, fill=colour)

    def text(self, x: float, y: float, text: str, colour: str, anchor: str = "lm", size: int = 12) -> None:
        self._draw.text((SCALE * x, SCALE * y), text, fill=colour, font=_font(size), anchor=anchor)

    def paste(self, picture: Image.Image, x: float, y: float, width: float, height: float) -> None:
        size = round(SCALE * width), round(SCALE * height)
        self.image.paste(picture.resize(size, Image.BICUBIC), (round(SCALE * x), round(SCALE * y)))


def draw_axis(canvas: Canvas, top: float, bottom: float, right: float) -> None:
    """Lines from `top` to `bottom` at round times; below them the times, none of them beyond `right`."""
    axis = canvas.axis
    per_second = (axis.right - axis.left) / axis.seconds
    step = next((step for step in _STEPS if step * per_second >= _room(axis.seconds, step)), axis.seconds)
    for second in np.arange(0, axis.seconds + step / 1000, step):
        x, label = axis.x(second), _clock(second, axis.seconds, step)
        canvas.line([(x, top), (x, bottom)], GRID)
        canvas.text(min(x, right - text_width(label) / 2), bottom + 15, label, FAINT, "mm")


def _room(seconds: float, step: float) -> float:
    return text_width(_clock(seconds, seconds, step)) + 24


def _clock(seconds: float, longest: float, step: float) -> str:
    """0.5 s, and in clips from a minute on 0:12 or 1:00:05; decimals where the step needs them."""
    decimals = 2 if step < 0.1 else 1 if step < 1 else 0
    if longest < 60:
        return f"{seconds:.{decimals}f} s"
    minutes, rest = divmod(round(seconds, decimals), 60)
    hours, minutes = divmod(int(minutes), 60)
    rest = f"{rest:0{decimals + 3 if decimals else 2}.{decimals}f}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


def text_width(text: str) -> float:
    return _font(12).getlength(text) / SCALE


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(SCALE * size)
