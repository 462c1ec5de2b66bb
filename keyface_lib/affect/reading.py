"""An emotion curve from a video, a picture, or pictures that are held already."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator

import torch

from ..errors import KeyFaceError
from ..media.film import at_25_fps, open_film
from ..media.image import load_image
from ..method.emotion import EmotionCurve
from ..method.values import choice, real
from ..portrait.detectors import HOW_TO_GET
from ..portrait.faces import CHOICES as FACES
from ..portrait.faces import FaceDetector, Point
from ..portrait.following import FollowedFace
from .hsemotion import EmotionReader
from .observing import Observed, observe
from .options import CENTRE, SMOOTH, TOLERANCE, TOLERANCES, WIDTHS
from .simplifying import simplified
from .smoothing import smoothed

CHOICES = (*FACES, CENTRE)
"""Which face is read: those of `portrait.faces.chosen`, or what lies in the central square."""


def read_file(
    path: str | os.PathLike,
    reader: EmotionReader,
    detector: FaceDetector | None = None,
    which: str = "largest",
    *,
    number: int = 1,
    point: Point | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Observed:
    """Reads the feeling of a face off every frame of a video or moving picture, or off a picture.

    Args:
        detector: finds faces (`portrait.detectors.find_detector`); without one the central square is read,
            with a warning.
        which: face is meant in the first frame that shows it, one of `CHOICES`; it is followed from there.
        number: from 1, of the face from the left.
        point: in pixels, to which the face is nearest.
        progress: called with (frames done, frames expected).

    Raises:
        KeyFaceError: the file cannot be read, or never shows the face.
    """
    face = _followed(detector, which, number, point)
    film = open_film(path)
    if film is None:
        return observe([(load_image(path), 1)], reader, face)
    with film:

        def report(done: int) -> None:
            if progress is not None:
                progress(done, max(done, film.expected))

        return observe(film.frames(), reader, face, report)


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
    return observe(_some(film), reader, face, progress)


def curve_of(observed: Observed, smooth: float = SMOOTH, tolerance: float = TOLERANCE) -> EmotionCurve:
    """An emotion curve that can be edited, of what was observed.

    Args:
        smooth: width of the smoothing in seconds, see `smoothing.smoothed`; 0 leaves readings as they are.
        tolerance: by how much the curve may be off what is smoothed, at any frame.

    Raises:
        KeyFaceError: smoothing or tolerance is out of range, or the curve would have too many points.
    """
    smooth, tolerance = real("smooth", smooth, *WIDTHS), real("tolerance", tolerance, *TOLERANCES)
    lanes = (simplified(smoothed(lane, smooth), tolerance) for lane in (observed.valence, observed.arousal))
    return EmotionCurve(*lanes)


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
