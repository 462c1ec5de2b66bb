"""How often, and with which seeds, the windows of a clip are sampled."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..method.redo import Redo
from ..method.timeline import Timeline


@dataclass(frozen=True)
class Take:
    """One sampling of a window of keyframes.

    Attributes:
        seed: of its noise.
        fresh: the keyframes that are sampled while the others stay what they were in the former take; None
            samples all.
    """

    seed: int
    fresh: range | None = None


def takes_of(window: int, timeline: Timeline, seed: int, redos: Sequence[Redo]) -> list[Take]:
    """The takes of a window, each made from the one before."""
    shown, takes = timeline.keyframes_of_window(window), [Take(seed)]
    for redo in redos:
        passage = redo.keyframes(timeline)
        fresh = range(max(shown.start, passage.start), min(shown.stop, passage.stop))
        if fresh:
            takes.append(Take(redo.seed, fresh))
    return takes


def segment_seed(segment: int, timeline: Timeline, seed: int, redos: Sequence[Redo]) -> int:
    """The seed of a segment's noise: that of the last passage it belongs to."""
    return next((redo.seed for redo in reversed(redos) if segment in redo.segments(timeline)), seed)
