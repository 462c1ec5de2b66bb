"""Where frames, keyframes, windows and segments lie in time: the only place that does this arithmetic.

A clip of n frames at 25 fps has keyframes at frames 0, 13, 26, ... until one lies at or after its last
frame. Stage one makes them in *windows* of 14 slots: an anchor (frame 0 again, thrown away) and up to 13
keyframes. Stage two fills in the *segments* of 14 frames between neighbouring keyframes; neighbouring
segments share the keyframe's frame (KeyFace section 3.2 and 3.3; the anchor is the released code's).
Frames past the end of the clip hear and feel its last frame.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from einops import rearrange

from .values import whole

FPS = 25
SAMPLE_RATE = 16_000
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
SLOTS = 14
"""Frames of one network sequence: of a window and of a segment (the paper's T)."""
KEYFRAME_STEP = SLOTS - 1
"""Frames from one keyframe to the next (the paper's S = 12 new frames lie between)."""
KEYFRAMES_PER_WINDOW = SLOTS - 1

MAX_FRAMES = 2**31
"""Nearly three years; beyond it are mistakes."""


def frames_in(samples: int) -> int:
    """Number of video frames that `samples` of 16 kHz audio fill, the last one perhaps in part."""
    return -(-samples // SAMPLES_PER_FRAME)


@dataclass(frozen=True)
class Timeline:
    """The timeline of a clip of `n_frames` frames at 25 fps.

    Attributes:
        per_window: keyframes that a window yields. With fewer than 13, which is not how networks were
            trained, the other slots repeat the last one, and less sound has to be known.

    Raises:
        KeyFaceError: `n_frames` is no whole number of at least 1, or `per_window` none up to 13.
    """

    n_frames: int
    per_window: int = KEYFRAMES_PER_WINDOW

    def __post_init__(self):
        object.__setattr__(self, "n_frames", whole("n_frames", self.n_frames, 1, MAX_FRAMES))
        whole("per_window", self.per_window, 1, KEYFRAMES_PER_WINDOW)

    @cached_property
    def n_segments(self) -> int:
        """Segments of 14 frames; a clip of one frame has one too, like any other up to 14."""
        return max(1, -(-(self.n_frames - 1) // KEYFRAME_STEP))

    @property
    def n_keyframes(self) -> int:
        return self.n_segments + 1

    @property
    def n_windows(self) -> int:
        return -(-self.n_keyframes // self.per_window)

    def keyframe_frames(self) -> torch.Tensor:
        """The frame each keyframe shows: (keyframes,) int64, the last one clamped into the clip."""
        return self._inside(KEYFRAME_STEP * torch.arange(self.n_keyframes))

    def window_keyframes(self) -> torch.Tensor:
        """The keyframe in each window slot: (windows, 14) int64; -1 is the anchor, the tail is repeated."""
        first = self.per_window * torch.arange(self.n_windows)[:, None]
        last = (first + self.per_window - 1).clamp(max=self.n_keyframes - 1)
        keyframes = torch.minimum(first + torch.arange(KEYFRAMES_PER_WINDOW), last)
        return torch.cat([torch.full((self.n_windows, 1), -1), keyframes], dim=1)

    def window_frames(self) -> torch.Tensor:
        """The frame whose audio and emotion a window slot gets: (windows, 14) int64; anchors get frame 0."""
        return self._inside(KEYFRAME_STEP * self.window_keyframes().clamp(min=0))

    def segment_frames(self) -> torch.Tensor:
        """The frame whose audio each segment slot hears: (segments, 14) int64, clamped into the clip."""
        first = KEYFRAME_STEP * torch.arange(self.n_segments)[:, None]
        return self._inside(first + torch.arange(SLOTS))

    def keyframes_of_window(self, window: int) -> range:
        """The keyframes that `window` yields, in order, from its slot 1 on."""
        first = self.per_window * window
        return range(first, min(first + self.per_window, self.n_keyframes))

    def frames_of_segments(self, segments: range) -> range:
        """The frames that consecutive segments show; one that two share belongs to the later.

        The clip's last segment has what is left.
        """
        last = self.n_frames if segments.stop == self.n_segments else KEYFRAME_STEP * segments.stop
        return range(min(KEYFRAME_STEP * segments.start, last), last)

    def _inside(self, frames: torch.Tensor) -> torch.Tensor:
        return frames.clamp(max=self.n_frames - 1)


def keyframes_from_windows(windows: torch.Tensor, timeline: Timeline) -> torch.Tensor:
    """Picks the keyframes out of whole windows, dropping anchors and padding.

    Args:
        windows: (windows, 14, ...) in the order of the timeline.

    Returns:
        (keyframes, ...)
    """
    keyframes = rearrange(windows[:, 1:], "window slot ... -> (window slot) ...")
    return keyframes[: timeline.n_keyframes]


def windows_from_keyframes(keyframes: torch.Tensor, timeline: Timeline, anchor: float) -> torch.Tensor:
    """Puts what belongs to keyframes into every window slot that shows them, padding included.

    Args:
        keyframes: (keyframes, ...), all of the timeline.
        anchor: the value in slots that show none.

    Returns:
        (windows, 14, ...); `keyframes_from_windows` is its inverse.
    """
    shown = timeline.window_keyframes()
    windows = keyframes[shown.clamp(min=0)]
    windows[shown < 0] = anchor
    return windows


def segment_ends(keyframes: torch.Tensor) -> torch.Tensor:
    """Pairs neighbouring keyframes (k, ...) into the ends of their segments: (k - 1, 2, ...)."""
    return torch.stack([keyframes[:-1], keyframes[1:]], dim=1)
