"""Which keyframes are meant, as text: numbers from 0 on and seconds, "3, 7-9" or "4.2s, 6s-7s"."""

import math
import re
from dataclasses import dataclass

from ..errors import KeyFaceError
from ..messages import shown
from .timeline import FPS, KEYFRAME_STEP

ALL = "all"
STEP_S = KEYFRAME_STEP / FPS
"""Seconds from one keyframe to the next."""

_NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)(s?)"
"""Of no more digits than any clip needs: longer ones are infinite as floats."""
_ITEM = re.compile(f"{_NUMBER}(?:-{_NUMBER})?", re.ASCII)
_HOW = "write numbers and seconds such as '3, 7-9' or '4.2s, 6s-7s', or 'all'"


@dataclass(frozen=True)
class Span:
    """Keyframes between two places, both included.

    Attributes:
        first, last: keyframe numbers, or seconds.
        seconds: whether they are seconds; of one place alone the nearest keyframe is meant.
    """

    first: float
    last: float
    seconds: bool

    def numbers(self, n_keyframes: int) -> range:
        """The keyframes meant, of a clip with so many.

        Raises:
            KeyFaceError: the clip has none there.
        """
        first, last = self.first, self.last
        if self.seconds and first == last:
            first = last = math.floor(first / STEP_S + 0.5)
        elif self.seconds:  # rounded, lest 1.56 s lie behind the keyframe at 1.56 s
            first, last = math.ceil(round(first / STEP_S, 6)), math.floor(round(last / STEP_S, 6))
        if first > last:
            raise KeyFaceError(
                f"no keyframe lies between {self.first:g} s and {self.last:g} s: they are {STEP_S:g} s "
                "apart; name a longer time, or one moment for the keyframe nearest to it"
            )
        if last >= n_keyframes:
            raise KeyFaceError(
                f"there is no keyframe {last:g}: the {n_keyframes} keyframes are 0 to {n_keyframes - 1}, the "
                f"last at about {(n_keyframes - 1) * STEP_S:.2f} s; choose among those"
            )
        return range(int(first), int(last) + 1)


def parse_choice(text: str) -> list[Span]:
    """The spans that a text names; none of an empty one.

    Commas, semicolons and spaces separate them.

    Raises:
        KeyFaceError: something in it is no keyframe, or ends before it begins.
    """
    text = re.sub(r"\s*[-–]\s*", "-", text.strip().lower())
    text = re.sub(r"(?<=\d)\s+(?=s\b)", "", text)
    return [_span(item) for item in re.split(r"[\s,;，、]+", text) if item]


def chosen_keyframes(text: str, n_keyframes: int) -> set[int]:
    """The numbers of the keyframes that a text names, of a clip with so many.

    Raises:
        KeyFaceError: it cannot be read, or names keyframes that the clip has not.
    """
    if text.strip().lower() == ALL:
        return set(range(n_keyframes))
    return {number for span in parse_choice(text) for number in span.numbers(n_keyframes)}


def _span(item: str) -> Span:
    found = _ITEM.fullmatch(item)
    if found is None:
        raise KeyFaceError(f"{shown(item)} names no keyframe; {_HOW}")
    first, last = found[1], found[3] or found[1]
    seconds = bool(found[2] or found[4])
    if not seconds and "." in first + last:
        raise KeyFaceError(f"{shown(item)} is no whole number of a keyframe; for seconds write '{item}s'")
    if float(last) < float(first):
        raise KeyFaceError(f"{shown(item)} ends before it begins; write the smaller one first")
    return Span(float(first), float(last), seconds)
