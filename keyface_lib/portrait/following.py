"""One face through the frames of a video: chosen once, then the one that is nearest to where it was."""

import math
from collections.abc import Sequence

import torch

from ..method.timeline import FPS
from .faces import Face, FaceDetector, Point, chosen
from .framing import Framing, cropped
from .searching import mapped

REACH = 1.0
"""By how many of its own sizes a face may have moved since it was last seen."""
GROWTH = 2.0
"""How many times as large or as small it may have become."""
PATIENCE = FPS // 2
"""Frames without the face after which one is chosen anew, as after a cut."""
AT_ONCE, RARELY = 8, 4
"""After so many pictures in a row without the face, only one in so many is looked at: to find nothing takes a
detector the longest, as it then looks in turned pictures too."""
AROUND, LOOKED_AT = 2.5, 320
"""A face is first looked for where it was: what is shown around it, in sizes of the face, and in pixels."""


class FollowedFace:
    """Finds the same face in every frame.

    A person who takes the place of another between two frames is not noticed.

    Attributes:
        most: how many faces there were at most in a frame, as far as whole frames were looked at.
    """

    def __init__(
        self,
        detector: FaceDetector,
        which: str = "largest",
        number: int = 1,
        point: Point | None = None,
        face: Face | None = None,
    ):
        """Says which face is meant, as `faces.chosen`, in the first frame that shows it.

        Args:
            face: as it was in the frame before the first, where that is known.
        """
        self._detector, self._choice = detector, (which, number, point)
        self._last = face
        self._missed = self._in_vain = 0
        self.most = 0

    def __call__(self, picture: torch.Tensor, frames: int = 1) -> Face | None:
        """The face in the next picture; None where it is not seen.

        Args:
            picture: (3, height, width) in [-1, 1].
            frames: at 25 fps for which it is shown.

        Raises:
            KeyFaceError: the choice is none of `faces.chosen`.
        """
        if self._missed >= PATIENCE:
            self._last = None
        face = None
        if self._in_vain < AT_ONCE or self._in_vain % RARELY == 0:
            face = self._where_it_was(picture) or self._anywhere(picture)
        if face is None:
            self._missed, self._in_vain = self._missed + frames, self._in_vain + 1
        else:
            self._missed, self._in_vain, self._last = 0, 0, face
        return face

    def _where_it_was(self, picture: torch.Tensor) -> Face | None:
        if self._last is None:
            return None
        framing = Framing(*self._last.centre, AROUND * _size(self._last))
        back = framing.to_picture(LOOKED_AT)
        found = self._detector(cropped(picture, framing, LOOKED_AT))
        return same_face([mapped(face, back) for face in found], self._last)

    def _anywhere(self, picture: torch.Tensor) -> Face | None:
        faces = self._detector(picture)
        self.most = max(self.most, len(faces))
        if self._last is not None:
            return same_face(faces, self._last)
        which, number, point = self._choice
        if not faces or (which == "from the left" and number > len(faces)):
            return None
        return chosen(faces, which, number=number, point=point)


def same_face(faces: Sequence[Face], last: Face) -> Face | None:
    """The face nearest to one in another frame that may be the same; None where none may be."""
    size, place = _size(last), last.centre
    near = [
        face
        for face in faces
        if math.dist(face.centre, place) <= REACH * size and size / GROWTH <= _size(face) <= size * GROWTH
    ]
    return min(near, key=lambda face: math.dist(face.centre, place), default=None)


def _size(face: Face) -> float:
    return max(face.width, face.height)
