"""Faces in a picture: what is known of each, which one is meant, and whether it looks away too far."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch

from ..errors import KeyFaceError
from ..method.values import choice, real, whole

Point: TypeAlias = tuple[float, float]
"""(x, y) in pixels of a picture; (0, 0) is the outer corner of its first pixel."""
CHOICES = ("largest", "from the left", "nearest")
EXTREME = 0.3
"""Of `sideways`, about 40 degrees; speakers in two clips of HDTF stay below it (docs/portrait.md)."""


@dataclass(frozen=True)
class Face:
    """A face in a picture, in pixels of that picture.

    Attributes:
        x, y: the upper left corner of its extent, which may lie outside the picture.
        width, height: of its extent, from the forehead to the chin.
        score: how sure the detector is, in [0, 1].
        eyes: their middles, None where the detector tells none. The first is the one that lies left when the
            face is upright, so that a face upside down has it on the right.
        nose: its tip.
        mouth: its corners, in the order of the eyes.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    eyes: tuple[Point, Point] | None = None
    nose: Point | None = None
    mouth: tuple[Point, Point] | None = None

    @property
    def centre(self) -> Point:
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def roll(self) -> float | None:
        """By how much it leans clockwise, in degrees from -180 to 180; None without two eyes."""
        if self.eyes is None or self.eyes[0] == self.eyes[1]:
            return None
        (left, top), (right, bottom) = self.eyes
        return math.degrees(math.atan2(bottom - top, right - left))


class FaceDetector(Protocol):
    """Finds the faces of a picture (3, height, width) in [-1, 1], best first; an empty list where is none."""

    def __call__(self, picture: torch.Tensor, /) -> list[Face]: ...


def chosen(
    faces: Sequence[Face], which: str = "largest", *, number: int = 1, point: Point | None = None
) -> Face:
    """The face that is meant.

    Args:
        faces: as a detector gives them.
        which: "largest"; "from the left", the one of that number; or "nearest", to the point.
        number: from 1, counted by the faces' centres.
        point: in the picture.

    Raises:
        KeyFaceError: there is no face, none of that number, or no point.
    """
    which = choice("the choice of a face", which, CHOICES)
    if not faces:
        raise KeyFaceError(
            "no face was found in the picture; give one in which the face is larger and not covered, or say "
            "where it is"
        )
    if which == "largest":
        return max(faces, key=lambda face: face.width * face.height)
    if which == "from the left":
        number = whole("the number of the face", number, 1, 10**6)
        if number > len(faces):
            found = "is 1 face" if len(faces) == 1 else f"are {len(faces)} faces"
            raise KeyFaceError(
                f"there {found}; number {number} from the left is none of them, choose 1"
                + (f" to {len(faces)}" if len(faces) > 1 else "")
            )
        return sorted(faces, key=lambda face: face.centre)[number - 1]
    if point is None:
        raise KeyFaceError("the nearest face is meant but no point is given; give x and y in the picture")
    x, y = (real("the point", value) for value in point)
    return min(faces, key=lambda face: math.dist(face.centre, (x, y)))


def sideways(face: Face) -> float | None:
    """How far a face is turned aside: the nose's distance from between the eyes, along the line through them.

    It is measured in distances between the eyes, positive to the right in the upright face. With eyes on a
    ball and a nose that stands out from it, it is k * tan(yaw); k is about 0.36 (docs/portrait.md). It tells
    nothing of looking up or down.

    Returns:
        0 for a face that looks ahead, 0.5 where the nose is below an eye; infinity where the eyes coincide,
        as they do in profile; None without eyes or nose.
    """
    if face.eyes is None or face.nose is None:
        return None
    first, second = face.eyes
    distance = math.dist(first, second)
    if distance == 0:
        return math.inf
    along = ((second[0] - first[0]) / distance, (second[1] - first[1]) / distance)
    from_middle = (face.nose[0] - (first[0] + second[0]) / 2, face.nose[1] - (first[1] + second[1]) / 2)
    return (from_middle[0] * along[0] + from_middle[1] * along[1]) / distance


def is_extreme(face: Face) -> bool:
    """Whether a face is turned aside further than KeyFace can show well (appendix G of the paper).

    A face of which eyes or nose are unknown is not called extreme.
    """
    turned = sideways(face)
    return turned is not None and abs(turned) > EXTREME
