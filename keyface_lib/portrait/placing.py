"""Where a portrait is cut out around a face, as the pictures that KeyFace was trained on are.

The numbers were measured on two clips of HDTF as its authors crop them (the square around the facial landmarks
of a whole clip, enlarged by 1.2, at 512 x 512): docs/portrait.md.
"""

import math

from ..errors import KeyFaceError
from ..method.values import real
from .faces import Face

EYE_LINE = 0.45
"""How far the line through the eyes lies below the upper edge, of the side; the nose is then near the middle."""
EYE_DISTANCE = 0.23
"""Between the eyes of a face that looks ahead, of the side."""
EYES_TO_MOUTH = 0.9
"""In a face that looks ahead this many times the way from the eyes to the mouth are the way between the eyes
(as in FFHQ's alignment); the longer of both is taken, as a face that turns aside loses the latter."""
FACE_HEIGHT, FACE_CENTRE = 0.68, 0.535
"""Of a face's extent, and how far its middle lies below the upper edge, of the side."""
MARGINS, OFFSETS = (0.2, 10.0), (-2.0, 2.0)


def square_of_face(face: Face, margin: float = 1.0, offset: float = 0.0) -> tuple[float, float, float, float]:
    """The square of a picture that shows a face as KeyFace knows faces.

    It is turned so that the eyes are level and placed by them; without eyes it is upright and placed by the
    face's extent. It may reach beyond the picture.

    Args:
        margin: 1 is as in training; 1.2 shows a fifth more to every side.
        offset: by how much the square lies lower on the face, of its side; 0.1 shows less of the hair.

    Returns:
        x and y of its centre, and its side, in pixels of the picture; by how much it is turned clockwise, in
        degrees. These are the arguments of `framing.Framing`.

    Raises:
        KeyFaceError: margin or offset is out of range, or the face has no extent.
    """
    margin, offset = real("margin", margin, *MARGINS), real("offset", offset, *OFFSETS)
    size = _distance_of_eyes(face)
    if size is None:
        side, angle = face.height / FACE_HEIGHT, 0.0
        (x, y), down = face.centre, 0.5 - FACE_CENTRE
    else:
        side, angle = size / EYE_DISTANCE, face.roll or 0.0
        (x, y), down = _below_forehead(face, angle), 0.5 - EYE_LINE
    if side <= 0:
        raise KeyFaceError("the face has no extent; choose another, or give the box around it")
    # The point that is placed stays where it is on the face when the margin grows.
    down = (down + offset) * side * margin
    turn = math.radians(angle)
    return x - down * math.sin(turn), y + down * math.cos(turn), side * margin, angle


def _distance_of_eyes(face: Face) -> float | None:
    """As it would be if the face looked ahead; None where its points do not tell."""
    if face.roll is None or face.eyes is None:
        return None
    distance = math.dist(*face.eyes)
    if face.mouth is None:
        return distance
    return max(distance, EYES_TO_MOUTH * math.dist(_between(*face.eyes), _between(*face.mouth)))


def _below_forehead(face: Face, angle: float) -> tuple[float, float]:
    """The point on the line through the eyes that is nearest to the middle of the face's extent.

    In a face that turns aside the eyes lie to one side of the head, and the extent does not.
    """
    assert face.eyes is not None
    (x, y), (centre_x, centre_y) = _between(*face.eyes), face.centre
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    along = (centre_x - x) * cos + (centre_y - y) * sin
    return x + along * cos, y + along * sin


def _between(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2
