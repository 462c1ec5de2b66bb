"""Videos and moving pictures, opened by their content and read frame by frame."""

import math
import os
from collections.abc import Iterator
from typing import BinaryIO, Protocol

import torch

from ..audio.containers import MAX_SECONDS
from ..errors import KeyFaceError
from ..files import is_pipe, open_file
from ..messages import one_line
from ..method.timeline import FPS
from ..method.values import real
from .image import looks_like_picture
from .moving_picture import MovingPicture, moving_picture_in
from .video_file import LONGEST_SIDE, Video


class Film(Protocol):
    """Something that shows one picture after the other, read once from its beginning.

    Attributes:
        expected: frames at 25 fps that it claims to have; 0 where it claims nothing.
        reduction: how many of its own pixels one of its pictures, as they are given, is wide.
    """

    expected: int
    reduction: float

    def frames(self, first: int = 0) -> Iterator[tuple[torch.Tensor, int]]:
        """Pictures (3, height, width) in [-1, 1], and for how many frames at 25 fps each is shown.

        Args:
            first: the frame to begin with; what comes before is passed over quickly.

        Raises:
            KeyFaceError: there is no picture that can be read, or they go beyond a bound.
        """

    def close(self) -> None: ...

    def __enter__(self) -> "Film": ...

    def __exit__(self, *_exception) -> None: ...


def open_film(source: str | os.PathLike | BinaryIO, longest: float = LONGEST_SIDE) -> Film | None:
    """Opens a video, or a moving picture (GIF, WebP, APNG, AVIF); its content alone decides what it is.

    Args:
        source: a path, or an open file, which is closed with the film.
        longest: side that a video's pictures may have, in pixels; larger ones are shrunk.

    Returns:
        None for a picture that does not move: `image.load_image` reads it.

    Raises:
        KeyFaceError: it cannot be opened, is nothing of the kind, or shows no pictures.
    """
    if isinstance(source, (str, os.PathLike)):
        file, name = open_file(source, "video or picture"), one_line(source)
    else:
        file, name = source, "the video"
    try:
        image = moving_picture_in(file)
        if image is not None:
            return MovingPicture(image, file, name)
        if not looks_like_picture(file):
            return Video(file, name, longest)
    except BaseException:
        file.close()
        raise
    file.close()
    return None


def is_video(path: str | os.PathLike) -> bool:
    """Whether a file holds a video that can be opened; pipes and moving pictures such as GIF are none."""
    try:
        film = None if is_pipe(path) else open_film(path)
    except KeyFaceError:  # whoever takes it for a picture says what is wrong with it
        return False
    if film is None:
        return False
    film.close()
    return isinstance(film, Video)


def picture_at(path: str | os.PathLike, seconds: float = 0.0) -> torch.Tensor:
    """What a video, or a moving picture, shows at a time, (3, height, width) in [-1, 1].

    Raises:
        KeyFaceError: it cannot be read, does not move, or has ended by then.
    """
    seconds = real("the time", seconds, 0, MAX_SECONDS)
    film = open_film(path, math.inf)
    if film is None:
        raise KeyFaceError(f"{one_line(path)}: is a picture that does not move; leave the time out")
    with film:
        shown = next(film.frames(round(seconds * FPS)), None)
    if shown is None:
        raise KeyFaceError(f"{one_line(path)}: has ended by {seconds:g} s; give an earlier time")
    return shown[0]
