"""The video that a face is laid into: which face it is, followed through it, and its frames, one by one."""

import math
import os
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch

from ..errors import KeyFaceError
from ..media.film import open_film
from ..media.frame_rate import first_of
from ..messages import one_line
from ..method.timeline import FPS
from ..portrait.detectors import HOW_TO_GET, find_detector
from ..portrait.faces import FaceDetector
from ..portrait.framing import LONGEST_SIDE, Framing, at_most, central
from ..portrait.pasting import Pasting, in_bytes
from ..portrait.tracking import Tracker, face_in, moved
from .material import Material


@dataclass(frozen=True)
class Background:
    """A video as a background, and the square in every frame that the face is laid into.

    Attributes:
        path: of the video.
        picture: (height, width, 3) uint8, the frame that the face is from.
        framing: the square in it.
        squares: (frames, 4), x, y, side and angle of the square in every frame; NaN where there is none.
    """

    path: str | os.PathLike
    picture: torch.Tensor
    framing: Framing
    squares: torch.Tensor
    _reader: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def pasting(self, size: int) -> Pasting:
        """What lays frames of `size` pixels a side into its frames."""
        return Pasting(self.picture, self.framing, size)

    def pictures(self, first: int = 0) -> Iterator[torch.Tensor]:
        """Its frames at 25 fps from one on, (height, width, 3) uint8, without an end: the last one is held.

        Whoever goes on where the former ones were left does not wait until the video is read up to there.
        """
        if self._reader.get("next") != first:
            self._reader.update(pictures=islice(self._all_pictures(), first, None), next=first)
        pictures = self._reader["pictures"]
        while True:
            picture = next(pictures)
            self._reader["next"] += 1
            yield picture

    def _all_pictures(self) -> Iterator[torch.Tensor]:
        picture = self.picture
        for shown, times in _untold(_pictures(self.path)):
            picture = in_bytes(shown)
            for _ in range(times):
                yield picture
        while True:
            yield picture

    def framings(self) -> Iterator[Framing | None]:
        """The square in each of them; None where the face is not seen."""
        for x, y, side, angle in self.squares.tolist():
            yield None if math.isnan(side) else Framing(x, y, side, angle)


def check_moves(path: object) -> None:
    """Raises KeyFaceError for what is no video, nor a moving picture."""
    if not isinstance(path, (str, os.PathLike)):
        raise KeyFaceError("a moving background needs a video; give its path as the picture")
    film = open_film(path)
    if film is None:
        raise KeyFaceError(
            f"{one_line(path)}: is a picture that does not move; a moving background needs a video"
        )
    film.close()


def followed(
    path: str | os.PathLike,
    material: Material,
    at: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> Background:
    """Follows a face through the video it was taken from, as far as its clip goes.

    Warns where the video is shorter than the clip, does not show the face, or where nothing can follow it.

    Args:
        path: of the video.
        material: what the clip is made from: what the video shows at the time, and the square of it.
        at: the time in seconds.
        progress: called with (done, total) frames.

    Raises:
        KeyFaceError: it cannot be read, has ended by then, or changes its size.
    """
    height, width = material.picture.shape[-2:]
    framing, n_frames = material.framing or central(height, width), material.n_frames
    here, total, picture, detector = round(at * FPS), 0, None, find_detector()
    tracker = None if detector is None else Tracker(detector)
    end, shape = max(n_frames, here + 1), None
    for shown, times in first_of(_pictures(path), end):
        shape = shape or shown.shape
        _check_size(path, shape, shown.shape, total)
        if total + times <= here:
            if tracker is not None:
                tracker.before(shown, times)
        else:
            if picture is None:
                picture = in_bytes(shown)
                framing = framing.scaled(shape[-2] / height)
                tracker = _known(tracker, detector, shown, framing)
            if tracker is not None:
                tracker.after(shown, times)
        total += times
        if progress is not None:
            progress(total, end)
    if picture is None:
        raise KeyFaceError(f"{one_line(path)}: has ended by {at:g} s; give an earlier time")
    squares = torch.tensor([[framing.x, framing.y, framing.side, framing.angle]], dtype=torch.float64)
    squares = squares.expand(total, 4) if tracker is None else moved(framing, tracker.track, here)
    squares = torch.cat([squares, squares[-1:].expand(max(0, n_frames - total), 4)])[:n_frames]
    _warn(path, squares, total, n_frames)
    return Background(path, picture, framing, squares)


def _known(
    tracker: Tracker | None, detector: FaceDetector | None, picture: torch.Tensor, framing: Framing
) -> Tracker | None:
    """The tracker, told which face it is; None where there is none, which is warned of."""
    face = None if detector is None else face_in(detector(picture), framing)
    if tracker is None or face is None:
        why = "no face is found in the square" if detector else f"no face detector is installed: {HOW_TO_GET}"
        warnings.warn(
            f"the face is not followed, its square stays where it is while the video moves: {why}",
            stacklevel=3,
        )
        return None
    tracker.known(face)
    return tracker


def _pictures(path: str | os.PathLike) -> Generator[tuple[torch.Tensor, int], None, None]:
    film = open_film(path, LONGEST_SIDE)
    if film is None:
        raise KeyFaceError(f"{one_line(path)}: is a picture that does not move; give a video")
    with film:
        for picture, times in film.frames():
            yield at_most(picture, Framing(0, 0, 1), LONGEST_SIDE)[0], times


def _untold(pictures: Generator[tuple[torch.Tensor, int], None, None]) -> Iterator[tuple[torch.Tensor, int]]:
    """Pictures of a video that is read again: what is wrong with it was told when the face was followed."""
    try:
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                shown = next(pictures, None)
            if shown is None:
                return
            yield shown
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pictures.close()


def _check_size(path: str | os.PathLike, first: torch.Size, now: torch.Size, frames: int) -> None:
    if first != now:
        raise KeyFaceError(
            f"{one_line(path)}: is {first[2]} x {first[1]} pixels and from {frames / FPS:.2f} s on "
            f"{now[2]} x {now[1]}; convert it to one size"
        )


def _warn(path: str | os.PathLike, squares: torch.Tensor, total: int, n_frames: int) -> None:
    if total < n_frames:
        warnings.warn(
            f"{one_line(path)}: lasts {total / FPS:.2f} s and the sound {n_frames / FPS:.2f} s; its last "
            "picture stays until the end",
            stacklevel=3,
        )
    missing = int(squares[:, 2].isnan().sum())
    if missing:
        warnings.warn(
            f"{missing} of {n_frames} frames ({missing / FPS:.2f} s) do not show the face; they stay as the "
            "video has them",
            stacklevel=3,
        )
