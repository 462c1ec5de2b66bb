"""What other nodes say of the faces in pictures, as the library's own: boxes, landmarks, masks."""

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real

import torch

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.portrait.faces import Face

RIGHT_IRIS, LEFT_IRIS, NOSE_TIP, MOUTH_CORNERS = 468, 473, 1, (61, 291)
"""Numbers of MediaPipe's 478 face landmarks, right and left being the person's."""


def boxes(name: str, value: object) -> list[list[Face]]:
    """The faces of every picture, of a BOUNDING_BOX: one, a list of them, or a list for each picture.

    Raises:
        KeyFaceError: it is none of them, or a box has no four finite numbers or no area.
    """
    if isinstance(value, Mapping):
        return [[_face(name, value)]]
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise _no_box(name)
    if all(isinstance(entry, Mapping) for entry in value):
        return [[_face(name, box) for box in value]]
    if not all(isinstance(entry, Sequence) and not isinstance(entry, str) for entry in value):
        raise _no_box(name)
    return [[_face(name, box) for box in frame] for frame in value]


def landmarks(name: str, value: object) -> list[list[Face]]:
    """The faces of every picture, of the FACE_LANDMARKS that Detect Face Landmarks (MediaPipe) puts out.

    Raises:
        KeyFaceError: they are of another kind.
    """
    try:
        return [[_face_of_landmarks(face) for face in frame] for frame in value["frames"]]  # type: ignore[index]
    except (KeyError, TypeError, IndexError, ValueError, OverflowError, RuntimeError) as error:
        raise KeyFaceError(
            f"{name} holds no landmarks of MediaPipe's 478; connect Detect Face Landmarks (MediaPipe)"
        ) from error


def face_of_mask(mask: torch.Tensor, shape: Sequence[int]) -> Face:
    """The face that is painted: the extent of a mask (height, width).

    Raises:
        KeyFaceError: it has another size than the picture, or nothing is painted.
    """
    if tuple(mask.shape) != tuple(shape):
        if not mask.any():  # Load Image's, of a picture without transparency
            raise _unpainted()
        raise KeyFaceError(
            f"the mask is {mask.shape[1]} x {mask.shape[0]} pixels and the picture {shape[1]} x {shape[0]}; "
            "connect the mask of this picture"
        )
    rows, columns = (torch.nonzero((mask > 0.5).any(dim)).flatten() for dim in (1, 0))
    if not len(rows):
        raise _unpainted()
    top, left = int(rows[0]), int(columns[0])
    return Face(left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top, 1.0)


def _unpainted() -> KeyFaceError:
    return KeyFaceError("the mask is empty; paint over the face in the mask editor, or disconnect the mask")


def _face(name: str, box: object) -> Face:
    if not isinstance(box, Mapping):
        raise _no_box(name)
    numbers = [box.get(key) for key in ("x", "y", "width", "height")]
    if not all(isinstance(number, Real) for number in numbers):
        raise _no_box(name)
    x, y, width, height = map(_float, numbers)  # type: ignore[arg-type]
    if not (width > 0 and height > 0 and all(map(_is_finite, (x, y, width, height)))):
        raise KeyFaceError(
            f"{name} has a box of {width:g} x {height:g} pixels; give one with an area around the face"
        )
    score = box.get("score", 1.0)
    return Face(x, y, width, height, _float(score) if isinstance(score, Real) else 1.0)


def _float(number: Real) -> float:
    try:
        return float(number)
    except OverflowError:  # a whole number of hundreds of digits
        return math.inf


def _is_finite(number: float) -> bool:
    return abs(number) < 1e7


def _no_box(name: str) -> KeyFaceError:
    return KeyFaceError(
        f"{name} is no BOUNDING_BOX, which holds x, y, width and height; connect a face detector's boxes"
    )


def _face_of_landmarks(face: Mapping) -> Face:
    points = torch.as_tensor(face["landmarks_xy"]).double()
    left, top, right, bottom = (float(number) for number in face["bbox_xyxy"])
    if not (right > left and bottom > top and points.isfinite().all()):
        raise ValueError("a face without an extent")

    def places(numbers: Iterable[int]) -> list[tuple[float, float]]:
        return [(float(points[number, 0]), float(points[number, 1])) for number in numbers]

    eyes, mouth = places((RIGHT_IRIS, LEFT_IRIS)), places(MOUTH_CORNERS)
    nose = places([NOSE_TIP])[0]
    return Face(
        left,
        top,
        right - left,
        bottom - top,
        float(face.get("score", 1.0)),
        (eyes[0], eyes[1]),
        nose,
        (mouth[0], mouth[1]),
    )
