"""A clip as a stream of frames, and as a video that is written while they are made."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import torch

from ..media.sound_mix import SoundMix
from ..media.video import VideoWriter, check_output
from ..method.timeline import SAMPLE_RATE
from ..method.values import yes_or_no
from ..portrait.pasting import Pasting
from .animate import Animation
from .background import Background
from .cost import Cost
from .inputs import check_folder_of, check_progress

if TYPE_CHECKING:
    from .group import Group

Progress: TypeAlias = Callable[[int, int], None]
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
    """

    animation: Animation
    audio: torch.Tensor
    audio_path: Path | BinaryIO | None = None
    sound: torch.Tensor | None = None
    sound_rate: int = SAMPLE_RATE
    cost: Cost | None = None
    pasting: Pasting | None = None
    background: Background | None = None

    def __iter__(self) -> Iterator[torch.Tensor]:
        if self.pasting is None:
            return iter(self.animation)
        if self.background is None:
            return self.pasting.stream(self.animation)
        return self.pasting.stream(self.animation, self.background.pictures(), self.background.framings())

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
    check_output(path, yes_or_no("lossless", lossless))
    with VideoWriter(
        path,
        clip.height,
        clip.width,
        audio=audio,
        sample_rate=sample_rate,
        n_frames=clip.n_frames,
        lossless=lossless,
    ) as writer:
        try:
            for frames in clip:
                writer.write(frames)
                if progress is not None:
                    progress(writer.written, clip.n_frames)
        except KeyboardInterrupt:
            if progress is not None:  # it may come amid several frames
                progress(writer.written, clip.n_frames)
            raise
    return writer.written
