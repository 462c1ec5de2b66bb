"""An emotion curve from a video, a picture, or pictures that are held already."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, TypeAlias

import torch

from ..errors import KeyFaceError
from ..media.film import open_film
from ..media.frame_rate import at_25_fps, first_of
from ..media.image import load_scaled_image
from ..method.emotion import EmotionCurve
from ..method.timeline import FPS
from ..method.values import choice, real
from ..portrait.detectors import HOW_TO_GET
from ..portrait.faces import CHOICES as FACES
from ..portrait.faces import FaceDetector, Point
from ..portrait.following import FollowedFace
from .hsemotion import EmotionReader
from .observing import Observed, observe
from .options import CENTRE, SMOOTH, STRENGTHS, TOLERANCE, TOLERANCES, WIDTHS
from .simplifying import simplified
from .smoothing import smoothed

CHOICES = (*FACES, CENTRE)
"""Which face is read: those of `portrait.faces.chosen`, or what lies in the central square."""

Watch: TypeAlias = Callable[[int, int, torch.Tensor | None], None]
"""See `observing.observe`."""


def read_file(
    source: str | os.PathLike | BinaryIO,
    reader: EmotionReader,
    detector: FaceDetector | None = None,
    which: str = "largest",
    *,
    number: int = 1,
    point: Point | None = None,
    start: float = 0.0,
    length: float | None = None,
    progress: Callable[[int, int], None] | None = None,
    watch: Watch | None = None,
) -> Observed:
    """Reads the feeling of a face off every frame of a video or moving picture, or off a picture.

    Args:
        source: a path; or an open file that holds a video, which is closed.
        detector: finds faces (`portrait.detectors.find_detector`); without one the central square is read,
            with a warning.
        which: face is meant in the first frame that shows it, one of `CHOICES`; it is followed from there.
        number: from 1, of the face from the left.
        point: in pixels of the file, to which the face is nearest.
        start: seconds of a video before those that are read.
        length: seconds that are read; None goes on to the end.
        progress: called with (frames done, frames expected).
        watch: see `observing.observe`.

    Raises:
        KeyFaceError: the file cannot be read, never shows the face, or has nothing in those seconds.
    """
    film = open_film(source)
    if film is None:
        picture, reduction = _picture(source)
        face = _followed(detector, which, number, _reduced(point, reduction))
        return observe([(picture, 1)], reader, face, watch=watch)
    first, most = round(start * FPS), None if length is None else max(1, round(length * FPS))
    with film:
        face = _followed(detector, which, number, _reduced(point, film.reduction))
        expected = max(0, film.expected - first)

        def report(done: int) -> None:
            if progress is not None:
                progress(done, max(done, min(expected, most or expected)))

        shown = film.frames(first)
        shown = shown if most is None else first_of(shown, most)
        return observe(_some(shown), reader, face, report, watch)


def read_pictures(
    pictures: Iterable[torch.Tensor],
    reader: EmotionReader,
    detector: FaceDetector | None = None,
    which: str = "largest",
    *,
    fps: float = 25.0,
    number: int = 1,
    point: Point | None = None,
    progress: Callable[[int], None] | None = None,
    watch: Watch | None = None,
) -> Observed:
    """As `read_file`, for pictures (3, height, width) in [-1, 1] of a video of `fps` frames a second.

    Args:
        progress: called with the frames at 25 fps that are done.

    Raises:
        KeyFaceError: there are no pictures, the rate is none, or no picture shows the face.
    """
    fps = real("the frame rate", fps, 0.01, 1000)
    face = _followed(detector, which, number, point)
    film = at_25_fps((start / fps, 1 / fps, picture) for start, picture in enumerate(pictures))
    return observe(_some(film), reader, face, progress, watch)


def curve_of(
    observed: Observed, smooth: float = SMOOTH, tolerance: float = TOLERANCE, strength: float = 1.0
) -> EmotionCurve:
    """An emotion curve that can be edited, of what was observed.

    Args:
        smooth: width of the smoothing in seconds, see `smoothing.smoothed`; 0 leaves readings as they are.
        tolerance: by how much the curve may be off what is smoothed, at any frame.
        strength: what was read is made so many times as strong, and clamped to [-1, 1].

    Raises:
        KeyFaceError: a number is out of its range, or the curve would have too many points.
    """
    smooth, tolerance = real("smooth", smooth, *WIDTHS), real("tolerance", tolerance, *TOLERANCES)
    strength = real("strength", strength, *STRENGTHS)
    felt = ((lane * strength).clamp(-1, 1) for lane in (observed.valence, observed.arousal))
    return EmotionCurve(*(simplified(smoothed(lane, smooth), tolerance) for lane in felt))


def _picture(source: str | os.PathLike | BinaryIO) -> tuple[torch.Tensor, int]:
    if isinstance(source, (str, os.PathLike)):
        return load_scaled_image(source)
    raise KeyFaceError("the video is a picture that does not move; load it as a picture")


def _reduced(point: Point | None, reduction: float) -> Point | None:
    """A point of a file in a picture of it that is read smaller."""
    return None if point is None else (point[0] / reduction, point[1] / reduction)


def _followed(
    detector: FaceDetector | None, which: str, number: int, point: Point | None
) -> FollowedFace | None:
    which = choice("the choice of a face", which, CHOICES)
    if which == CENTRE:
        return None
    if detector is not None:
        return FollowedFace(detector, which, number, point)
    if which != "largest":
        raise KeyFaceError(f"one of several faces is meant, but there is no face detector: {HOW_TO_GET}")
    warnings.warn(f"no face detector is at hand, so the central square is read: {HOW_TO_GET}", stacklevel=3)
    return None


def _some(film: Iterator[tuple[torch.Tensor, int]]) -> Iterator[tuple[torch.Tensor, int]]:
    first = next(film, None)
    if first is None:
        raise KeyFaceError("there are no pictures to read; give at least one")
    yield first
    yield from film
