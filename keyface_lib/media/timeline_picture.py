"""A clip's timeline as a picture: sound, feeling and keyframes along one axis of seconds."""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
import torch
from PIL import Image

from ..audio.vocalizations import Vocalization
from ..errors import KeyFaceError
from ..method.emotion import EmotionCurve, Point, nearest_state
from ..method.timeline import FPS, Timeline
from .timeline_canvas import FAINT, SCALE, Axis, Canvas, draw_axis, text_width

MARGIN, NAMES, GAP, AXIS = 16, 72, 8, 26
SOUND_HEIGHT, LABEL_ROW, FEELING_HEIGHT, CURVE_HEIGHT, TICKS_HEIGHT, THUMBNAIL = 84, 17, 24, 78, 32, 60
ABOVE, BELOW = 4, TICKS_HEIGHT - 2
"""Of a lane with thumbnails, what lies above and below them."""
LABEL_ROWS = 3
"""Rows at most for the names of vocalizations that lie close together."""
SILENCE = 0.01
"""Frames whose samples all stay below this part of full scale count as silent."""
PAUSE_FRAMES = 5
"""Silence is shaded from this length on: between words, not inside them."""
MIN_WIDTH, MIN_STRETCH = 240, 0.75

PANEL, QUIET, ZERO, TEXT = "#26262d", "#18181c", "#ffffff30", "#d0d0d8"
SOUND, FOUND, TICK, WINDOWS = "#6fb1e0", "#c98bdb", "#e6e6ee", ("#7d92b8", "#b0895c")
VALENCE, AROUSAL = "#7fcf9b", "#e8a15c"
KEPT, SHADE = AROUSAL, "#000000a0"


def draw_timeline(
    n_frames: int,
    peaks: torch.Tensor | None = None,
    curve: EmotionCurve | None = None,
    vocalizations: Iterable[Vocalization] = (),
    keyframes: torch.Tensor | None = None,
    width: int = 1200,
    height: int | None = None,
    kept: Collection[int] = (),
) -> Image.Image:
    """Draws what is known of a clip, one lane below the other.

    Args:
        n_frames: of the clip at 25 fps, at least 1.
        peaks: (n_frames, 2) in [-1, 1], see `audio.peaks.peaks_of`; adds the waveform, drawn relative to its
            loudest frame, with its pauses shaded.
        curve: adds a lane for valence and one for arousal, and names the nearest feelings where they begin.
        vocalizations: marked in the lane of the waveform and named above it where there is room.
        keyframes: (k, h, w, 3) uint8 pictures of all keyframes, as many of which are shown, with their
            numbers, as fit.
        kept: numbers of keyframes whose pictures get a frame.
        width, height: of the picture in pixels; the lanes share a height, or have their own without one.

    Returns:
        An RGB picture.

    Raises:
        KeyFaceError: peaks or keyframes of another clip, or a size without room for the lanes.
    """
    timeline = Timeline(n_frames)
    _check(timeline, peaks, keyframes, width)
    axis = _axis(n_frames, width)
    found = [sound for sound in vocalizations if sound.start_s < axis.seconds]
    lanes = []
    if found:
        labels = _labels(axis, found)
        rows = 1 + max((row for _, _, row, _ in labels), default=0)
        lanes.append(_Lane("found", LABEL_ROW * rows, partial(_draw_labels, labels=labels, rows=rows), FOUND))
    if peaks is not None or found:
        lanes.append(_Lane("sound", SOUND_HEIGHT, partial(_draw_sound, peaks=peaks, found=found), SOUND))
    if curve is not None:
        valence, arousal = (
            _Lane(name, CURVE_HEIGHT, partial(_draw_curve, curve=curve, name=name, colour=colour), colour)
            for name, colour in (("valence", VALENCE), ("arousal", AROUSAL))
        )
        lanes += [_Lane("feeling", FEELING_HEIGHT, partial(_draw_feelings, curve=curve)), valence, arousal]
    draw_keyframes = partial(_draw_keyframes, timeline=timeline, pictures=keyframes, kept=kept)
    lanes.append(_Lane("keyframes", TICKS_HEIGHT + (keyframes is not None) * THUMBNAIL, draw_keyframes))
    return _draw_lanes(axis, lanes, width, height)


