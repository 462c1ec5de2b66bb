"""A clip as a stream of frames, and as a video that is written while they are made."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, TypeVar

import torch

from ..media.sound_mix import SoundMix
from ..media.video import SUFFIXES, VideoWriter, check_output
from ..method.timeline import SAMPLE_RATE
from ..method.values import yes_or_no
from ..portrait.pasting import Pasting
from ..work.folder import WorkFolder
from .animate import Animation
from .background import Background
from .cost import Cost
from .inputs import check_folder_of, check_progress
from .pieces import pieces_of, videos

if TYPE_CHECKING:
    from .group import Group

Progress: TypeAlias = Callable[[int, int], None]
_T = TypeVar("_T")
Heard: TypeAlias = tuple[torch.Tensor | Path | BinaryIO, int]


@dataclass(frozen=True)
class Clip:
    """A clip that is made while it is iterated: (n, H, W, 3) uint8 frames, each once, in order.

    Attributes:
        animation: the stream of squares and its plan.
        audio: (samples,) mono 16 kHz, what the face hears.
        audio_path: the recording, or a copy of a pipe's, heard in the video; None where it was no file.
        sound: heard in the video where there is no file, (samples,) or (channels, samples); None is `audio`.
        sound_rate: samples a second of `sound`.
        cost: what was measured to choose the batch; None where it was given.
        pasting: lays the squares back into the whole picture, one frame at a time; None gives them alone.
        background: the video whose frames they are laid into; None is one picture for all.
        work: keeps what is finished; None keeps nothing.
    """

    animation: Animation
    audio: torch.Tensor
    audio_path: Path | BinaryIO | None = None
    sound: torch.Tensor | None = None
    sound_rate: int = SAMPLE_RATE
    cost: Cost | None = None
    pasting: Pasting | None = None
    background: Background | None = None
    work: WorkFolder | None = None

    def __iter__(self) -> Iterator[torch.Tensor]:
        if self.pasting is None:
            return iter(self.animation)
        if self.background is None:
            return self.pasting.stream(self.animation)
        return self.pasting.stream(self.animation, self.background.pictures(), self.background.framings())

    def frames(self, segments: range) -> Iterator[torch.Tensor]:
        """The frames that consecutive segments show, (n, H, W, 3) uint8; see `Animation.frames`."""
        frames = self.animation.frames(segments)
        if self.pasting is None:
            return frames
        self.match_colours()
        if self.background is None:
            return self.pasting.stream(frames)
        first = self.animation.timeline.frames_of_segments(segments).start
        return self.pasting.stream(
            frames, self.background.pictures(first), islice(self.background.framings(), first, None)
        )

    def match_colours(self) -> None:
        """Has the pasting match the colours of the clip's first frame, whichever frames follow."""
        if self.pasting is not None and not self.pasting.is_matched:
            self.pasting.match(next(self.animation.frames(range(1)))[0])

    @property
    def n_frames(self) -> int:
        return self.animation.timeline.n_frames

    @property
    def calls(self) -> int:
        """Network calls it takes in all, counted in sequences."""
        return self.animation.calls

    @property
    def n_segments(self) -> int:
        return self.animation.timeline.n_segments

    @property
    def n_segments_each(self) -> int:
        """Of each person's part, as `Group` has it."""
        return self.n_segments

    @property
    def heard(self) -> Heard:
        """The sound of the video, and its samples a second."""
        if self.audio_path is not None:
            return self.audio_path, SAMPLE_RATE
        return (self.audio, SAMPLE_RATE) if self.sound is None else (self.sound, self.sound_rate)

    @property
    def height(self) -> int:
        """Of the frames, in pixels, like `width`."""
        return self.animation.models.image_size if self.pasting is None else self.pasting.height

    @property
    def width(self) -> int:
        return self.animation.models.image_size if self.pasting is None else self.pasting.width

    def report_to(self, progress: Progress | None) -> None:
        """Has the progress called with (done, total) network calls; it may raise to interrupt."""
        self.animation.progress = progress

    def save(self, path: str | Path, lossless: bool = False, progress: Progress | None = None) -> int:
        """Makes the clip and writes it, sound included, while it is made.

        Args:
            path: an .mp4, .mkv or .mov file, or a folder for a PNG sequence.
            progress: called with (written, total) frames; may raise to interrupt.

        Returns:
            The frames written. Interrupted, it leaves a playable file of what is done.

        Raises:
            KeyFaceError: the place cannot be written to, or the disk is full.
        """
        return save(self, path, lossless, progress, *self.heard)


def save(
    clip: "Clip | Group",
    path: str | Path,
    lossless: bool,
    progress: Progress | None,
    audio: torch.Tensor | Path | BinaryIO | SoundMix,
    sample_rate: int = SAMPLE_RATE,
) -> int:
    """Writes a clip's frames and sound while the frames are made; see `Clip.save`."""
    check_folder_of(path, "output")
    check_progress("progress", progress)
    again = clip.work is not None
    check_output(path, yes_or_no("lossless", lossless), again)
    open_writer = partial(
        VideoWriter,
        path,
        clip.height,
        clip.width,
        audio=audio,
        sample_rate=sample_rate,
        n_frames=clip.n_frames,
        lossless=lossless,
        again=again,
    )
    if clip.work is None or Path(path).suffix.lower() not in SUFFIXES:
        with open_writer() as writer:
            _write_all(writer, writer.write, iter(clip), progress, clip.n_frames)
        return writer.written
    store, pieces = clip.work.store, pieces_of(clip, lossless)
    paths = map(store.path, videos(clip, store, pieces, lossless))
    first = next(paths)
    with open_writer(template=first) as writer:
        _write_all(writer, writer.append, chain([first], paths), progress, clip.n_frames)
    return writer.written


def _write_all(
    writer: VideoWriter,
    write: Callable[[_T], None],
    parts: Iterator[_T],
    progress: Progress | None,
    n_frames: int,
) -> None:
    try:
        for part in parts:
            write(part)
            if progress is not None:
                progress(writer.written, n_frames)
    except KeyboardInterrupt:
        if progress is not None:  # it may come amid several frames
            progress(writer.written, n_frames)
        raise
