"""Clips of any length: what lies in which window and segment, and what is no length."""

import torch
from hypothesis import strategies as st

from keyface_lib.errors import KeyFaceError
from keyface_lib.method.timeline import (
    KEYFRAME_STEP,
    SAMPLES_PER_FRAME,
    SLOTS,
    Timeline,
    frames_in,
    keyframes_from_windows,
    segment_ends,
    windows_from_keyframes,
)

from .running import Fuzzer, main

LONGEST = 3 * 3600 * 25
"""Frames of the longest recording that is read."""
LENGTH = st.one_of(
    st.integers(1, 400),
    st.integers(1, LONGEST),
    st.integers(0, LONGEST // 13).flatmap(lambda n: st.integers(13 * n, 13 * n + 2)),
    st.integers(0, LONGEST // 169).flatmap(lambda n: st.integers(169 * n - 1, 169 * n + 14)),
)
ODD = st.one_of(st.integers(), st.floats(), st.none(), st.booleans(), st.text(max_size=4))


def of_length(n: int) -> None:
    """Every frame is in a segment between its keyframes, every keyframe in one window, both ways."""
    timeline = Timeline(n)
    keyframes, segments = timeline.keyframe_frames(), timeline.segment_frames()
    windows, frames = timeline.window_keyframes(), timeline.window_frames()
    assert keyframes[0] == 0
    assert keyframes[-1] == n - 1
    assert (keyframes.diff() <= KEYFRAME_STEP).all()
    assert segments.shape == (timeline.n_segments, SLOTS)
    assert windows.shape == frames.shape == (timeline.n_windows, SLOTS)
    assert torch.equal(segments.unique(), torch.arange(n))
    assert torch.equal(segments[:, [0, -1]], segment_ends(keyframes))
    assert (windows[:, 0] == -1).all()
    assert 0 <= int(frames.min()) <= int(frames.max()) < n
    numbers = torch.arange(timeline.n_keyframes)
    there = windows_from_keyframes(numbers, timeline, -1)
    assert torch.equal(there, windows)
    assert torch.equal(keyframes_from_windows(there, timeline), numbers)
    yields = [
        number for window in range(timeline.n_windows) for number in timeline.keyframes_of_window(window)
    ]
    assert yields == numbers.tolist()
    assert frames_in(n * SAMPLES_PER_FRAME) == frames_in(n * SAMPLES_PER_FRAME - SAMPLES_PER_FRAME + 1) == n


def of_anything(value: object) -> None:
    """What is no whole number of frames is refused."""
    try:
        timeline = Timeline(value)  # type: ignore[arg-type]
    except KeyFaceError:
        assert (
            isinstance(value, bool) or value != value or not isinstance(value, int) or not 1 <= value <= 2**31
        )
        raise
    assert timeline.n_keyframes == timeline.n_segments + 1


FUZZERS = {"lengths": Fuzzer(LENGTH, of_length), "anything": Fuzzer(ODD, of_anything)}
if __name__ == "__main__":
    main(FUZZERS, __doc__)
