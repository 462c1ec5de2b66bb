"""Few points that say the same as a value for every frame."""

from itertools import pairwise

import numpy as np
import torch

from ..errors import KeyFaceError
from ..method.emotion import EmotionCurve, Point
from ..method.emotion_text import MAX_POINTS
from ..method.timeline import FPS

DIGITS = 3
"""Values are rounded to this many decimals, times lie on frames."""


def simplified(values: torch.Tensor, tolerance: float) -> tuple[Point, ...]:
    """Points of a smooth lane of an emotion curve that is off by at most the tolerance at every frame.

    As in D. H. Douglas and T. K. Peucker, Algorithms for the reduction of the number of points, 1973, the
    ends are kept and a piece that is off by too much gets a point where it is off most; pieces are those of
    the curve itself, not straight ones. Points without which it fits as well are then left out.

    Args:
        values: (frames,) in [-1, 1] at 25 fps.
        tolerance: one of `options.TOLERANCES`.

    Raises:
        KeyFaceError: it would have more points than a curve may have.
    """
    truth = values.double().numpy()
    middle = (truth.min() + truth.max()) / 2
    if truth.max() - truth.min() <= 2 * (tolerance - 10.0**-DIGITS):
        return (Point(0.0, round(float(middle), DIGITS)),)
    kept = np.array([0, len(truth) - 1])
    while True:
        off = np.abs(_drawn(kept, truth) - truth)
        worst = [first + int(off[first : last + 1].argmax()) for first, last in pairwise(kept.tolist())]
        added = [frame for frame in worst if off[frame] > tolerance]
        if not added:
            break
        kept = np.union1d(kept, added)
    kept = _without_needless(kept, truth, tolerance)
    if len(kept) > MAX_POINTS:
        raise KeyFaceError(
            f"the curve would have more than {MAX_POINTS} points; smooth more, or allow a larger tolerance"
        )
    return tuple(_points(kept, truth))


def _without_needless(kept: np.ndarray, truth: np.ndarray, tolerance: float) -> np.ndarray:
    """Leaves out every point without which the curve is within the tolerance, one after the other."""
    place = 1
    while place < len(kept) - 1:
        # A point changes the curve up to its second neighbours; three more fix the slopes there.
        first, last = max(0, place - 5), min(len(kept), place + 6)
        near = np.delete(kept[first:last], place - first)
        inner = slice(
            kept[max(0, place - 2)] - kept[first], kept[min(len(kept) - 1, place + 2)] - kept[first] + 1
        )
        piece = truth[kept[first] : kept[last - 1] + 1]
        off = np.abs(_drawn(near - kept[first], piece) - piece)[inner]
        if off.max() <= tolerance:
            kept = np.delete(kept, place)
        else:
            place += 1
    return kept


def _points(frames: np.ndarray, truth: np.ndarray) -> list[Point]:
    return [Point(int(frame) / FPS, round(float(truth[frame]), DIGITS)) for frame in frames]


def _drawn(frames: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The smooth curve through the values at some frames, at every frame."""
    curve = EmotionCurve(valence=tuple(_points(frames, truth)))
    return curve.sample(torch.arange(len(truth), dtype=torch.float64) / FPS)[0].numpy()
