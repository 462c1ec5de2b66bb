"""Faces of any size and lean, by a detector that knows upright ones of a few sizes."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from .faces import Face, FaceDetector, Point
from .framing import Framing, at_most, cropped

LONGEST_SIDES = (640, 2560)
"""Pictures are shown in these sizes, in pixels of their longer side. YuNet finds faces of 16 to 600 pixels."""
OVERLAP = 0.4
"""Two faces that share more than this of the smaller one are one."""
SURE = 0.9
"""Faces are also looked for in turned pictures unless one is found so surely."""
TURNS = (45, 90, 135, 180, 225, 270, 315)
"""By how many degrees pictures are turned."""
BETTER = 0.03
"""By how much a score in a turned picture has to be better."""
AROUND, LOOKED_AT = 1.8, 480
"""Every face is looked at once more: what is shown around it, in sizes of the face, and in pixels. Leaning by
10 degrees a face of 270 pixels is told to lean by about 9, one of 80 pixels by 1 to 2 (docs/portrait.md)."""
LOOKS, LEVEL = 4, 2.0
"""It is looked at again, turned back by what it leans, until it leans by no more than these degrees."""


def search(once: FaceDetector, picture: torch.Tensor) -> list[Face]:
    """Finds faces, also small, large, leaning and upside down ones.

    Args:
        once: finds upright faces in a picture that it takes as it is.
        picture: (3, height, width) in [-1, 1].

    Returns:
        Best first; a face that leans by any angle has eyes that tell it.
    """
    sizes = [_at_most(picture, longest) for longest in LONGEST_SIDES]
    far, near = sizes[0], sizes[-1]
    found = scaled_to(once(far), far, near)
    if near.shape != far.shape:
        found += once(near)
    faces = without_repeats(found)
    if not faces or faces[0].score < SURE:
        for turn in TURNS:
            turned = without_repeats(scaled_to(_turned(once, far, turn), far, near))
            if turned and (not faces or turned[0].score > faces[0].score + BETTER):
                faces = turned
    levelled = without_repeats([_levelled(once, near, face) for face in faces])
    return scaled_to(levelled, near, picture)


def _at_most(picture: torch.Tensor, longest: int) -> torch.Tensor:
    return at_most(picture, Framing(0, 0, 1), longest)[0]


def scaled_to(faces: Sequence[Face], shown: torch.Tensor, picture: torch.Tensor) -> list[Face]:
    """Faces found in a smaller copy of a picture, in pixels of the picture."""
    (rows, columns), (height, width) = shown.shape[-2:], picture.shape[-2:]
    back = torch.tensor([[width / columns, 0, 0], [0, height / rows, 0]], dtype=torch.float64)
    return [mapped(face, back) for face in faces]


def _turned(once: FaceDetector, picture: torch.Tensor, turn: float) -> list[Face]:
    """Faces that lean by about that many degrees clockwise."""
    height, width = picture.shape[-2:]
    framing = Framing(width / 2, height / 2, math.hypot(width, height), turn)
    size = math.ceil(framing.side)
    back = framing.to_picture(size)
    return [mapped(face, back) for face in once(cropped(picture, framing, size))]


def _levelled(once: FaceDetector, picture: torch.Tensor, face: Face) -> Face:
    """The same face, seen upright and in a good size, so that its points are exact."""
    angle = face.roll
    if angle is None:
        return face
    # A face upside down is found too, its mouth taken for eyes, but less surely.
    views = [(_looked_at(once, picture, face, turn), turn) for turn in (angle, angle + 180)]
    best, angle = max(views, key=lambda view: view[0].score if view[0] else 0.0)
    for _ in range(LOOKS):
        if best is None or best.roll is None:
            break
        face = best
        if abs(math.remainder(best.roll - angle, 360)) <= LEVEL:
            break
        angle = best.roll
        best = _looked_at(once, picture, face, angle)
    return face


def _looked_at(once: FaceDetector, picture: torch.Tensor, face: Face, angle: float) -> Face | None:
    """What is found where a face is, in a picture turned back by an angle."""
    framing = Framing(*face.centre, AROUND * max(face.width, face.height), angle)
    back = framing.to_picture(LOOKED_AT)
    found = [mapped(other, back) for other in once(cropped(picture, framing, LOOKED_AT))]
    same = max(found, key=lambda other: _shared(other, face), default=None)
    return same if same is not None and _shared(same, face) > OVERLAP else None


def mapped(face: Face, to: torch.Tensor) -> Face:
    """A face in other coordinates; one that is turned keeps its extent as an oval would.

    Args:
        to: (2, 3), the map.
    """
    (a, b, left), (c, d, top) = to.tolist()

    def moved(point: Point) -> Point:
        x, y = point
        return a * x + b * y + left, c * x + d * y + top

    x, y = moved(face.centre)
    width, height = math.hypot(a * face.width, b * face.height), math.hypot(c * face.width, d * face.height)
    return Face(
        x - width / 2,
        y - height / 2,
        width,
        height,
        face.score,
        face.eyes and (moved(face.eyes[0]), moved(face.eyes[1])),
        face.nose and moved(face.nose),
        face.mouth and (moved(face.mouth[0]), moved(face.mouth[1])),
    )


def without_repeats(faces: Sequence[Face]) -> list[Face]:
    """Faces, best first, without those that overlap with a better one, such as a part taken for a whole."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: face.score, reverse=True):
        if all(_shared(face, other) <= OVERLAP for other in kept):
            kept.append(face)
    return kept


def _shared(one: Face, other: Face) -> float:
    """How much of the smaller of two extents lies in both."""
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    smaller = min(one.width * one.height, other.width * other.height)
    return max(across, 0) * max(down, 0) / smaller if smaller > 0 else 0.0
