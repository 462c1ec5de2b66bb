"""Keyframe and segment indices, where the released code is right.

It is right up to its tail (the last, partial segment and the keyframe that ends it); a slipped anchor
moves later keyframes only where chunks are put together, not in these lists.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from keyface_lib.method.timeline import KEYFRAME_STEP, SLOTS, Timeline

from .case import Case


def cases(folder: Path) -> Iterator[Case]:
    """One case a recorded clip length, the error being the number of indices that differ."""
    lengths = json.loads((folder / "segments.json").read_text())["by_audio_length"]
    for length, recorded in lengths.items():
        if "exception" in recorded:
            continue
        timeline = Timeline(int(length))
        yield Case(f"timeline {length} keyframes", _keyframe_differences(timeline, recorded), 0)
        yield Case(f"timeline {length} window slots", _slot_differences(timeline, recorded), 0)
        yield Case(f"timeline {length} segments", _segment_differences(timeline, recorded), 0)


def _keyframe_differences(timeline: Timeline, recorded: dict) -> int:
    """Keyframes whose frame lies in the clip; the one after them is the tail's."""
    regular = (timeline.n_frames - 1) // KEYFRAME_STEP + 1
    slots = zip(recorded["keyframe_index"], recorded["keyframe_audio_frame"], strict=True)
    theirs = [frame for index, frame in slots if index is not None][:regular]
    return _differences(timeline.keyframe_frames()[:regular].tolist(), theirs)


def _slot_differences(timeline: Timeline, recorded: dict) -> int:
    """Every slot, anchors included, of the windows before the last, which holds the tail and the padding."""
    ours = timeline.window_frames()[:-1].flatten().tolist()
    return _differences(ours, recorded["keyframe_audio_frame"][: len(ours)])


def _segment_differences(timeline: Timeline, recorded: dict) -> int:
    regular = (timeline.n_frames - SLOTS) // KEYFRAME_STEP + 1
    ours = timeline.segment_frames()[:regular, 0].tolist()
    return _differences(ours, recorded["interpolation_first_audio_frame"][:regular])


def _differences(ours: list[int], theirs: list[int]) -> int:
    return sum(a != b for a, b in zip(ours, theirs, strict=True))
