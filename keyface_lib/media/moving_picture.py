"""Animated GIF, WebP, PNG and AVIF, read picture by picture."""

import warnings
from collections.abc import Iterator
from itertools import count
from typing import BinaryIO

import torch
from PIL import Image

from ..audio.containers import MAX_SECONDS
from ..errors import KeyFaceError
from ..messages import one_line
from .frame_rate import LONGEST_GAP, at_25_fps
from .image import FORMATS as PICTURES
from .image import MAX_EXACT_PIXELS as MAX_PIXELS
from .image import from_pil

UNSAID, SHORTEST = 0.1, 0.02
"""Seconds that a picture is shown which says nothing, or less than the second of these, as browsers do."""


class MovingPicture:
    """The pictures of an animated GIF, WebP, PNG or AVIF, once from the first to the last.

    Attributes:
        expected: 0: how long they are shown is known only when they are read.
        reduction: 1: they are given as they are.
    """

    expected = 0
    reduction = 1.0

    def __init__(self, image: Image.Image, file: BinaryIO, name: str):
        """Takes an open file, which is closed with it; `name` is for messages.

        Raises:
            KeyFaceError: its pictures have more than `MAX_PIXELS`.
        """
        if image.width * image.height > MAX_PIXELS:
            raise KeyFaceError(
                f"{name}: moves and has more than {MAX_PIXELS // 10**6} million pixels; make it smaller"
            )
        self._image, self._file, self._name = image, file, name

    def frames(self, first: int = 0) -> Iterator[tuple[torch.Tensor, int]]:
        """As `Film.frames`; warns where the file is damaged."""
        total = 0
        for image, times in at_25_fps(self._timed()):
            total += times
            if total > first:
                yield from_pil(image), min(times, total - first)

    def _timed(self) -> Iterator[tuple[float, float, Image.Image]]:
        start = 0.0
        for number in count():
            try:
                self._image.seek(number)
                image = self._image.copy()
            except Exception as error:  # a damaged file can make a decoder raise nearly anything
                if number and isinstance(error, EOFError):  # how Pillow says that there are no more
                    return
                if not number:
                    raise KeyFaceError(
                        f"{self._name}: cannot be read ({one_line(error, 120)}); copy or download it again"
                    ) from error
                warnings.warn(
                    f"{self._name}: is damaged from its picture {number + 1} on; what comes before is taken",
                    stacklevel=2,
                )
                return
            length = float(self._image.info.get("duration") or 0) / 1000
            length = min(length, LONGEST_GAP) if length >= SHORTEST else UNSAID
            if start + length > MAX_SECONDS:
                raise KeyFaceError(
                    f"{self._name}: is longer than {MAX_SECONDS // 3600} hours; cut it into parts"
                )
            yield start, length, image
            start += length

    def close(self) -> None:
        """Lets go of the file."""
        self._image.close()
        self._file.close()

    def __enter__(self) -> "MovingPicture":
        return self

    def __exit__(self, *_exception) -> None:
        self.close()


def moving_picture_in(file: BinaryIO) -> Image.Image | None:
    """The picture with several frames that a file holds, undecoded, or None."""
    Image.init()
    try:
        image = Image.open(file, formats=[name for name in PICTURES if name in Image.OPEN])
        moves = getattr(image, "is_animated", False) and image.format != "MPO"  # a photo with its preview
    except Exception:  # what is wrong with a picture, `load_image` says
        file.seek(0)
        return None
    if moves:
        return image
    file.seek(0)
    return None
