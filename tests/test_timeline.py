"""The timeline, for every clip length."""

import pytest
import torch

from keyface_lib.errors import KeyFaceError
from keyface_lib.method.timeline import SLOTS, Timeline, frames_in, keyframes_from_windows, segment_ends

LENGTHS = [*range(1, 401), 1125, 15_000, 90_000]


@pytest.mark.parametrize(
    ("samples", "frames"), [(1, 1), (3, 1), (640, 1), (641, 2), (16_000, 25), (57_600_001, 90_001)]
)
def test_a_frame_begins_every_640_samples(samples, frames):
    assert frames_in(samples) == frames


def test_segments_cover_every_frame_of_every_length_and_hear_it():
    for n in LENGTHS:
        timeline = Timeline(n)
        heard = timeline.segment_frames()
        assert heard.shape == (timeline.n_segments, SLOTS)
        shown = torch.cat([heard[:, :-1].flatten(), heard[-1:, -1]])
        assert shown[:n].tolist() == list(range(n))
        assert (shown[n:] == n - 1).all()


def test_every_keyframe_is_the_end_of_its_segments():
    for n in LENGTHS:
        timeline = Timeline(n)
        ends = segment_ends(timeline.keyframe_frames())
        assert torch.equal(ends, timeline.segment_frames()[:, [0, -1]])


def test_windows_yield_every_keyframe_once_in_order_and_never_an_anchor():
    for n in LENGTHS:
        timeline = Timeline(n)
        slots = timeline.window_keyframes()
        assert (slots[:, 0] == -1).all()
        assert keyframes_from_windows(slots, timeline).tolist() == list(range(timeline.n_keyframes))
        in_windows = [k for w in range(timeline.n_windows) for k in timeline.keyframes_of_window(w)]
        assert in_windows == list(range(timeline.n_keyframes))


def test_window_slots_hear_the_frame_of_their_keyframe_and_anchors_frame_0():
    for n in LENGTHS:
        timeline = Timeline(n)
        frames = timeline.window_frames()
        assert (frames[:, 0] == 0).all()
        assert torch.equal(keyframes_from_windows(frames, timeline), timeline.keyframe_frames())


def test_a_clip_has_at_least_one_frame():
    with pytest.raises(KeyFaceError, match="n_frames is 0; it must be from 1"):
        Timeline(0)
