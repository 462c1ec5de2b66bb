"""Pictures of any rate, a variable one too, as a viewer sees them at 25 a second."""

import math
from collections.abc import Iterable, Iterator
from typing import TypeVar

from ..method.timeline import FPS

LONGEST_GAP = 60.0
"""Seconds from which on a jump between two frames is a clock that was set anew."""
EARLY = 0.001
"""Seconds by which a frame may come too late for its time: Matroska rounds times to milliseconds."""

T = TypeVar("T")


def at_25_fps(shown: Iterable[tuple[float, float, T]]) -> Iterator[tuple[T, int]]:
    """What is shown at 25 frames a second: frame i is the last picture that began by i / 25 s.

    Args:
        shown: (second at which it begins, seconds that it lasts, picture), the first at 0, in order of time.

    Yields:
        Pictures that are shown at all, and for how many frames. Together they are as many frames as the end
        of the last picture is away, but at least one.
    """
    done, end, pending = 0, 0.0, None
    for start, length, picture in shown:
        first = math.ceil((start - EARLY) * FPS)
        if pending is not None and first > done:
            yield pending[0], first - done
            done = first
        pending, end = (picture,), start + length
    if pending is not None and (left := max(round(end * FPS), 1) - done) > 0:
        yield pending[0], left


def first_of(shown: Iterable[tuple[T, int]], number: int) -> Iterator[tuple[T, int]]:
    """So many frames of what `at_25_fps` yields, or all where they are fewer."""
    for picture, times in shown:
        yield picture, min(times, number)
        number -= times
        if number <= 0:
            return
