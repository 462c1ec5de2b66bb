"""Pictures of any kind as one kind of tensor."""

import os
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps

from ..errors import KeyFaceError

MAX_PIXELS = 100_000_000
"""Larger pictures are refused: this many take 1.2 GB."""


def load_image(path: str | os.PathLike) -> torch.Tensor:
    """Reads a picture as a viewer shows it.

    Its EXIF rotation is applied; what is transparent shows mid-grey, the middle of the value range; grey,
    palette, 16-bit and CMYK pictures become RGB; of an animation the first frame is taken, with a warning.

    Returns:
        (3, height, width) float32 in [-1, 1].

    Raises:
        KeyFaceError: the file is missing, not a picture, damaged, or has more than `MAX_PIXELS`.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(path)
            if getattr(image, "is_animated", False) and image.format != "MPO":  # a photo with its preview
                warnings.warn(f"{path}: has several frames; the first is taken", stacklevel=2)
            return _to_tensor(ImageOps.exif_transpose(image))
    except KeyFaceError:
        raise
    except FileNotFoundError:
        raise KeyFaceError(f"{path}: there is no such picture; check the path") from None
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except Image.UnidentifiedImageError as error:
        raise KeyFaceError(f"{path}: is not a picture; give a PNG, JPEG, WebP or TIFF file") from error
    except Exception as error:  # a damaged file can make a decoder raise nearly anything
        reason = " ".join(str(error).split())
        raise KeyFaceError(f"{path}: cannot be read ({reason}); save it anew from a viewer") from error


def square(image: torch.Tensor, size: int) -> torch.Tensor:
    """The central square of a picture (3, h, w) in [-1, 1], resized without aliasing: (3, size, size)."""
    height, width = image.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    crop = image[None, :, top : top + side, left : left + side]
    return F.interpolate(crop, (size, size), mode="bicubic", antialias=True)[0].clamp(-1, 1)


def _to_tensor(image: Image.Image) -> torch.Tensor:
    if image.mode.startswith("I;16") or image.mode == "I":
        levels = torch.from_numpy(np.asarray(image, dtype=np.float32) / 65535)
        if levels.max() > 1:
            raise ValueError("it has more than 16 bits a channel")
        return (levels * 2 - 1).expand(3, -1, -1).contiguous()
    if image.mode == "F":
        raise ValueError("its values are floating point, without a defined white")
    if image.has_transparency_data:
        rgba = _channels(image.convert("RGBA"))
        return rgba[:3] * (rgba[3:] + 1) / 2
    return _channels(image.convert("RGB"))


def _channels(image: Image.Image) -> torch.Tensor:
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    return pixels.float().div_(127.5).sub_(1)


def _too_large(path: str | os.PathLike) -> KeyFaceError:
    return KeyFaceError(f"{path}: has more than {MAX_PIXELS // 10**6} million pixels; make it smaller")


def from_pil(image: Image.Image) -> torch.Tensor:
    """A PIL image as `load_image` gives it, (3, height, width) in [-1, 1]; raises as that does."""
    if image.width * image.height > MAX_PIXELS:
        raise _too_large("the picture")
    try:
        return _to_tensor(ImageOps.exif_transpose(image))
    except Exception as error:  # a file that PIL reads only now can make it raise nearly anything
        reason = " ".join(str(error).split())[:200]
        raise KeyFaceError(f"the picture cannot be read ({reason}); give another, in RGB") from error
