"""Where the square around a face lies in every frame of a video: followed to both sides of a known moment."""

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from ..method.smoothing import local_lines
from .faces import Face, FaceDetector, chosen
from .following import AT_ONCE, PATIENCE, RARELY, FollowedFace, same_face
from .framing import Framing
from .placing import square_of_face

PLACE_S, SIZE_S = 0.2, 0.6
"""Seconds over which the place of a square, and its size and lean, are smoothed: what a detector says of them
trembles from frame to frame, and heads change their size and lean slower than their place."""
JUMP = 0.3
"""Of its side: a square that moves further from one frame to the next is in another shot."""

_UNSEEN = (math.nan,) * 4


@dataclass(frozen=True)
class Track:
    """A square around a face in the pictures of a video.

    Attributes:
        squares: (pictures, 4), x, y, side and angle as `placing.square_of_face` has them; NaN where the face
            is not seen.
        times: (pictures,), for how many frames at 25 fps each is shown.
    """

    squares: torch.Tensor
    times: torch.Tensor


class Tracker:
    """Follows one face through a video, picture by picture, from a moment at which it is known.

    Pictures before that moment are looked at whole; the face is followed back through them once it is known.
    Each takes about 40 bytes, before that moment about a kilobyte for every face in it.
    """

    def __init__(self, detector: FaceDetector):
        self._detector = detector
        self._before: list[list[Face]] = []
        self._squares, self._times = array("d"), array("q")
        self._follower: FollowedFace | None = None
        self._in_vain = 0

    def before(self, picture: torch.Tensor, frames: int) -> None:
        """A picture (3, height, width) in [-1, 1] before the moment, and for how many frames it is shown."""
        faces: list[Face] = []
        if self._in_vain < AT_ONCE or self._in_vain % RARELY == 0:
            faces = self._detector(picture)
        self._in_vain = 0 if faces else self._in_vain + 1
        self._before.append(faces)
        self._times.append(frames)

    def known(self, face: Face) -> None:
        """The moment has come: the next picture shows the face there."""
        back: list[tuple[float, ...]] = []
        last, missed = face, 0
        for faces, frames in zip(reversed(self._before), reversed(self._times), strict=True):
            found = same_face(faces, last)
            if found is None and missed >= PATIENCE and faces:
                found = chosen(faces, "nearest", point=face.centre)
            last, missed = (last, missed + frames) if found is None else (found, 0)
            back.append(_square(found))
        for square in reversed(back):
            self._squares.extend(square)
        self._before = []
        self._follower = FollowedFace(self._detector, "nearest", point=face.centre, face=face)

    def after(self, picture: torch.Tensor, frames: int) -> None:
        """A picture from the moment on, as `before`."""
        assert self._follower is not None
        self._squares.extend(_square(self._follower(picture, frames)))
        self._times.append(frames)

    @property
    def track(self) -> Track:
        squares = torch.from_numpy(np.array(self._squares, np.float64).reshape(-1, 4))
        return Track(squares, torch.from_numpy(np.array(self._times, np.int64)))


def face_in(faces: Iterable[Face], framing: Framing) -> Face | None:
    """The face that a square shows: the one nearest to its middle of those that lie in it."""
    middle = framing.x, framing.y
    there = [face for face in faces if math.dist(face.centre, middle) <= framing.side / 2]
    return min(there, key=lambda face: math.dist(face.centre, middle), default=None)


def moved(framing: Framing, track: Track, at: int) -> torch.Tensor:
    """The square that lies in every frame around the face as `framing` does in one, without a tremble.

    Where the face is not seen for less than `PATIENCE` frames, it is taken to go on a straight line from
    where it was to where it is seen again.

    Args:
        at: the frame of `framing`, in which the face is seen.

    Returns:
        (frames, 4): x, y, side and angle of `Framing`; NaN where the face is not seen for longer.
    """
    squares = track.squares.repeat_interleave(track.times, dim=0)
    for first, last in _shots(squares):
        shot = _bridged(squares[first : last + 1])
        for lane, width in enumerate((PLACE_S, PLACE_S, SIZE_S, SIZE_S)):
            shot[:, lane] = local_lines(shot[:, lane], width)
        squares[first : last + 1] = shot
    squares = _held(squares, track.times)
    x, y, side, angle = squares[at].tolist()
    grown, turned = squares[:, 2] / side, squares[:, 3] - angle
    cos, sin = (function(torch.deg2rad(turned)) for function in (torch.cos, torch.sin))
    across, down = framing.x - x, framing.y - y
    return torch.stack(
        [
            squares[:, 0] + grown * (cos * across - sin * down),
            squares[:, 1] + grown * (sin * across + cos * down),
            grown * framing.side,
            turned + framing.angle,
        ],
        dim=1,
    )


def _held(squares: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
    """Squares that stand still while a picture does: their mean over the frames that show it."""
    picture = torch.arange(len(times)).repeat_interleave(times)
    sums = squares.new_zeros(len(times), 4).index_add_(0, picture, squares)
    return (sums / times[:, None])[picture]


def _square(face: Face | None) -> tuple[float, ...]:
    return _UNSEEN if face is None else square_of_face(face)


def _shots(squares: torch.Tensor) -> list[tuple[int, int]]:
    """The first and last frame of each stretch through which the face is seen, but for short gaps."""
    seen = (~squares[:, 0].isnan()).nonzero().flatten().tolist()
    shots: list[tuple[int, int]] = []
    for frame in seen:
        gone = frame - shots[-1][1] if shots else 0
        if 0 < gone <= PATIENCE and not _jumps(squares[frame - gone], squares[frame], gone):
            shots[-1] = shots[-1][0], frame
        else:
            shots.append((frame, frame))
    return shots


def _jumps(one: torch.Tensor, other: torch.Tensor, frames: int) -> bool:
    return float((one[:2] - other[:2]).norm()) > frames * JUMP * float(one[2])


def _bridged(shot: torch.Tensor) -> torch.Tensor:
    """Numbers for the frames of a shot (frames, 4) that lack them, and angles that do not leap by a turn."""
    seen = ~shot[:, 0].isnan().numpy()
    frames = np.arange(len(shot))
    lanes = [np.interp(frames, frames[seen], lane[seen]) for lane in _unwound(shot.numpy(), seen).T]
    return torch.from_numpy(np.stack(lanes, axis=1))


def _unwound(shot: np.ndarray, seen: np.ndarray) -> np.ndarray:
    shot = shot.copy()
    shot[seen, 3] = np.unwrap(shot[seen, 3], period=360)
    return shot
