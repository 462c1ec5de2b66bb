"""What is read off a face, frame by frame."""

import warnings
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import KeyFaceError
from ..method.timeline import FPS
from ..portrait.faces import Face
from ..portrait.following import FollowedFace
from ..portrait.framing import Framing, central, cropped
from .hsemotion import EmotionReader


@dataclass(frozen=True)
class Observed:
    """What a face felt in every frame at 25 fps, as it was read.

    Attributes:
        valence, arousal: (frames,) float64 in [-1, 1]; where the face was not seen, on the straight line
            between the frames before and after.
        seen: (frames,) bool, whether it was.
    """

    valence: torch.Tensor
    arousal: torch.Tensor
    seen: torch.Tensor

    @property
    def n_frames(self) -> int:
        return len(self.seen)


def observe(
    film: Iterable[tuple[torch.Tensor, int]],
    reader: EmotionReader,
    face: FollowedFace | None,
    progress: Callable[[int], None] | None = None,
    watch: Callable[[int, int, torch.Tensor | None], None] | None = None,
) -> Observed:
    """Reads valence and arousal off every frame. Memory grows by nine bytes with each.

    Args:
        film: pictures (3, height, width) in [-1, 1], and for how many frames at 25 fps each is shown.
        face: which face; None reads the central square.
        progress: called with the frames that are done.
        watch: called with the first frame and the number of frames of what was just read, and the face in
            it, (3, size, size) in [-1, 1]; None where it was not seen.

    Raises:
        KeyFaceError: the film cannot be read, or the face is never seen.
    """
    values, seen = array("f"), bytearray()
    for picture, frames in film:
        framing = _framing(picture, face, frames)
        feeling, square = [0.0, 0.0], None
        if framing is not None:
            square = cropped(picture, framing, reader.size)
            feeling = reader(square[None])[0].tolist()
        if watch is not None:
            watch(len(seen), frames, square)
        values.extend(feeling * frames)
        seen.extend([framing is not None] * frames)
        if progress is not None:
            progress(len(seen))
    return _bridged(np.frombuffer(values, np.float32).reshape(-1, 2), np.frombuffer(seen, np.bool_), face)


def square_of(face: Face) -> Framing:
    """The upright square around a face that the models look at.

    They were trained on AffectNet's boxes, which are squares around the face.
    """
    return Framing(*face.centre, max(face.width, face.height), face.roll or 0.0)


def _framing(picture: torch.Tensor, face: FollowedFace | None, frames: int) -> Framing | None:
    if face is None:
        return central(*picture.shape[-2:])
    found = face(picture, frames)
    return None if found is None else square_of(found)


def _bridged(values: np.ndarray, seen: np.ndarray, face: FollowedFace | None) -> Observed:
    if not seen.any():
        raise _never_seen(len(seen), face.most if face is not None else 0)
    missing = len(seen) - int(seen.sum())
    if missing:
        warnings.warn(
            f"{missing} of {len(seen)} frames ({missing / FPS:.2f} s) do not show the face; what it feels in "
            "them is bridged from the frames before and after",
            stacklevel=3,
        )
    frames = np.arange(len(seen))
    lanes = [np.interp(frames, frames[seen], lane[seen]) for lane in values.T]
    return Observed(*map(torch.from_numpy, lanes), torch.from_numpy(seen.copy()))


def _never_seen(frames: int, most: int) -> KeyFaceError:
    where = "the picture" if frames == 1 else f"{frames} frames"
    if not most:
        return KeyFaceError(
            f"no face was found in {where}; give a video or picture in which it is larger and not covered, "
            "or choose centre, which reads the central square"
        )
    found = "1 face" if most == 1 else f"{most} faces"
    return KeyFaceError(
        f"there is no such face in {where}: at most {found} are seen at a time; choose another"
    )
