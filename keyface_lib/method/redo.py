"""A passage that is made again with another seed while the rest of a clip stays."""

import math
import re
from dataclasses import dataclass

from ..errors import KeyFaceError
from ..messages import shown
from .timeline import FPS, KEYFRAME_STEP, Timeline

_SPAN = re.compile(r"(\d+(?:\.\d*)?)s?-(\d+(?:\.\d*)?)s?", re.ASCII)


@dataclass(frozen=True)
class Redo:
    """A passage and the seed it is made with.

    Attributes:
        start, end: in seconds.
        seed: of its keyframes and of the frames between them.
    """

    start: float
    end: float
    seed: int

    def __str__(self) -> str:
        return f"{self.start:g}-{self.end:g} s with seed {self.seed}"

    def keyframes(self, timeline: Timeline) -> range:
        """The keyframes within the passage; in one that is shorter than a segment there may be none."""
        first = math.ceil(round(self.start * FPS / KEYFRAME_STEP, 6))
        last = math.floor(round(self.end * FPS / KEYFRAME_STEP, 6))
        return range(first, min(last, timeline.n_keyframes - 1) + 1)

    def segments(self, timeline: Timeline) -> range:
        """The segments that show something of the passage, or have one of its keyframes as an end."""
        first = math.floor(round(self.start * FPS / KEYFRAME_STEP, 6))
        last = math.ceil(round(self.end * FPS / KEYFRAME_STEP, 6)) - 1
        if keyframes := self.keyframes(timeline):
            first, last = min(first, keyframes[0] - 1), max(last, keyframes[-1])
        first, last = max(0, first), min(max(first, last), timeline.n_segments - 1)
        return range(first, last + 1)


def parse_passage(text: str, seconds: float) -> tuple[float, float]:
    """The seconds where a passage such as "12.0-15.5" starts and ends.

    Args:
        seconds: how long the clip is.

    Raises:
        KeyFaceError: it is none, or none of this clip.
    """
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise KeyFaceError(f"{shown(text)} is no passage; write its seconds as 12.0-15.5")
    start, end = map(float, match.groups())
    if not start < end or start >= seconds:
        raise KeyFaceError(
            f"the passage {text} is empty or lies behind the end; the clip has {seconds:.2f} s, write the "
            "earlier second first"
        )
    return start, min(end, seconds)