def thumbnails_shown(n_frames: int, width: int, aspect: float = 1.0) -> list[int]:
    """The keyframes of whose pictures, that many times as wide as high, a timeline of that width shows."""
    axis = _axis(n_frames, width)
    frames = Timeline(n_frames).keyframe_frames().tolist()
    columns = [axis.x(frame / FPS) for frame in frames]
    return [*_places(axis, columns, aspect * (TICKS_HEIGHT + THUMBNAIL - ABOVE - BELOW))]


def _axis(n_frames: int, width: int) -> Axis:
    return Axis(MARGIN + NAMES, width - MARGIN, n_frames / FPS)


@dataclass(frozen=True)
class _Lane:
    """A row of the picture; `draw` is given the canvas and the rows between which it lies."""

    name: str
    height: float
    draw: Callable[[Canvas, float, float], None]
    colour: str = TEXT


def _check(
    timeline: Timeline, peaks: torch.Tensor | None, keyframes: torch.Tensor | None, width: int
) -> None:
    if peaks is not None and peaks.shape != (timeline.n_frames, 2):
        raise KeyFaceError(
            f"peaks of shape {tuple(peaks.shape)} do not belong to a clip of {timeline.n_frames} frames; "
            "give the lowest and the highest sample of every frame"
        )
    if keyframes is not None and len(keyframes) != timeline.n_keyframes:
        raise KeyFaceError(
            f"{len(keyframes)} keyframe pictures do not belong to a clip of {timeline.n_frames} frames; "
            f"give all {timeline.n_keyframes} of its keyframes"
        )
    if width < MIN_WIDTH:
        raise KeyFaceError(
            f"a timeline {width} pixels wide has no room for its lanes; give {MIN_WIDTH} or more"
        )


def _draw_lanes(axis: Axis, lanes: Sequence[_Lane], width: int, height: int | None) -> Image.Image:
    natural = sum(lane.height for lane in lanes)
    around = 2 * MARGIN + GAP * (len(lanes) - 1) + AXIS
    stretch = 1 if height is None else (height - around) / natural
    if stretch < MIN_STRETCH:
        least = math.ceil(around + MIN_STRETCH * natural)
        raise KeyFaceError(
            f"a timeline {height} pixels high has no room for {len(lanes)} lanes; give {least} or more"
        )
    height = height or around + natural
    canvas = Canvas(axis, width, height)
    tops, top = [], MARGIN
    for lane in lanes:
        canvas.box(axis.left, top, axis.right, top + stretch * lane.height, PANEL)
        canvas.text(MARGIN, top + stretch * lane.height / 2, lane.name, lane.colour)
        tops.append(top)
        top += stretch * lane.height + GAP
    draw_axis(canvas, MARGIN, height - MARGIN - AXIS, width - 6)
    for lane, top in zip(lanes, tops, strict=True):
        lane.draw(canvas, top, top + stretch * lane.height)
    return canvas.image.resize((width, height), Image.BOX)


def _draw_sound(
    canvas: Canvas, top: float, bottom: float, peaks: torch.Tensor | None, found: Sequence[Vocalization]
) -> None:
    axis = canvas.axis
    if peaks is not None:
        _draw_waveform(canvas, top, bottom, peaks.float().cpu().numpy())
    for sound in found:
        start = axis.x(sound.start_s)
        end = max(axis.x(sound.end_s), start + 2)
        canvas.box(start, top, end, bottom, FOUND + "30")
        canvas.box(start, top, end, top + 3, FOUND)


