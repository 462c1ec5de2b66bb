"""One face is followed through the frames of a video, whoever else comes and goes."""

import pytest
import torch
from drawn_video import GREEN, RED, as_picture, find_squares, squares

from keyface_lib.errors import KeyFaceError
from keyface_lib.portrait.following import PATIENCE, RARELY, FollowedFace


def seen(follower: FollowedFace, *places) -> tuple[int, ...] | None:
    """Left, top and size of the face that is followed in a picture with squares at places."""
    face = follower(as_picture(squares(*places)))
    return None if face is None else tuple(round(value) for value in (face.x, face.y, face.width))


def test_the_face_that_was_chosen_is_kept_when_another_grows_larger():
    follower = FollowedFace(find_squares)
    for step in range(12):
        red = (RED, 10 + 3 * step, 30, 30, 1.0)
        green = (GREEN, 120 - 3 * step, 60, 20 + 3 * step, 1.0)
        assert seen(follower, red, green) == pytest.approx((10 + 3 * step, 30, 30), abs=2)


def test_any_face_can_be_chosen():
    red, green = (RED, 90, 30, 30, 1.0), (GREEN, 20, 60, 20, 1.0)
    assert seen(FollowedFace(find_squares), red, green) == (90, 30, 30)
    assert seen(FollowedFace(find_squares, "from the left", 1), red, green) == (20, 60, 20)
    assert seen(FollowedFace(find_squares, "nearest", point=(30, 70)), red, green) == (20, 60, 20)


def test_the_second_from_the_left_is_waited_for():
    follower = FollowedFace(find_squares, "from the left", 2)
    assert seen(follower, (GREEN, 20, 60, 20, 1.0)) is None
    assert seen(follower, (GREEN, 20, 60, 20, 1.0), (RED, 90, 30, 30, 1.0)) == (90, 30, 30)
    assert seen(follower, (RED, 92, 30, 30, 1.0)) == pytest.approx((92, 30, 30), abs=2)
    assert follower.most == 2


def test_another_face_is_not_taken_for_the_one_that_is_covered():
    follower = FollowedFace(find_squares)
    red, green = (RED, 10, 30, 30, 1.0), (GREEN, 120, 60, 20, 1.0)
    seen(follower, red, green)
    assert [seen(follower, green) for _ in range(8)] == [None] * 8
    assert seen(follower, red, green) == pytest.approx((10, 30, 30), abs=2)


def test_after_a_cut_a_face_is_chosen_anew():
    follower = FollowedFace(find_squares)
    seen(follower, (RED, 10, 30, 30, 1.0))
    after = [seen(follower, (GREEN, 120, 60, 20, 1.0)) for _ in range(PATIENCE + 1)]
    assert after == [None] * PATIENCE + [(120, 60, 20)]


def test_a_picture_that_is_shown_for_long_uses_up_the_patience_at_once():
    follower = FollowedFace(find_squares)
    seen(follower, (RED, 10, 30, 30, 1.0))
    assert follower(as_picture(squares(height=90)), frames=PATIENCE) is None
    assert seen(follower, (GREEN, 120, 60, 20, 1.0)) == (120, 60, 20)


def test_a_face_is_looked_for_where_it_was_and_only_then_everywhere():
    looked_at = []

    def find(picture: torch.Tensor):
        looked_at.append(picture.shape[-1])
        return find_squares(picture)

    follower = FollowedFace(find)
    seen(follower, (RED, 10, 30, 30, 1.0))
    seen(follower, (RED, 14, 30, 30, 1.0))
    assert looked_at == [160, 320]
    seen(follower)
    assert looked_at == [160, 320, 320, 160]


def test_a_video_without_a_face_is_looked_at_now_and_then():
    looked_at = []

    def find(picture: torch.Tensor):
        looked_at.append(picture)
        return find_squares(picture)

    follower = FollowedFace(find)
    for _ in range(100):
        seen(follower)
    assert 25 <= len(looked_at) <= 35
    shown = [seen(follower, (RED, 10, 30, 30, 1.0)) for _ in range(5)]
    assert shown.index((10, 30, 30)) < RARELY


def test_a_choice_that_is_none_is_told():
    with pytest.raises(KeyFaceError, match="the choice of a face"):
        seen(FollowedFace(find_squares, "smallest"), (RED, 10, 30, 30, 1.0))
