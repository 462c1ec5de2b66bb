"""From a picture to the square around the face that is meant."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from ..errors import KeyFaceError
from ..messages import shown
from .detectors import HOW_TO_GET, find_detector
from .faces import Face, Point, chosen, is_extreme
from .framing import Framing, fitted
from .placing import square_of_face

Which: TypeAlias = str | int | Point
"""The face that is meant: "largest", its number from the left, or the nearest to a point (x, y)."""
EXTREME_POSE = (
    "the face is turned far aside, where the method is known to fail; choose a picture that looks more to "
    "the front"
)
FRAMED = 0.85
"""Of a square picture's side: a face whose square is larger has been framed already."""
LEVEL = 2.0
"""Degrees by which a head may lean without being levelled: less is what detectors are off by."""


class NoFaceError(KeyFaceError):
    """No face was found, or there is nothing that finds one."""


@dataclass(frozen=True)
class Found:
    """The face that is meant, and the square it is shown in.

    Attributes:
        face: in the picture.
        framing: around it, within the picture.
        number: how many faces the picture has.
    """

    face: Face
    framing: Framing
    number: int


def find_face(picture: torch.Tensor, which: Which = "largest") -> Found:
    """Finds a face with the detector at hand, and frames it as in training.

    Warns where it is turned aside too far.

    Args:
        picture: (3, height, width) in [-1, 1].
        which: see `Which`.

    Raises:
        NoFaceError: there is no detector, or no face.
        KeyFaceError: the one that is meant is not there.
    """
    detector = find_detector()
    if detector is None:
        raise NoFaceError(f"no face detector is installed: {HOW_TO_GET}; or name the face's square")
    faces = detector(picture)
    if not faces:
        raise NoFaceError(
            "no face was found in the picture; give one in which it is larger and not covered, or name its "
            "square"
        )
    found = found_among(faces, picture.shape[-2:], which)
    if is_extreme(found.face):
        warnings.warn(EXTREME_POSE, stacklevel=2)
    return found


def found_among(
    faces: Sequence[Face],
    shape: Sequence[int],
    which: Which = "largest",
    margin: float = 1.0,
    offset: float = 0.0,
) -> Found:
    """The face that is meant among those of a picture, framed; see `find_face` and `placing.square_of_face`.

    Args:
        shape: the picture's height and width.
    """
    face = chosen(faces, **asked(which))
    x, y, side, angle = square_of_face(face, margin, offset)
    framing = Framing(x, y, side, angle if abs(angle) > LEVEL else 0.0)
    return Found(face, fitted(framing, *shape), len(faces))


def asked(which: Which) -> dict[str, Any]:
    """Which face is meant, as the arguments of `faces.chosen`.

    Raises:
        KeyFaceError: it is nothing that means a face.
    """
    if isinstance(which, str):
        return {"which": which}
    if isinstance(which, int) and not isinstance(which, bool):
        return {"which": "from the left", "number": which}
    if isinstance(which, Sequence) and len(which) == 2:
        return {"which": "nearest", "point": (which[0], which[1])}
    raise KeyFaceError(f'the face is {shown(which)}; give "largest", its number from the left, or a point')
