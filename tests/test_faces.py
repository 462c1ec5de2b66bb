"""Which face is meant, whether it looks away, and the square that is cut around it."""

import math

import pytest
import torch

from keyface_lib.errors import KeyFaceError
from keyface_lib.portrait.faces import Face, chosen, is_extreme, sideways
from keyface_lib.portrait.framing import Framing
from keyface_lib.portrait.placing import EYE_DISTANCE, EYE_LINE, FACE_CENTRE, FACE_HEIGHT, square_of_face

AHEAD = Face(30, 20, 40, 54, 0.9, ((40, 40), (60, 40)), (50, 52), ((42, 62), (58, 62)))


def box(x, y, size, score=0.9):
    return Face(x, y, size, size, score)


def turned(face: Face, degrees: float, mirrored: bool = False) -> Face:
    """The same face after the picture was turned clockwise around its origin, and mirrored before."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def moved(point):
        x, y = (-point[0] if mirrored else point[0]), point[1]
        return x * cos - y * sin, x * sin + y * cos

    (x, y), pairs = moved(face.centre), [tuple(map(moved, pair)) for pair in (face.eyes, face.mouth)]
    eyes, mouth = (pair[::-1] if mirrored else pair for pair in pairs)
    corner = x - face.width / 2, y - face.height / 2
    return Face(*corner, face.width, face.height, face.score, eyes, moved(face.nose), mouth)


def in_square(face: Face, point, **options) -> torch.Tensor:
    """Where a point lies in the square of a face, in sides from its upper left corner."""
    there = Framing(*square_of_face(face, **options)).to_square(1)
    return there[:, :2] @ torch.tensor(point, dtype=torch.float64) + there[:, 2]


def test_the_largest_the_nth_from_the_left_and_the_nearest_face():
    faces = [box(200, 0, 20, 0.99), box(0, 50, 40), box(100, 0, 30)]
    assert chosen(faces) is faces[1]
    assert [chosen(faces, "from the left", number=n) for n in (1, 2, 3)] == [faces[1], faces[2], faces[0]]
    assert chosen(faces, "nearest", point=(180, 10)) is faces[0]
    assert chosen([box(0, 0, 9, 0.9), first := box(50, 0, 9, 0.8)][::-1]) is first


@pytest.mark.parametrize(
    ("faces", "options", "said"),
    [
        ([], {}, "no face was found"),
        ([box(0, 0, 9)] * 3, {"which": "from the left", "number": 4}, "there are 3 faces; .* choose 1 to 3"),
        ([box(0, 0, 9)], {"which": "from the left", "number": 2}, "there is 1 face; .* choose 1$"),
        ([box(0, 0, 9)], {"which": "from the left", "number": 0}, "number of the face"),
        ([box(0, 0, 9)], {"which": "nearest"}, "no point is given"),
        ([box(0, 0, 9)], {"which": "nearest", "point": (math.nan, 0)}, "finite"),
        ([box(0, 0, 9)], {"which": "largets"}, "did you mean 'largest'"),
    ],
)
def test_a_choice_that_cannot_be_made_is_said(faces, options, said):
    with pytest.raises(KeyFaceError, match=said):
        chosen(faces, **options)


@pytest.mark.parametrize("degrees", [0, 20, -45, 90, 180])
def test_turning_a_picture_turns_the_roll_and_changes_no_yaw(degrees):
    aside = Face(30, 20, 40, 54, 0.9, AHEAD.eyes, (57, 52), AHEAD.mouth)
    assert math.remainder(turned(aside, degrees).roll - degrees, 360) == pytest.approx(0, abs=1e-9)
    assert sideways(turned(aside, degrees)) == pytest.approx(0.35)
    assert is_extreme(turned(aside, degrees))
    assert not is_extreme(turned(AHEAD, degrees))


def test_mirroring_turns_yaw_and_roll_around():
    aside = Face(30, 20, 40, 54, 0.9, ((40, 40), (60, 44)), (57, 52), AHEAD.mouth)
    mirrored = turned(aside, 0, mirrored=True)
    assert sideways(mirrored) == pytest.approx(-sideways(aside))
    assert mirrored.roll == pytest.approx(-aside.roll)
    assert is_extreme(mirrored) == is_extreme(aside)


def test_a_nose_outside_of_the_eyes_and_eyes_that_coincide_are_extreme_and_unknown_ones_are_not():
    assert is_extreme(Face(0, 0, 9, 9, 1, ((2, 2), (5, 2)), (6, 4)))
    assert is_extreme(Face(0, 0, 9, 9, 1, ((2, 2), (2, 2)), (6, 4)))
    assert not is_extreme(box(0, 0, 9))


@pytest.mark.parametrize("degrees", [0, 30, -80, 180])
@pytest.mark.parametrize("margin", [1.0, 1.6])
def test_eyes_lie_level_where_training_has_them(degrees, margin):
    face = turned(AHEAD, degrees)
    left, right = (in_square(face, eye, margin=margin) for eye in face.eyes)
    assert left[1].item() == pytest.approx(EYE_LINE, abs=1e-9)
    assert right[1].item() == pytest.approx(EYE_LINE, abs=1e-9)
    assert (left[0] + right[0]).item() / 2 == pytest.approx(0.5, abs=1e-9)
    assert (right[0] - left[0]).item() == pytest.approx(EYE_DISTANCE / margin, rel=1e-6)


def test_an_offset_lowers_the_square_along_the_face():
    for face in (AHEAD, turned(AHEAD, 90)):
        assert in_square(face, face.eyes[0], offset=0.1)[1] == pytest.approx(EYE_LINE - 0.1)


def test_a_face_that_turns_aside_is_shown_no_larger():
    aside = Face(30, 20, 40, 54, 0.9, ((44, 40), (52, 40)), (44, 52), ((44, 62), (50, 62)))
    assert square_of_face(aside)[2] == pytest.approx(square_of_face(AHEAD)[2], rel=0.02)


@pytest.mark.parametrize("eyes", [None, ((5.0, 5.0), (5.0, 5.0))])
def test_without_eyes_the_extent_places_the_square(eyes):
    face = Face(30, 20, 40, 54, 0.9, eyes)
    x, y, side, angle = square_of_face(face)
    assert (side, angle) == (pytest.approx(54 / FACE_HEIGHT), 0)
    assert in_square(face, face.centre).tolist() == pytest.approx([0.5, FACE_CENTRE])
    assert (x, y) == (50, pytest.approx(47 + (0.5 - FACE_CENTRE) * side))


def test_framing_numbers_out_of_range_and_faces_without_extent_are_refused():
    with pytest.raises(KeyFaceError, match="margin"):
        square_of_face(AHEAD, margin=0)
    with pytest.raises(KeyFaceError, match="offset"):
        square_of_face(AHEAD, offset=math.nan)
    with pytest.raises(KeyFaceError, match="no extent"):
        square_of_face(Face(1, 1, 0, 0, 0.9))