def _draw_waveform(canvas: Canvas, top: float, bottom: float, peaks: np.ndarray) -> None:
    axis, n_frames = canvas.axis, len(peaks)
    quiet = np.abs(peaks).max(axis=1) < SILENCE
    for start, stop in _runs(quiet):
        left, right = axis.x(start / FPS), axis.x(stop / FPS)
        if stop - start >= min(PAUSE_FRAMES, n_frames) and right - left >= 1 / SCALE:
            canvas.box(left, top, right, bottom, QUIET)
    # In a long clip several frames share a column.
    columns = min(n_frames, round(SCALE * (axis.right - axis.left)))
    edges = np.linspace(0, n_frames, columns + 1)
    first = edges[:-1].astype(int)
    low, high = np.minimum.reduceat(peaks[:, 0], first), np.maximum.reduceat(peaks[:, 1], first)
    middle, half = (top + bottom) / 2, (bottom - top) / 2 - 6
    per_unit = half / max(float(np.abs(peaks).max()), SILENCE)
    x = [axis.left, *(axis.x(frame / FPS) for frame in (edges[:-1] + edges[1:]) / 2), axis.right]
    upper = middle - per_unit * np.pad(high, 1, "edge") - 0.5
    lower = middle - per_unit * np.pad(low, 1, "edge") + 0.5
    canvas.polygon([*zip(x, upper, strict=True), *zip(x[::-1], lower[::-1], strict=True)], SOUND)


def _labels(axis: Axis, found: Sequence[Vocalization]) -> list[tuple[float, float, int, str]]:
    """(column of the sound, column of its name, row, name) of those names that have room.

    A thin line leads from each name down to its sound, so all rows below a name must be free there too.
    """
    free, labels = [axis.left] * LABEL_ROWS, []
    for sound in sorted(found, key=lambda sound: (sound.start_s, -sound.score)):
        x, width = axis.x(sound.start_s), text_width(sound.label) + 10
        left = min(x, axis.right - width)
        row = next((row for row in range(LABEL_ROWS) if left >= max(free[row:])), None)
        if row is not None:
            labels.append((x, left, row, sound.label))
            free[row] = left + width
            free[row + 1 :] = (max(x, end) for end in free[row + 1 :])
    return labels


def _draw_labels(
    canvas: Canvas, top: float, bottom: float, labels: Sequence[tuple[float, float, int, str]], rows: int
) -> None:
    height = (bottom - top) / rows
    for x, left, row, label in labels:
        start = top + height * row
        canvas.line([(x, start if x == left else start + height - 1), (x, bottom + GAP)], FOUND + "90")
        canvas.text(left + 5, start + height / 2, label, FOUND)


def _draw_curve(
    canvas: Canvas, top: float, bottom: float, curve: EmotionCurve, name: str, colour: str
) -> None:
    axis = canvas.axis
    middle, half = (top + bottom) / 2, (bottom - top) / 2 - 8

    def y(value: float) -> float:
        return middle - half * value

    seconds, values = _sampled(axis, curve)
    way = [(axis.x(s), y(value)) for s, value in zip(seconds, values[name], strict=True)]
    canvas.polygon([(axis.left, middle), *way, (axis.right, middle)], colour + "24")
    canvas.line([(axis.left, middle), (axis.right, middle)], ZERO)
    canvas.line(way, colour, 2)
    for value, label in ((1, "1"), (0, "0"), (-1, "-1")):
        canvas.text(axis.left - 6, y(value), label, FAINT, "rm", 10)
    points: Sequence[Point] = getattr(curve, name)
    if len(points) * 8 <= axis.right - axis.left:
        for point in points:
            if point.seconds <= axis.seconds:
                canvas.dot(axis.x(point.seconds), y(point.value), 4, colour)


