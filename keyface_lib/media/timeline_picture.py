"""A clip's timeline as a picture: sound, feeling and keyframes along one axis of seconds."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from ..audio.vocalizations import Vocalization
from ..emotion import EmotionCurve, nearest_state
from ..timeline import FPS, KEYFRAMES_PER_WINDOW, Timeline

SCALE = 2
"""Everything is drawn this much larger and then reduced, for smooth lines."""
MARGIN, LABELS, GAP = 16, 72, 10
WAVEFORM, FEELING, LANE, KEYFRAMES, AXIS = 84, 22, 84, 30, 26
SILENCE = 0.01
"""Frames whose samples all stay below this part of full scale count as silent."""

GROUND, PANEL, GRID = "#1b1b1f", "#232329", "#3a3a44"
TEXT, FAINT = "#c9c9d2", "#85858f"
SOUND, QUIET, FOUND = "#6fb1e0", "#2c2c34", "#c98bdb"
VALENCE, AROUSAL, TICK, EVEN_TICK = "#7fcf9b", "#e8a15c", "#e6e6ee", "#9a9aa6"
_STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200]


def draw_timeline(
    n_frames: int,
    peaks: torch.Tensor | None = None,
    curve: EmotionCurve | None = None,
    vocalizations: Iterable[Vocalization] = (),
    keyframes: torch.Tensor | None = None,
    width: int = 1200,
) -> Image.Image:
    """Draws what is known of a clip, one lane below the other.

    Args:
        n_frames: of the clip at 25 fps.
        peaks: (n_frames, 2), see `audio.peaks.peaks_of`; silence is shaded.
        curve: adds a lane for valence and one for arousal, with the nearest named feelings above them.
        vocalizations: marked over the waveform.
        keyframes: (k, h, w, 3) uint8 pictures of all keyframes, as many of which are shown as fit.
        width: of the picture in pixels; the height follows from the lanes.
    """
    timeline = Timeline(n_frames)
    heights = [WAVEFORM] if peaks is not None else []
    heights += [FEELING, LANE, LANE] if curve is not None else []
    thumbnail = 56 if keyframes is not None else 0
    heights += [KEYFRAMES + thumbnail]
    height = 2 * MARGIN + sum(heights) + GAP * (len(heights) - 1) + AXIS
    picture = _Picture(width, height, n_frames / FPS)
    step = picture.draw_grid(MARGIN, height - MARGIN - AXIS)
    tops = iter(MARGIN + sum(heights[:lane]) + GAP * lane for lane in range(len(heights)))
    if peaks is not None:
        _draw_sound(picture, next(tops), peaks, vocalizations)
    if curve is not None:
        _draw_emotion(picture, [next(tops) for _ in range(3)], curve)
    _draw_keyframes(picture, next(tops), timeline, keyframes, thumbnail)
    picture.draw_axis(height - MARGIN - AXIS, step)
    return picture.image.resize((width, height), Image.LANCZOS)


class _Picture:
    """A canvas whose horizontal axis is time; coordinates are those of the finished picture."""

    def __init__(self, width: int, height: int, seconds: float):
        self.image = Image.new("RGB", (SCALE * width, SCALE * height), GROUND)
        self._draw = ImageDraw.Draw(self.image)
        self._font = ImageFont.load_default(SCALE * 12)
        self.left, self.right = MARGIN + LABELS, width - MARGIN
        self.seconds = seconds

    def x(self, seconds: float) -> float:
        return self.left + (self.right - self.left) * min(seconds / self.seconds, 1)

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        self._draw.rectangle([SCALE * left, SCALE * top, SCALE * right, SCALE * bottom], fill=colour)

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1) -> None:
        scaled = [(SCALE * x, SCALE * y) for x, y in points]
        self._draw.line(scaled, fill=colour, width=round(SCALE * width), joint="curve")

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        self._draw.circle((SCALE * x, SCALE * y), SCALE * radius, fill=colour)

    def text(self, x: float, y: float, text: str, colour: str = TEXT, anchor: str = "lm") -> None:
        self._draw.text((SCALE * x, SCALE * y), text, fill=colour, font=self._font, anchor=anchor)

    def text_width(self, text: str) -> float:
        return self._font.getlength(text) / SCALE

    def lane(self, top: float, height: float, name: str, colour: str = TEXT) -> None:
        self.box(self.left, top, self.right, top + height, PANEL)
        self.text(MARGIN, top + height / 2, name, colour)

    def draw_grid(self, top: float, bottom: float) -> float:
        """Lines at round times, between which a label has room; returns the seconds between them."""
        room = self.text_width(_clock(self.seconds, 0.1)) + 24
        per_second = (self.right - self.left) / self.seconds
        step = next((step for step in _STEPS if step * per_second >= room), self.seconds)
        for second in np.arange(0, self.seconds + 1e-9, step):
            self.line([(self.x(second), top), (self.x(second), bottom)], GRID)
        return step

    def draw_axis(self, top: float, step: float) -> None:
        for second in np.arange(0, self.seconds + 1e-9, step):
            self.text(self.x(second), top + AXIS / 2 + 4, _clock(second, step), FAINT, "mm")


def _draw_sound(
    picture: _Picture, top: float, peaks: torch.Tensor, vocalizations: Iterable[Vocalization]
) -> None:
    picture.lane(top, WAVEFORM, "sound")
    middle, half = top + WAVEFORM / 2, WAVEFORM / 2 - 6
    columns = round(SCALE * (picture.right - picture.left))
    loudest = max(float(peaks.abs().max()), SILENCE)
    # Several frames may share a column, or several columns a frame.
    edges = np.linspace(0, len(peaks), columns + 1)
    for column in range(columns):
        first, last = int(edges[column]), max(int(edges[column]) + 1, int(np.ceil(edges[column + 1])))
        part = peaks[first:last]
        x = picture.left + column / SCALE
        if float(part.abs().max()) < SILENCE:
            picture.box(x, top, x + 1 / SCALE, top + WAVEFORM, QUIET)
        low, high = float(part[:, 0].min()) / loudest, float(part[:, 1].max()) / loudest
        picture.box(x, middle - half * high, x + 1 / SCALE, middle - half * low, SOUND)
    free = picture.left
    for found in vocalizations:
        start, end = picture.x(found.start_s), picture.x(found.end_s)
        picture.box(start, top, max(end, start + 2), top + 4, FOUND)
        if start >= free:
            picture.text(start, top + 13, found.label, FOUND)
            free = start + picture.text_width(found.label) + 8


def _draw_emotion(picture: _Picture, tops: list[float], curve: EmotionCurve) -> None:
    seconds = torch.linspace(0, picture.seconds, round(picture.right - picture.left))
    values = curve.sample(seconds)
    lanes = (("valence", tops[1], VALENCE, curve.valence), ("arousal", tops[2], AROUSAL, curve.arousal))
    for (name, lane, colour, points), value in zip(lanes, values, strict=True):
        picture.lane(lane, LANE, name, colour)
        middle, half = lane + LANE / 2, LANE / 2 - 8
        picture.line([(picture.left, middle), (picture.right, middle)], GRID)
        xs = [picture.x(float(second)) for second in seconds]
        ys = [middle - half * float(v) for v in value]
        picture.line(list(zip(xs, ys, strict=True)), colour, 2)
        for point in points:
            if point.seconds <= picture.seconds and len(points) <= 200:
                picture.dot(picture.x(point.seconds), middle - half * point.value, 4, colour)
    picture.lane(tops[0], FEELING, "feeling")
    _name_feelings(picture, tops[0] + FEELING / 2, seconds, *values)


def _name_feelings(picture: _Picture, y: float, seconds, valence, arousal) -> None:
    """Writes the nearest named feeling where it changes and there is room."""
    before, free = None, picture.left
    for second, v, a in zip(seconds.tolist(), valence.tolist(), arousal.tolist(), strict=True):
        name = nearest_state(v, a)
        x = picture.x(second) + 4
        width = picture.text_width(name)
        if name != before and x >= free and x + width <= picture.right:
            picture.text(x, y, name, FAINT)
            free, before = x + width + 8, name


def _draw_keyframes(
    picture: _Picture, top: float, timeline: Timeline, keyframes: torch.Tensor | None, thumbnail: int
) -> None:
    picture.lane(top, KEYFRAMES + thumbnail, "keyframes")
    free = picture.left
    for index, frame in enumerate(timeline.keyframe_frames().tolist()):
        x = picture.x(frame / FPS)
        colour = TICK if index // KEYFRAMES_PER_WINDOW % 2 == 0 else EVEN_TICK
        picture.line([(x, top + thumbnail + 5), (x, top + thumbnail + KEYFRAMES - 5)], colour, 1.5)
        left = min(x, picture.right - thumbnail)
        if keyframes is not None and left >= free:
            small = Image.fromarray(keyframes[index].numpy()).resize(
                (SCALE * (thumbnail - 4),) * 2, Image.BICUBIC
            )
            picture.image.paste(small, (round(SCALE * (left + 2)), round(SCALE * (top + 4))))
            free = left + thumbnail


def _clock(seconds: float, step: float) -> str:
    """0.5, 12, 1:05 or 1:00:05."""
    if seconds < 60:
        return f"{seconds:.{2 if step < 0.1 else 1 if step < 1 else 0}f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
