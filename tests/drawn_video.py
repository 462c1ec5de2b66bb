"""Videos with known pictures at known times, and faces that are coloured squares."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

from keyface_lib.portrait.faces import Face


def write_video(
    path: Path,
    pictures: Iterable[np.ndarray],
    milliseconds: Sequence[int] | None = None,
    rate: int = 25,
    codec: str = "ffv1",
    aspect: Fraction | None = None,
) -> Path:
    """Pictures (height, width, 3) uint8, at a rate or each at its time; lossless with ffv1."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000) if milliseconds else Fraction(1, rate)
        stream.codec_context.gop_size = 12
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for number, picture in enumerate(pictures):
            if not number:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = milliseconds[number] if milliseconds else number
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def plain(level: int, height: int = 32, width: int = 48) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


class Brightness:
    """Reads the mean of red as valence and that of green as arousal."""

    size = 16

    def __call__(self, faces: torch.Tensor) -> torch.Tensor:
        return faces[:, :2].mean((2, 3))


RED, GREEN = 0, 1


def squares(*places: tuple[int, int, int, int, float], height: int = 120, width: int = 160) -> np.ndarray:
    """A black picture with squares (channel, x, y, side, level), which are faces to `find_squares`."""
    picture = np.zeros((height, width, 3), np.uint8)
    for channel, x, y, side, level in places:
        picture[y : y + side, x : x + side, channel] = round(255 * level)
    return picture


def find_squares(picture: torch.Tensor) -> list[Face]:
    """A face for every colour that a picture (3, height, width) has."""
    faces = []
    for channel in (RED, GREEN):
        rows, columns = torch.nonzero(picture[channel] > -0.8, as_tuple=True)
        if len(rows):
            top, left = int(rows.min()), int(columns.min())
            faces.append(Face(left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top, score=0.9))
    return faces


def as_picture(pixels: np.ndarray) -> torch.Tensor:
    """(height, width, 3) uint8 as (3, height, width) in [-1, 1]."""
    return torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1
