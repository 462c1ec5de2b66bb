"""Small pictures with a line of words below, to tell keyframes apart by."""

from collections.abc import Collection, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from ..errors import KeyFaceError
from ..method.tensors import check_images

WIDTH, STRIP, LETTERS = 192, 24, 14
"""Pixels: of a thumbnail, of the strip below it, and of its letters."""
GROUND, WORDS, KEPT = "#1b1b1f", "#d0d0d8", "#e8a15c"
_FRAME = 3


def labelled(pictures: torch.Tensor, labels: Sequence[str], kept: Collection[int] = ()) -> torch.Tensor:
    """Thumbnails, all of one size, with their labels.

    Args:
        pictures: (n, height, width, 3) in [0, 1].
        labels: of each picture.
        kept: numbers of pictures that get a frame.

    Returns:
        (n, h, 192, 3) in [0, 1], float32.

    Raises:
        KeyFaceError: pictures of another kind, or labels for more or fewer of them.
    """
    check_images(pictures, "the pictures to label", "(n, height, width, 3)", low=0.0)
    if len(labels) != len(pictures):
        raise KeyFaceError(f"{len(labels)} labels were given for {len(pictures)} pictures; give one for each")
    levels = pictures.float().clamp(0, 1).mul(255).round().to(torch.uint8).cpu().numpy()
    drawn = [
        _labelled(Image.fromarray(picture), label, number in kept)
        for number, (picture, label) in enumerate(zip(levels, labels, strict=True))
    ]
    return torch.from_numpy(np.stack(drawn).astype(np.float32) / 255)


def _labelled(picture: Image.Image, label: str, kept: bool) -> np.ndarray:
    height = max(1, round(WIDTH * picture.height / picture.width))
    thumbnail = Image.new("RGB", (WIDTH, height + STRIP), GROUND)
    thumbnail.paste(picture.resize((WIDTH, height), Image.Resampling.BICUBIC))
    draw = ImageDraw.Draw(thumbnail)
    font = ImageFont.load_default(LETTERS)
    draw.text((WIDTH / 2, height + STRIP / 2), label, KEPT if kept else WORDS, font, anchor="mm")
    if kept:
        draw.rectangle((0, 0, WIDTH - 1, height - 1), outline=KEPT, width=_FRAME)
    return np.asarray(thumbnail)