def _draw_feelings(canvas: Canvas, top: float, bottom: float, curve: EmotionCurve) -> None:
    """Names the nearest feelings where they begin; of those too close together the longest lasting."""
    axis = canvas.axis
    seconds, values = _sampled(axis, curve)
    feelings = zip(seconds, map(nearest_state, values["valence"], values["arousal"]), strict=True)
    stretches = []
    for name, stretch in groupby(feelings, key=lambda feeling: feeling[1]):
        columns = [axis.x(second) for second, _ in stretch]
        stretches.append((columns[-1] - columns[0], columns[0], name))
    taken: list[tuple[float, float]] = []
    for _, left, name in sorted(stretches, reverse=True):
        right = left + text_width(name) + 10
        if right <= axis.right and all(right <= start or stop <= left for start, stop in taken):
            taken.append((left, right))
            canvas.line([(left, top), (left, bottom)], ZERO)
            canvas.text(left + 5, (top + bottom) / 2, name, TEXT)


def _draw_keyframes(
    canvas: Canvas,
    top: float,
    bottom: float,
    timeline: Timeline,
    pictures: torch.Tensor | None,
    kept: Collection[int],
) -> None:
    """A mark for every keyframe and a bracket for every window, each only where they can be told apart."""
    axis = canvas.axis
    columns = [axis.x(frame / FPS) for frame in timeline.keyframe_frames().tolist()]
    per_keyframe = (axis.right - axis.left) / timeline.n_keyframes
    per_window = (axis.right - axis.left) / timeline.n_windows
    ticks, brackets = bottom - TICKS_HEIGHT + 6, bottom - 10
    if pictures is not None:
        _draw_thumbnails(canvas, top + ABOVE, bottom - BELOW, columns, pictures, kept)
    if per_keyframe >= 3:
        for x in columns:
            canvas.line([(x, ticks), (x, brackets - 3)], TICK, 1.5)
    if per_window < 4:
        canvas.box(axis.left, brackets - 4, axis.right, brackets + 4, ZERO)
        return
    for window in range(timeline.n_windows):
        own, colour = timeline.keyframes_of_window(window), WINDOWS[window % 2]
        left, right = columns[own[0]] - 1, columns[own[-1]] + 1
        if per_keyframe >= 3:
            corners = [(left, brackets), (left, brackets + 4), (right, brackets + 4), (right, brackets)]
            canvas.line(corners, colour, 1.5)
        else:
            canvas.box(left, brackets - 4, right, brackets + 4, colour)


def _draw_thumbnails(
    canvas: Canvas,
    top: float,
    bottom: float,
    columns: Sequence[float],
    pictures: torch.Tensor,
    kept: Collection[int],
) -> None:
    height = bottom - top
    width = height * pictures.shape[2] / pictures.shape[1]
    for number, left in _places(canvas.axis, columns, width).items():
        canvas.paste(Image.fromarray(pictures[number].cpu().numpy()), left, top, width, height)
        name = str(number)
        canvas.box(left, top, left + text_width(name) + 4, top + 13, SHADE)
        canvas.text(left + 2, top + 7, name, TEXT)
        if number in kept:
            right = left + width
            corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
            canvas.line(corners, KEPT, 2)


def _places(axis: Axis, columns: Sequence[float], width: float) -> dict[int, float]:
    """The left edges of those thumbnails that have room, by number of their column."""
    free, places = axis.left, {}
    for number, x in enumerate(columns):
        left = min(x, axis.right - width)
        if left >= free:
            places[number] = left
            free = left + width + 4
    return places


def _sampled(axis: Axis, curve: EmotionCurve) -> tuple[list[float], dict[str, list[float]]]:
    """Times of all columns of the picture, and the curve at them."""
    seconds = torch.linspace(0, axis.seconds, round(axis.right - axis.left), dtype=torch.float64)
    valence, arousal = curve.sample(seconds)
    return seconds.tolist(), {"valence": valence.tolist(), "arousal": arousal.tolist()}


def _runs(hits: np.ndarray) -> list[tuple[int, int]]:
    """(first, past the last) of every run of True in (n,) bool."""
    edges = np.flatnonzero(np.diff(hits.astype(np.int8), prepend=0, append=0)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
