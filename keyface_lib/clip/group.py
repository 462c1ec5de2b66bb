"""Several faces in one picture, each with its own recording and feeling, in one video."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch

from ..media.sound_mix import SoundMix
from ..portrait.pasting import share
from ..work.folder import WorkFolder
from .clip import Clip, Progress, save


class Group:
    """A clip of several faces: (1, H, W, 3) uint8 whole pictures, each once, in order.

    Attributes:
        clips: one for each person, of the same length.
        apart: whether they are heard from left to right.
    """

    def __init__(self, clips: tuple[Clip, ...], apart: bool = False):
        self.clips = clips
        self.apart = apart
        self._pastings = [clip.pasting for clip in clips if clip.pasting is not None]
        share(self._pastings)

    def __iter__(self) -> Iterator[torch.Tensor]:
        return self._together([iter(clip.animation) for clip in self.clips])

    def frames(self, segments: range) -> Iterator[torch.Tensor]:
        """The frames that consecutive segments of everybody show, (1, H, W, 3) uint8 at a time."""
        for clip in self.clips:
            clip.match_colours()
        return self._together([clip.animation.frames(segments) for clip in self.clips])

    def _together(self, animations: Sequence[Iterator[torch.Tensor]]) -> Iterator[torch.Tensor]:
        streams = [(frame for frames in animation for frame in frames) for animation in animations]
        first, *others = self._pastings
        for frame, *more in zip(*streams, strict=True):
            whole = first(frame)
            for pasting, frame in zip(others, more, strict=True):
                whole = pasting(frame, whole)
            yield whole[None]

    @property
    def n_frames(self) -> int:
        return self.clips[0].n_frames

    @property
    def height(self) -> int:
        """Of the frames, in pixels, like `width`."""
        return self.clips[0].height

    @property
    def width(self) -> int:
        return self.clips[0].width

    @property
    def calls(self) -> int:
        """Network calls it takes in all, counted in sequences."""
        return sum(clip.calls for clip in self.clips)

    @property
    def n_segments(self) -> int:
        return sum(clip.n_segments for clip in self.clips)

    @property
    def n_segments_each(self) -> int:
        """Of each person's part, which are all of one length."""
        return self.clips[0].n_segments

    @property
    def work(self) -> WorkFolder | None:
        """Keeps what is finished; None keeps nothing."""
        return self.clips[0].work

    def report_to(self, progress: Progress | None) -> None:
        """Has the progress called with (done, total) network calls; it may raise to interrupt."""
        done = [0] * len(self.clips)

        def report(number: int, calls: int, _total: int) -> None:
            done[number] = calls
            if progress is not None:
                progress(sum(done), self.calls)

        for number, clip in enumerate(self.clips):
            clip.report_to(partial(report, number))

    def save(self, path: str | Path, lossless: bool = False, progress: Progress | None = None) -> int:
        """Makes the clip and writes it with everybody's sound; see `Clip.save`."""
        return save(self, path, lossless, progress, SoundMix([clip.heard for clip in self.clips], self.apart))
